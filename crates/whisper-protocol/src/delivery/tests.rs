use whisper_envelope::{Dialect, Draft, Recipient, SymmetricKey, Topic};
use whisper_pow::Client;

use super::*;
use crate::{
    config::{FilterSettings, QueueLimits, QueueSettings},
    delivery::backfill::{Scan, ScanLimits},
    delivery::filter::{FilterKey, FilterSpec},
    delivery::mailbox::Mailbox,
    delivery::message::ContentHash,
    keys::Keys,
    relay::pool::Ticket,
    relay::testing::NOW,
    stats::{RelayStats, Stats},
};

const TOPIC: Topic = Topic(*b"test");

/// An uptime that does not change.
fn still() -> Duration {
    Duration::from_secs(1)
}

fn sealed(key: &SymmetricKey) -> Envelope {
    let draft = Draft::new(whisper_envelope::Dialect::V6, Recipient::Symmetric(key), NOW);
    draft.topic(TOPIC).payload(b"hello").encrypt(&mut rand::rng()).unwrap().seal(0)
}

fn filter(keys: &Keys, key: SymmetricKey) -> Arc<Filter> {
    let spec = FilterSpec::new(FilterKey::Symmetric(keys.add_symmetric(key))).topic(TOPIC);
    let mailbox = Mailbox::new(FilterSettings::default().mailbox);
    Arc::new(Filter::new(spec, keys, mailbox).unwrap())
}

/// Whether the message of an envelope is in the mailbox of a filter.
fn holds(filter: &Filter, envelope: &Envelope) -> bool {
    filter.mailbox.holds(&ContentHash::of(envelope))
}

fn stats(counters: &Counters) -> Stats {
    counters.snapshot(RelayStats::default())
}

/// A pool with these envelopes.
struct Pooled(Vec<Envelope>);

const EMPTY: Pooled = Pooled(Vec::new());

impl PoolReader for Pooled {
    fn find(&self, hash: &[u8; 32]) -> Option<(Envelope, Work)> {
        let found = self.0.iter().find(|envelope| envelope.hash() == hash);
        found.map(|envelope| (envelope.clone(), Work::ZERO))
    }

    fn scan(
        &self,
        dialect: Dialect,
        after: Option<Ticket>,
        limits: ScanLimits,
        wanted: &dyn Fn(Topic, Work) -> bool,
    ) -> Scan {
        let number = |ticket: Ticket| usize::try_from(ticket.number()).unwrap() + 1;
        let start = after.map_or(0, number);
        let end = (start + limits.found).min(self.0.len());
        let last = (end < self.0.len()).then(|| Ticket::at(end as u64 - 1));
        let found = self.0[start..end].iter();
        let found = found.filter(|it| it.dialect() == dialect && wanted(it.topic(), Work::ZERO));
        Scan { found: found.map(|envelope| (envelope.clone(), Work::ZERO)).collect(), last }
    }
}

fn offer(delivery: &Delivery, envelope: &Envelope) -> usize {
    delivery.offer_new(NOW, Duration::ZERO, Source::Own, &[(envelope, Work::ZERO)])
}

/// Adds a filter when the node starts.
fn insert(delivery: &Delivery, filter: Arc<Filter>, lasting: bool) -> FilterId {
    let id = FilterId::random(&mut rand::rng());
    delivery.insert(Duration::ZERO, id, filter, lasting);
    id
}

#[test]
fn an_envelope_goes_from_the_queue_to_the_mailbox() {
    let counters = Arc::new(Counters::default());
    let delivery = Delivery::new(&Config::default(), Arc::clone(&counters));
    let key = SymmetricKey::random(&mut rand::rng());
    let envelope = sealed(&key);
    assert_eq!(offer(&delivery, &envelope), 0, "no filter wants it");

    let keys = Keys::new(&mut rand::rng());
    let other = filter(&keys, SymmetricKey::random(&mut rand::rng()));
    let wanted = filter(&keys, key);
    for filter in [&other, &wanted] {
        insert(&delivery, Arc::clone(filter), false);
    }
    assert_eq!(offer(&delivery, &envelope), 1);
    assert!(delivery.is_queued(envelope.hash(), None));
    assert!(delivery.serve(NOW, &still, &EMPTY));
    assert!(holds(&wanted, &envelope) && !holds(&other, &envelope));
    assert_eq!((stats(&counters).delivery.opened, stats(&counters).delivery.delivered), (1, 1));
    assert!(!delivery.serve(NOW, &still, &EMPTY));
}

