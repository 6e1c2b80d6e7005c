//! The database in a temporary directory.

use std::fs;

use p2p_mux::identity::SecretKey;
use p2p_world::SystemWorld;

use super::*;
use crate::access::{Pin, PinChange, PinRank};

pub(super) fn open_store(path: &Path) -> Result<NodeStore, StoreError> {
    NodeStore::open(SystemWorld::shared(), path)
}

pub(super) fn node(number: u16) -> Enode {
    let mut key = [1; 32];
    key[..2].copy_from_slice(&number.to_be_bytes());
    let [high, low] = number.to_be_bytes();
    let id = SecretKey::from_bytes(&key).unwrap().id();
    Enode::new(id, ([10, 1, high, low], 30303).into())
}

fn latest(store: &NodeStore, oldest: u64, count: usize) -> Vec<Enode> {
    store.best(oldest, count).unwrap().into_iter().map(|known| known.enode).collect()
}

#[test]
fn nodes_are_read_after_a_restart_the_latest_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nodes");
    let store = open_store(&path).unwrap();
    store.put(100, &[node(1), node(2)]).unwrap();
    store.put(200, &[node(2), node(3)]).unwrap();
    drop(store);
    let store = open_store(&path).unwrap();
    assert_eq!(latest(&store, 0, 9), [node(2), node(3), node(1)]);
    assert_eq!(latest(&store, 101, 9), [node(2), node(3)]);
    assert_eq!(latest(&store, 0, 1), [node(2)]);
}

#[test]
fn the_node_not_seen_for_the_longest_time_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_store(&dir.path().join("nodes")).unwrap();
    let max = u16::try_from(MAX_NODES).unwrap();
    store.put(1, &[node(0)]).unwrap();
    store.put(2, &(1..=max).map(node).collect::<Vec<_>>()).unwrap();
    let kept = latest(&store, 0, usize::MAX);
    assert!(kept.len() == MAX_NODES && !kept.contains(&node(0)));
}

#[test]
fn a_truncated_file_opens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nodes");
    let store = open_store(&path).unwrap();
    store.put(1, &(0..200).map(node).collect::<Vec<_>>()).unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    for part in 1..32 {
        fs::write(&path, &whole[..whole.len() * part / 32]).unwrap();
        let store = open_store(&path).unwrap();
        store.put(2, &[node(7)]).unwrap();
        assert!(latest(&store, 2, 9).contains(&node(7)), "{part}/32");
    }
}

#[test]
fn dials_are_saved_and_decide_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nodes");
    let store = open_store(&path).unwrap();
    store.put(100, &(1..=4).map(node).collect::<Vec<_>>()).unwrap();
    store.record_dial(&node(2), true, 110);
    store.record_dial(&node(3), true, 120);
    for failure in 1..=MANY_FAILURES {
        store.record_dial(&node(3), false, 120 + failure);
    }
    store.record_dial(&node(4), false, 130);
    store.record_dial(&node(9), false, 130);
    store.record_dial(&node(7), true, 105);
    store.put(140, &[]).unwrap();
    drop(store);

    let store = open_store(&path).unwrap();
    assert_eq!(latest(&store, 0, 9), [node(2), node(7), node(1), node(4), node(3)]);
    let known = store.best(0, 9).unwrap();
    let of = |number| known.iter().find(|known| known.enode == node(number)).unwrap();
    let times = |known: &KnownNode| (known.seen, known.success, known.failure, known.failures);
    assert_eq!(times(of(3)), (120, 120, 125, 5));
    assert_eq!(times(of(4)), (100, 0, 130, 1));
    assert_eq!(times(of(7)), (105, 105, 0, 0), "known from TCP only");

    // One success resets the failures.
    store.record_dial(&node(3), true, 150);
    store.record_dial(
        &Enode { host: p2p_mux::identity::Host::Name("a.b".into()), ..node(8) },
        true,
        150,
    );
    store.put(150, &[]).unwrap();
    assert_eq!(store.best(0, 1).unwrap()[0].failures, 0);
    assert_eq!(latest(&store, 0, 9).len(), 5, "a host name is not stored");
}

#[test]
fn pins_are_kept_until_they_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nodes");
    let store = open_store(&path).unwrap();
    let pin = |number, rank, network: &str| Pin {
        id: node(number).id,
        rank,
        network: network.parse().unwrap(),
        seen: 7,
    };
    let save = |pin, displaced| store.put_pin(PinChange { pin, displaced }).unwrap();
    let kept = [
        Pin { seen: 9, ..pin(1, PinRank::Inbound, "192.0.2.0") },
        pin(3, PinRank::Dialed, "2001:db8::"),
        pin(4, PinRank::Listed, "0.0.0.0"),
    ];
    save(pin(1, PinRank::Inbound, "198.51.100.0"), None);
    save(pin(2, PinRank::Inbound, "192.0.2.0"), None);
    save(pin(5, PinRank::Inbound, "192.0.2.0"), None);
    for pin in kept {
        save(pin, Some(node(5).id));
    }
    store.take_pin(&node(2).id).unwrap();
    drop(store);
    let store = open_store(&path).unwrap();
    let mut read = store.read_pins();
    read.sort_by_key(|pin| pin.rank);
    assert_eq!(read, kept);
    assert!(latest(&store, 0, 9).is_empty(), "a pinned node is not one to dial");
    // A damaged file takes them along.
    drop(store);
    fs::write(&path, [0xa5; 10_000]).unwrap();
    assert_eq!(open_store(&path).unwrap().read_pins(), []);
}

#[test]
fn damage_that_is_found_while_it_is_in_use_is_moved_aside_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nodes");
    let store = open_store(&path).unwrap();
    store.put(1, &[node(1)]).unwrap();
    assert_eq!(store.damage().found(), None);
    store.file.read(|_| Err::<(), _>(redb::Error::Corrupted("page 9".into()))).unwrap_err();
    assert!(store.damage().found().is_some());
    drop(store);
    let store = open_store(&path).unwrap();
    assert!(dir.path().join("nodes.damaged-1").exists());
    store.put(2, &[node(1)]).unwrap();
    assert_eq!(latest(&store, 0, 9), [node(1)]);
}

#[test]
fn the_pins_of_an_older_file_are_kept() {
    const OLDER: Layout = Layout {
        version: 1,
        create: |transaction| transaction.open_table(pins::PINS_OF_1).map(drop).map_err(Into::into),
        upgrades: &[],
        ..LAYOUT
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nodes");
    let older = Store::open(SystemWorld::shared(), &path, &OLDER).unwrap().store;
    older
        .write(|transaction| {
            transaction.open_table(pins::PINS_OF_1)?.insert(&node(1).id.0, 7)?;
            Ok(())
        })
        .unwrap();
    drop(older);
    let network = std::net::Ipv6Addr::UNSPECIFIED.into();
    let pin = Pin { id: node(1).id, rank: PinRank::Dialed, network, seen: 7 };
    assert_eq!(open_store(&path).unwrap().read_pins(), [pin]);
}
