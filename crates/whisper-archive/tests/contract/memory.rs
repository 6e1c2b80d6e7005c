//! The archive in memory, with which the others are compared.

use whisper_protocol::{ArchiveId, MemoryArchive};

use crate::promises;

macro_rules! promises {
    ($($name:ident),*) => {
        $(#[tokio::test]
        async fn $name() {
            promises::$name(&MemoryArchive::new(ArchiveId([7; 8]))).await;
        })*
    };
}

crate::promises::every!(promises);