#[test]
fn a_delivery_is_measured_from_the_arrival_of_the_envelope() {
    let counters = Arc::new(Counters::default());
    let delivery = Delivery::new(&Config::default(), Arc::clone(&counters));
    let key = SymmetricKey::random(&mut rand::rng());
    let keys = Keys::new(&mut rand::rng());
    // Two filters with the same key: one opening, two messages.
    for wanted in [filter(&keys, key.clone()), filter(&keys, key.clone())] {
        insert(&delivery, wanted, false);
    }
    offer(&delivery, &sealed(&key));
    // Each look at the clock is a second later.
    let seconds = std::cell::Cell::new(9);
    let uptime = || Duration::from_secs(seconds.replace(seconds.get() + 1));
    assert!(delivery.serve(NOW, &uptime, &EMPTY));
    let (open, delivery) = (counters.timings.open.snapshot(), counters.timings.delivery.snapshot());
    assert_eq!((open.count(), open.sum()), (1, Duration::from_secs(2)));
    assert_eq!((delivery.count(), delivery.sum()), (2, Duration::from_secs(20)));
}

#[test]
fn an_envelope_that_no_key_opens_is_counted() {
    let counters = Arc::new(Counters::default());
    let delivery = Delivery::new(&Config::default(), Arc::clone(&counters));
    let other = filter(&Keys::new(&mut rand::rng()), SymmetricKey::random(&mut rand::rng()));
    insert(&delivery, other, false);
    let envelope = sealed(&SymmetricKey::random(&mut rand::rng()));
    offer(&delivery, &envelope);
    assert!(delivery.serve(NOW, &still, &EMPTY));
    assert_eq!(stats(&counters).delivery.not_opened, 1);
}

/// A queue for one envelope: the second one is taken from the pool again when there is room.
#[test]
fn what_did_not_fit_is_delivered_later_if_the_pool_has_it() {
    let counters = Arc::new(Counters::default());
    let one = QueueLimits { items: 1, bytes: 1 << 20 };
    let config =
        Config { queues: QueueSettings { broadcast: one, direct: one }, ..Config::default() };
    let delivery = Delivery::new(&config, Arc::clone(&counters));
    let key = SymmetricKey::random(&mut rand::rng());
    let wanted = filter(&Keys::new(&mut rand::rng()), key.clone());
    insert(&delivery, Arc::clone(&wanted), false);
    let envelopes = [(); 3].map(|()| sealed(&key));
    envelopes.iter().for_each(|envelope| _ = offer(&delivery, envelope));
    let pool = Pooled(envelopes[..2].to_vec());
    while delivery.serve(NOW, &still, &pool) {}
    let delivered = envelopes.iter().filter(|envelope| holds(&wanted, envelope));
    assert!(delivered.count() >= 2);
    let delivery = stats(&counters).delivery;
    assert_eq!(
        (delivery.queue_retried + delivery.message_queue_full, delivery.delivered),
        (2, delivery.queue_retried + 1)
    );
}

#[test]
fn an_envelope_that_expires_in_the_queue_is_counted() {
    let counters = Arc::new(Counters::default());
    let delivery = Delivery::new(&Config::default(), Arc::clone(&counters));
    let key = SymmetricKey::random(&mut rand::rng());
    let wanted = filter(&Keys::new(&mut rand::rng()), key.clone());
    insert(&delivery, Arc::clone(&wanted), false);
    let envelope = sealed(&key);
    offer(&delivery, &envelope);
    assert!(delivery.serve(envelope.expiry() + 1, &still, &EMPTY));
    assert!(!holds(&wanted, &envelope));
    assert_eq!(stats(&counters).delivery.queue_expired, 1);
}

