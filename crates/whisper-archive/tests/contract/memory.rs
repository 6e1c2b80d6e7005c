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

promises! {
    an_envelope_is_stored_once,
    what_arrives_late_is_not_missed,
    a_full_page_is_not_always_followed_by_another,
    an_append_wakes_readers,
    pages_have_limits
}
