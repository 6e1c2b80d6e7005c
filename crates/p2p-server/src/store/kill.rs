//! A process that is killed while it writes leaves a valid file with all acknowledged writes.

use std::path::Path;

use node_store::test_util::Killed;

use super::tests::{node, open_store};

#[test]
fn a_killed_writer_leaves_a_valid_file() {
    let killed = Killed::test("store::kill::a_killed_writer_leaves_a_valid_file");
    if let Some(path) = killed.writer() {
        return write_without_end(&path);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nodes");
    let mut last = 0;
    for kill in 0..killed.times() {
        let written = killed.kill_while_writing(&path);
        let store = open_store(&path).unwrap();
        let known = store.best(0, 1).unwrap();
        assert!(known[0].success >= written && written > last, "{kill}: {known:?}, {written}");
        last = known[0].success;
    }
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 1, "nothing was moved aside");
}

fn write_without_end(path: &Path) {
    let store = open_store(path).unwrap();
    let first = store.best(0, 1).unwrap().first().map_or(1, |known| known.success + 1);
    for number in first.. {
        let some = u16::try_from(number % 500).unwrap();
        store.record_dial(&node(some), true, number);
        store.put(number, &(some..some + 50).map(node).collect::<Vec<_>>()).unwrap();
        Killed::acknowledge(number);
    }
}
