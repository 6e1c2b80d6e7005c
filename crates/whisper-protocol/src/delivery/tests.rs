use whisper_envelope::{Draft, Recipient, SymmetricKey, Topic};

use super::*;
use crate::{
    config::{FilterSettings, QueueLimits, QueueSettings},
    delivery::filter::{FilterKey, FilterSpec},
    delivery::mailbox::Mailbox,
    keys::Keys,
    relay::testing::NOW,
    stats::{RelayStats, Stats},
};

const TOPIC: Topic = Topic(*b"test");

fn sealed(key: &SymmetricKey) -> Envelope {
    let draft = Draft::new(whisper_envelope::Dialect::V6, Recipient::Symmetric(key), NOW);
    draft.topic(TOPIC).payload(b"hello").encrypt(&mut rand::rng()).unwrap().seal(0)
}

fn filter(keys: &Keys, key: SymmetricKey) -> Arc<Filter> {
    let spec = FilterSpec::new(FilterKey::Symmetric(keys.add_symmetric(key))).topic(TOPIC);
    let mailbox = Mailbox::new(FilterSettings::default().mailbox);
    Arc::new(Filter::new(spec, keys, mailbox).unwrap())
}

fn stats(counters: &Counters) -> Stats {
    counters.snapshot(RelayStats::default())
}

#[test]
fn an_envelope_goes_from_the_queue_to_the_mailbox() {
    let counters = Arc::new(Counters::default());
    let delivery = Delivery::new(&Config::default(), Arc::clone(&counters));
    let key = SymmetricKey::random(&mut rand::rng());
    let envelope = sealed(&key);
    assert_eq!(delivery.offer_new(NOW, vec![(&envelope, Work::ZERO)]), 0, "no filter wants it");

    let keys = Keys::default();
    let other = filter(&keys, SymmetricKey::random(&mut rand::rng()));
    let wanted = filter(&keys, key);
    for filter in [&other, &wanted] {
        delivery.insert(Duration::ZERO, Arc::clone(filter), false);
    }
    assert_eq!(delivery.offer_new(NOW, vec![(&envelope, Work::ZERO)]), 1);
    assert!(delivery.is_queued(envelope.hash()));
    let mut opening = delivery.next_opening().unwrap();
    let steps = (1..).find(|_| delivery.advance(NOW, &mut opening, 1)).unwrap();
    assert!(steps <= 2, "one trial for each key");
    assert!(wanted.mailbox.holds(envelope.hash()) && !other.mailbox.holds(envelope.hash()));
    assert_eq!((stats(&counters).delivery.opened, stats(&counters).delivery.delivered), (1, 1));
    assert!(delivery.next_opening().is_none());
}

#[test]
fn an_envelope_that_no_key_opens_is_counted() {
    let counters = Arc::new(Counters::default());
    let delivery = Delivery::new(&Config::default(), Arc::clone(&counters));
    let other = filter(&Keys::default(), SymmetricKey::random(&mut rand::rng()));
    delivery.insert(Duration::ZERO, other, false);
    let envelope = sealed(&SymmetricKey::random(&mut rand::rng()));
    delivery.offer(NOW, Arrival { envelope, work: 0.0, direct: false });
    let mut opening = delivery.next_opening().unwrap();
    assert!(delivery.advance(NOW, &mut opening, 16));
    assert_eq!(stats(&counters).delivery.not_opened, 1);
}

#[test]
fn a_full_queue_drops_and_counts() {
    let counters = Arc::new(Counters::default());
    let none = QueueLimits { items: 0, bytes: 0 };
    let queues = QueueSettings { broadcast: none, direct: none };
    let config = Config { queues, ..Config::default() };
    let delivery = Delivery::new(&config, Arc::clone(&counters));
    let key = SymmetricKey::random(&mut rand::rng());
    delivery.insert(Duration::ZERO, filter(&Keys::default(), key.clone()), false);
    for direct in [false, true] {
        let arrival = Arrival { envelope: sealed(&key), work: 0.0, direct };
        assert!(!delivery.offer(NOW, arrival));
    }
    let delivery = stats(&counters).delivery;
    assert_eq!((delivery.message_queue_full, delivery.direct_queue_full), (1, 1));
}

#[test]
fn idle_filters_are_removed_and_lasting_ones_stay() {
    let counters = Arc::new(Counters::default());
    let second = Duration::from_secs(1);
    let filters = FilterSettings { idle: Some(second), ..FilterSettings::default() };
    let config = Config { filters, ..Config::default() };
    let delivery = Delivery::new(&config, Arc::clone(&counters));
    let keys = Keys::default();
    let make = || filter(&keys, SymmetricKey::random(&mut rand::rng()));
    let lasting = delivery.insert(Duration::ZERO, make(), true);
    assert_eq!(delivery.next_timeout(), None);
    let idle = delivery.insert(Duration::ZERO, make(), false);
    assert_eq!(delivery.next_timeout(), Some(second));
    assert!(!delivery.remove_idle(second / 2));
    assert!(delivery.remove_idle(second));
    assert!(delivery.touch(second, &idle).is_none() && delivery.touch(second, &lasting).is_some());
    assert_eq!((stats(&counters).delivery.idle_filters, delivery.filter_count()), (1, 1));
}
