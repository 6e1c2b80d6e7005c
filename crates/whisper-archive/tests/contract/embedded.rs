//! The archive in one file.

use std::future::Future;

use p2p_world::SystemWorld;
use proptest::prelude::*;
use tempfile::TempDir;
use whisper_archive::{EmbeddedArchive, Retention};

use crate::promises;

/// A new archive, in a directory that is removed with it.
fn fresh() -> (EmbeddedArchive, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive");
    let opened = EmbeddedArchive::open(SystemWorld::shared(), &path, Retention::default());
    (opened.unwrap().0, dir)
}

/// Runs a test on virtual time: the archive waits for more appends before it writes.
fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test);
}

macro_rules! promises {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            run(async {
                let (archive, _dir) = fresh();
                promises::$name(&archive).await;
            });
        })*
    };
}

crate::promises::every!(promises);

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn it_answers_as_a_list(
        batches in promises::batches(),
        queries in prop::collection::vec(promises::queries(), 1..40),
    ) {
        run(async {
            let (archive, _dir) = fresh();
            promises::it_answers_as_a_list(&archive, batches, queries).await;
        });
    }
}
