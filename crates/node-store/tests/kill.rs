//! A process that is killed while it writes leaves a valid file with all acknowledged writes.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use node_store::{
    Layout, OnDamage, Store,
    redb::{ReadableTable as _, TableDefinition},
    test_util::Killed,
};
use p2p_world::SystemWorld;

const NUMBERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("numbers");

const LAYOUT: Layout = Layout {
    what: "the numbers",
    version: 1,
    create: |transaction| {
        transaction.open_table(NUMBERS)?;
        Ok(())
    },
    upgrades: &[],
    on_damage: OnDamage::MoveAside,
};

/// Kills with one file. Then there is a new one, because a larger file takes longer.
const PER_FILE: u32 = 50;

fn open(path: &Path) -> Store {
    let opened = Store::open(SystemWorld::shared(), path, &LAYOUT).unwrap();
    assert!(opened.moved_aside.is_none(), "{:?}", opened.moved_aside);
    opened.store
}

/// The greatest number in the file, and how many there are.
fn newest(store: &Store) -> (u64, u64) {
    let read = store.read(|transaction| {
        let numbers = transaction.open_table(NUMBERS)?;
        let last = numbers.last()?.map_or(0, |(number, _)| number.value());
        Ok((last, numbers.iter()?.count() as u64))
    });
    read.unwrap()
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
        let (last, count) = newest(&open(&path));
        assert!(last >= acknowledged && acknowledged > before, "{kill}: {last}, {acknowledged}");
        assert_eq!(last, count, "none is missing");
        before = last;
    }
}

fn write_without_end(path: &Path) {
    let store = open(path);
    let (last, _) = newest(&store);
    for first in (last + 1..).step_by(20) {
        let write = store.write(|transaction| {
            let mut numbers = transaction.open_table(NUMBERS)?;
            for number in first..first + 20 {
                numbers.insert(number, &[0xa5; 700][..])?;
            }
            Ok(())
        });
        write.unwrap();
        Killed::acknowledge(first + 19);
    }
}
