//! The database in a temporary directory.

use std::fs;

use p2p_mux::identity::SecretKey;
use p2p_world::SystemWorld;

use super::*;
use crate::access::Pin;

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
    let (store, pin) = (open_store(&path).unwrap(), |number| Pin { id: node(number).id, seen: 7 });
    store.put_pin(pin(1)).unwrap();
    store.put_pin(pin(2)).unwrap();
    store.put_pin(Pin { seen: 9, ..pin(1) }).unwrap();
    store.take_pin(&pin(2).id).unwrap();
    drop(store);
    let store = open_store(&path).unwrap();
    assert_eq!(store.read_pins(), [Pin { seen: 9, ..pin(1) }]);
    assert!(latest(&store, 0, 9).is_empty(), "a pinned node is not one to dial");
    // A damaged file takes them along.
    drop(store);
    fs::write(&path, [0xa5; 10_000]).unwrap();
    assert_eq!(open_store(&path).unwrap().read_pins(), []);
}
