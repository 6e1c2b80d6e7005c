use whisper_envelope::SymmetricKey;

use super::*;
use crate::{
    config::QueueLimits,
    delivery::filter::{FilterError, FilterKey, FilterSpec},
    delivery::mailbox::Mailbox,
    keys::Keys,
    keys::id::KeyId,
};

fn mailbox() -> Mailbox {
    Mailbox::new(QueueLimits { items: 9, bytes: usize::MAX })
}

fn filter(keys: &Keys, key: KeyId, topics: &[&[u8]]) -> Arc<Filter> {
    let topics = topics.iter().map(|bytes| PartialTopic::new(bytes).unwrap()).collect();
    let spec = FilterSpec { topics, ..FilterSpec::new(FilterKey::Symmetric(key)) };
    Arc::new(Filter::new(spec, keys, mailbox()).unwrap())
}

fn insert(filters: &mut Filters, keys: &Keys, key: KeyId, topics: &[&[u8]]) -> FilterId {
    let id = FilterId::random(&mut rand::rng());
    filters.insert(id, filter(keys, key, topics), None);
    id
}

/// How many filters share each of the keys to be tried, sorted.
fn candidates(filters: &Filters, topic: &[u8; 4]) -> Vec<usize> {
    let mut sizes: Vec<_> =
        filters.candidates(Topic(*topic), 0).iter().map(|same| same.len()).collect();
    sizes.sort_unstable();
    sizes
}

#[test]
fn filters_are_found_by_topic_and_tried_by_key() {
    let (mut filters, keys) = (Filters::default(), Keys::new(&mut rand::rng()));
    let (one, other) = (keys.new_symmetric(), keys.new_symmetric());
    insert(&mut filters, &keys, one, &[b"aaaa", b"bbbb"]);
    insert(&mut filters, &keys, one, &[b"aaaa", b"aaaa"]);
    insert(&mut filters, &keys, other, &[b"aaaa"]);
    assert_eq!(candidates(&filters, b"aaaa"), [1, 2]);
    assert_eq!(candidates(&filters, b"bbbb"), [1]);
    assert_eq!(candidates(&filters, b"cccc"), [0; 0]);
    assert!(filters.owners(Topic(*b"cccc")).is_empty());

    insert(&mut filters, &keys, one, &[]);
    assert_eq!(candidates(&filters, b"aaaa"), [1, 3]);
    assert_eq!(candidates(&filters, b"cccc"), [1]);
    assert!(!filters.owners(Topic(*b"cccc")).is_empty());
}

#[test]
fn the_same_key_under_two_names_is_one_key() {
    let (mut filters, keys) = (Filters::default(), Keys::new(&mut rand::rng()));
    for _ in 0..2 {
        let key = keys.add_symmetric(SymmetricKey::from_bytes([7; 32]));
        insert(&mut filters, &keys, key, &[b"aaaa"]);
    }
    assert_eq!(candidates(&filters, b"aaaa"), [2]);
}

#[test]
fn removing_leaves_nothing_behind() {
    let (mut filters, keys) = (Filters::default(), Keys::new(&mut rand::rng()));
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
    let keys = Keys::new(&mut rand::rng());
    let (pair, symmetric) = (keys.new_key_pair(), keys.new_symmetric());
    let error = |key| Filter::new(FilterSpec::new(key), &keys, mailbox()).unwrap_err();
    assert_eq!(error(FilterKey::Symmetric(pair)), FilterError::NoSuchSymmetricKey);
    assert_eq!(error(FilterKey::Private(symmetric)), FilterError::NoSuchKeyPair);
    assert_eq!(FilterError::NoSuchSymmetricKey.to_string(), "non-existent key ID");
    let text = "invalid id: there is no key pair with this id";
    assert_eq!(FilterError::NoSuchKeyPair.to_string(), text);
}

#[test]
fn the_beginning_of_a_topic_finds_the_filter_once() {
    let (mut filters, keys) = (Filters::default(), Keys::new(&mut rand::rng()));
    let (one, other) = (keys.new_symmetric(), keys.new_symmetric());
    let whole = insert(&mut filters, &keys, one, &[b"abcd", b"ab", b"abc"]);
    insert(&mut filters, &keys, one, &[b"abc"]);
    insert(&mut filters, &keys, other, &[b"a"]);
    for (topic, found) in
        [(b"abcd", &[1, 2][..]), (b"abzz", &[1, 1]), (b"azzz", &[1]), (b"zzzz", &[])]
    {
        assert_eq!(candidates(&filters, topic), found, "{topic:?}");
        assert_eq!(filters.owners(Topic(*topic)).is_empty(), found.is_empty(), "{topic:?}");
    }
    filters.remove(&whole);
    assert_eq!(candidates(&filters, b"abcd"), [1, 1]);
    assert_eq!(candidates(&filters, b"abzz"), [1]);
}

#[test]
fn idle_filters_are_removed_and_used_ones_stay() {
    let second = Duration::from_secs;
    let (mut filters, keys) = (Filters::default(), Keys::new(&mut rand::rng()));
    let key = keys.new_symmetric();
    let idle = second(60);
    let [used, unused, removed] = [(); 3].map(|()| {
        let id = FilterId::random(&mut rand::rng());
        filters.insert(id, filter(&keys, key, &[b"aaaa"]), Some(idle));
        id
    });
    let lasting = insert(&mut filters, &keys, key, &[b"aaaa"]);
    filters.remove(&removed);
    filters.get(&used).unwrap().touch(second(50));
    assert_eq!(filters.next_timeout(), Some(second(60)));
    assert_eq!(filters.handle_timeout(second(59), idle).len(), 0);
    assert_eq!(filters.handle_timeout(second(60), idle).len(), 1);
    assert!(filters.get(&unused).is_none() && filters.get(&used).is_some());
    assert_eq!(filters.next_timeout(), Some(second(110)));
    assert_eq!(filters.handle_timeout(second(110), idle).len(), 1);
    assert_eq!((filters.next_timeout(), filters.len()), (None, 1));
    assert!(filters.get(&lasting).is_some());
    assert_eq!(candidates(&filters, b"aaaa"), [1]);
}
