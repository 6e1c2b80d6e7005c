//! A process that is killed while it writes leaves a valid file with all acknowledged writes.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use node_store::test_util::{Killed, Numbers};
use p2p_world::SystemWorld;

/// Kills with one file. Then there is a new one, because a larger file takes longer.
const PER_FILE: u32 = 50;

fn open(path: &Path) -> Numbers {
    Numbers::open(SystemWorld::shared(), path).unwrap()
}

#[test]
fn a_killed_writer_loses_nothing() {
    let killed = Killed::test("a_killed_writer_loses_nothing");
    if let Some(path) = killed.writer() {
        return write_without_end(&path);
    }
    let mut dir = tempfile::tempdir().unwrap();
    let mut before = 0;
    for kill in 0..killed.times() {
        if kill % PER_FILE == 0 {
            (dir, before) = (tempfile::tempdir().unwrap(), 0);
        }
        let path = dir.path().join("numbers");
        let acknowledged = killed.kill_while_writing(&path);
        let last = open(&path).last().unwrap();
        assert!(last >= acknowledged && acknowledged > before, "{kill}: {last}, {acknowledged}");
        before = last;
    }
}

fn write_without_end(path: &Path) {
    let numbers = open(path);
    for last in (numbers.last().unwrap()..).step_by(20) {
        numbers.write(last, last + 20).unwrap();
        Killed::acknowledge(last + 20);
    }
}