/// A filter that is made after a message arrived gets it if it asks for that, and only once.
#[test]
fn a_new_filter_is_fed_from_the_pool_on_request() {
    let counters = Arc::new(Counters::default());
    let delivery = Delivery::new(&Config::default(), Arc::clone(&counters));
    let key = SymmetricKey::random(&mut rand::rng());
    let pool = Pooled(
        (0..40)
            .map(|_| sealed(&key))
            .chain([sealed(&SymmetricKey::random(&mut rand::rng()))])
            .collect(),
    );
    for (include_pooled, expected) in [(false, 0), (true, 40)] {
        let keys = Keys::new(&mut rand::rng());
        let spec = FilterSpec::new(FilterKey::Symmetric(keys.add_symmetric(key.clone())));
        let spec = FilterSpec { include_pooled, ..spec.topic(TOPIC) };
        let mailbox = Mailbox::new(FilterSettings::default().mailbox);
        let filter = Arc::new(Filter::new(spec, &keys, mailbox).unwrap());
        let id = insert(&delivery, Arc::clone(&filter), false);
        delivery.feed_from_pool(NOW, id, &filter);
        while delivery.serve(NOW, &still, &pool) {}
        assert_eq!(filter.mailbox.fetch(false).messages().len(), expected);
        offer(&delivery, &pool.0[0]);
        while delivery.serve(NOW, &still, &pool) {}
        assert_eq!(
            filter.mailbox.fetch(false).messages().len(),
            usize::from(!include_pooled),
            "each message once"
        );
        delivery.remove(&id);
    }
}

/// Hundreds of filters of one application cost another one nothing but every second turn.
#[test]
fn filters_of_one_owner_do_not_delay_those_of_another() {
    let delivery = Delivery::new(&Config::default(), Arc::new(Counters::default()));
    let keys = Keys::new(&mut rand::rng());
    for _ in 0..500 {
        let key = FilterKey::Private(keys.new_key_pair());
        let owner = Client { key: 1, weight: 1 };
        let spec = FilterSpec { owner, ..FilterSpec::new(key) };
        let mailbox = Mailbox::new(FilterSettings::default().mailbox);
        insert(&delivery, Arc::new(Filter::new(spec, &keys, mailbox).unwrap()), true);
    }
    let key = SymmetricKey::random(&mut rand::rng());
    for _ in 0..10 {
        offer(&delivery, &sealed(&SymmetricKey::random(&mut rand::rng())));
    }
    let wanted = filter(&keys, key.clone());
    insert(&delivery, Arc::clone(&wanted), true);
    let envelope = sealed(&key);
    offer(&delivery, &envelope);
    let turns = (1..).find(|_| {
        delivery.serve(NOW, &still, &EMPTY);
        holds(&wanted, &envelope)
    });
    assert!(turns <= Some(4), "{turns:?} turns");
}

#[test]
fn idle_filters_are_removed_and_lasting_ones_stay() {
    let counters = Arc::new(Counters::default());
    let second = Duration::from_secs(1);
    let filters = FilterSettings { idle: Some(second), ..FilterSettings::default() };
    let config = Config { filters, ..Config::default() };
    let delivery = Delivery::new(&config, Arc::clone(&counters));
    let keys = Keys::new(&mut rand::rng());
    let make = || filter(&keys, SymmetricKey::random(&mut rand::rng()));
    let lasting = insert(&delivery, make(), true);
    assert_eq!(delivery.next_timeout(), None);
    let idle = insert(&delivery, make(), false);
    assert_eq!(delivery.next_timeout(), Some(second));
    assert!(!delivery.remove_idle(second / 2));
    assert!(delivery.remove_idle(second));
    assert!(delivery.touch(second, &idle).is_none() && delivery.touch(second, &lasting).is_some());
    assert_eq!((stats(&counters).delivery.idle_filters, delivery.filter_count()), (1, 1));
}
