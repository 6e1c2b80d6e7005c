use super::*;
use crate::settings::Bounds;

fn mailbox() -> Mailbox {
    Mailbox::new(Bounds { items: 9, bytes: usize::MAX })
}

fn insert(filters: &mut Filters, keys: &Keys, key: KeyId, topics: &[&[u8; 4]]) -> FilterId {
    let topics = topics.iter().map(|topic| Topic(**topic)).collect();
    let spec = FilterSpec { topics, ..FilterSpec::new(FilterKey::Symmetric(key)) };
    filters.insert(Arc::new(Filter::new(spec, keys, mailbox()).unwrap()))
}

/// How many filters share each of the keys to be tried, sorted.
fn candidates(filters: &Filters, topic: &[u8; 4]) -> Vec<usize> {
    let mut sizes: Vec<_> = filters.candidates(Topic(*topic)).iter().map(Vec::len).collect();
    sizes.sort_unstable();
    sizes
}

#[test]
fn filters_are_found_by_topic_and_tried_by_key() {
    let (mut filters, keys) = (Filters::default(), Keys::default());
    let (one, other) = (keys.new_symmetric(), keys.new_symmetric());
    insert(&mut filters, &keys, one, &[b"aaaa", b"bbbb"]);
    insert(&mut filters, &keys, one, &[b"aaaa", b"aaaa"]);
    insert(&mut filters, &keys, other, &[b"aaaa"]);
    assert_eq!(candidates(&filters, b"aaaa"), [1, 2]);
    assert_eq!(candidates(&filters, b"bbbb"), [1]);
    assert_eq!(candidates(&filters, b"cccc"), [0; 0]);
    assert!(!filters.has_topic(Topic(*b"cccc")));

    insert(&mut filters, &keys, one, &[]);
    assert_eq!(candidates(&filters, b"aaaa"), [1, 3]);
    assert_eq!(candidates(&filters, b"cccc"), [1]);
    assert!(filters.has_topic(Topic(*b"cccc")));
}

#[test]
fn the_same_key_under_two_names_is_one_key() {
    let (mut filters, keys) = (Filters::default(), Keys::default());
    for _ in 0..2 {
        let key = keys.add_symmetric(SymmetricKey::from_bytes([7; 32]));
        insert(&mut filters, &keys, key, &[b"aaaa"]);
    }
    assert_eq!(candidates(&filters, b"aaaa"), [2]);
}

#[test]
fn removing_leaves_nothing_behind() {
    let (mut filters, keys) = (Filters::default(), Keys::default());
    let key = keys.new_symmetric();
    let ids = [
        insert(&mut filters, &keys, key, &[b"aaaa", b"aaaa", b"bbbb"]),
        insert(&mut filters, &keys, key, &[b"aaaa"]),
        insert(&mut filters, &keys, key, &[]),
    ];
    assert!(filters.remove(&ids[0]).is_some());
    assert!(filters.remove(&ids[0]).is_none());
    assert_eq!(candidates(&filters, b"aaaa"), [2]);
    assert!(filters.get(&ids[1]).is_some());
    assert!(filters.remove(&ids[1]).is_some() && filters.remove(&ids[2]).is_some());
    assert!(
        filters.by_id.is_empty() && filters.by_topic.is_empty() && filters.any_topic.is_empty()
    );
}

#[test]
fn a_filter_needs_a_key_that_exists() {
    let keys = Keys::default();
    let (pair, symmetric) = (keys.new_key_pair(), keys.new_symmetric());
    let error = |key| Filter::new(FilterSpec::new(key), &keys, mailbox()).unwrap_err();
    assert_eq!(error(FilterKey::Symmetric(pair)), FilterError::NoSuchSymmetricKey);
    assert_eq!(error(FilterKey::Private(symmetric)), FilterError::NoSuchKeyPair);
    assert_eq!(FilterError::NoSuchSymmetricKey.to_string(), "non-existent key ID");
    assert_eq!(FilterError::NoSuchKeyPair.to_string(), "invalid id");
}
