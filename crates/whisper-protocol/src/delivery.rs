//! From the queues to the mailboxes: the workers that open envelopes, off the sessions' tasks.

pub(crate) mod delivered;
pub(crate) mod filter;
pub(crate) mod filters;
pub(crate) mod interest;
pub(crate) mod mailbox;
pub(crate) mod queue;
pub(crate) mod received;
pub(crate) mod rescan;
pub(crate) mod watch;

use std::{
    pin::pin,
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::yield_now,
    time::{Instant, sleep_until, timeout_at},
};
use whisper_envelope::{Bloom, Envelope, Message};
use whisper_pow::Work;

use crate::{
    delivery::filter::{Filter, Opened},
    delivery::filters::{Filters, SameKey},
    delivery::interest::Interest,
    delivery::mailbox::Put,
    delivery::queue::{Arrival, Queue},
    drops::Occurrence,
    drops::reason::Reason,
    keys::id::FilterId,
    lock::{lock, read, write},
    settings::{Clock, Settings},
    stats::Counters,
};

/// How long a packet or a post waits at most for room in the message queue. Well below the time
/// after which a connection closes the slot of a sub-protocol that does not take its messages.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// After how many trials a worker lets other tasks run.
const TRIALS: usize = 16;

/// The filters, and the queues of envelopes that may be for them.
#[derive(Debug)]
pub(crate) struct Delivery {
    filters: RwLock<Filters>,
    queue: Queue,
    counters: Arc<Counters>,
    /// After how long filters end whose messages nobody asks for.
    idle: Option<Duration>,
    interest: Mutex<Interest>,
    started: Instant,
    /// Rung when there is a new filter.
    inserted: Notify,
    clock: Clock,
}

impl Delivery {
    pub(crate) fn new(settings: &Settings, counters: Arc<Counters>) -> Self {
        Self {
            filters: RwLock::default(),
            queue: Queue::new(settings.queues.broadcast, settings.queues.direct),
            counters,
            idle: settings.filters.idle,
            interest: Mutex::new(settings.interest),
            started: Instant::now(),
            inserted: Notify::new(),
            clock: settings.clock.clone(),
        }
    }

    /// Queues an envelope if a filter may want it. A full queue drops it, counted.
    pub(crate) fn offer(&self, arrival: Arrival) {
        if read(&self.filters).has_topic(arrival.envelope.topic()) {
            self.queue_up(arrival);
        }
    }

    fn queue_up(&self, arrival: Arrival) {
        let (direct, hash) = (arrival.direct, *arrival.envelope.hash());
        if !self.queue.push(arrival) {
            let full = if direct { Reason::DirectQueueFull } else { Reason::MessageQueueFull };
            self.note(full, &hash);
        }
    }

    /// Queues those of many new envelopes that a filter may want, in memory of their own: a small
    /// envelope must not keep the large packet alive that it came in.
    pub(crate) fn offer_new(&self, new: Vec<(&Envelope, Work)>) {
        let wanted: Vec<_> = {
            let filters = read(&self.filters);
            new.into_iter().filter(|(envelope, _)| filters.has_topic(envelope.topic())).collect()
        };
        for (envelope, work) in wanted {
            self.queue_up(Arrival {
                envelope: envelope.detached(),
                work: work.get(),
                direct: false,
            });
        }
    }

    /// Waits until the message queue has room, but not longer than that: relaying must not depend
    /// on opening.
    pub(crate) async fn room(&self, deadline: Instant) {
        let _ = timeout_at(deadline, self.queue.room()).await;
    }

    /// How many arrivals wait to be opened, in the message queue and in the p2p queue.
    pub(crate) fn waiting(&self) -> [usize; 2] {
        self.queue.waiting()
    }

    /// Whether an envelope waits in one of the queues. Looks at all that wait.
    pub(crate) fn is_queued(&self, hash: &[u8; 32]) -> bool {
        self.queue.holds(hash)
    }

    pub(crate) fn filters(&self) -> &RwLock<Filters> {
        &self.filters
    }

    /// Changes which topics the node asks its peers for.
    pub(crate) fn set_interest(&self, interest: Interest) {
        *lock(&self.interest) = interest;
    }

    /// The bloom that the interest and the filters make.
    pub(crate) fn bloom(&self) -> Bloom {
        lock(&self.interest).bloom(read(&self.filters).wanted())
    }

    /// Adds a filter. `lasting`: it does not end by being idle.
    pub(crate) fn insert(&self, filter: Arc<Filter>, lasting: bool) -> FilterId {
        let now = self.now();
        filter.touch(now);
        let idle = self.idle.filter(|_| !lasting);
        let id = write(&self.filters).insert(filter, idle.map(|idle| now + idle));
        self.inserted.notify_one();
        id
    }

    /// The filter of this id, whose messages somebody asks for.
    pub(crate) fn ask(&self, id: &FilterId) -> Option<Arc<Filter>> {
        let filter = read(&self.filters).get(id).cloned()?;
        filter.touch(self.now());
        Some(filter)
    }

    /// Removes a filter and ends its mailbox; false if there was none of this id.
    pub(crate) fn remove(&self, id: &FilterId) -> bool {
        let removed = write(&self.filters).remove(id);
        if let Some(filter) = &removed {
            filter.mailbox.close();
        }
        removed.is_some()
    }

    /// Waits until filters have been idle for too long, and removes them. For ever where none ends
    /// that way.
    pub(crate) async fn remove_idle(&self) {
        loop {
            let mut inserted = pin!(self.inserted.notified());
            inserted.as_mut().enable(); // before the look, so that no wake is missed
            let next = read(&self.filters).next_timeout();
            let Some((next, idle)) = next.zip(self.idle) else {
                inserted.await;
                continue;
            };
            sleep_until(self.started + next).await;
            let removed = write(&self.filters).handle_timeout(self.now(), idle);
            removed.iter().for_each(|filter| filter.mailbox.close());
            if !removed.is_empty() {
                return self.counters.delivery.idle_filters.add(removed.len());
            }
        }
    }

    /// How long the node has been there.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends the workers and all filters.
    pub(crate) fn close(&self) {
        self.queue.close();
        let filters = write(&self.filters).drain();
        filters.iter().for_each(|filter| filter.mailbox.close());
    }

    /// A worker: opens what is in the queues until [`close`](Self::close).
    pub(crate) async fn run(self: Arc<Self>) {
        while let Some(arrival) = self.queue.pop().await {
            let candidates = read(&self.filters).candidates(arrival.envelope.topic());
            self.deliver(&arrival, candidates).await;
            yield_now().await;
        }
    }

    /// Tries one key after the other until one opens the envelope.
    async fn deliver(&self, arrival: &Arrival, candidates: Vec<SameKey>) {
        let dialect = arrival.envelope.dialect();
        let admits = |filter: &Arc<Filter>| filter.admits(dialect, arrival.work, arrival.direct);
        let mut tried = false;
        for (trial, same_key) in candidates.iter().enumerate() {
            if trial % TRIALS == TRIALS - 1 {
                yield_now().await;
            }
            let Some(filter) = same_key.iter().find(|filter| admits(filter)) else { continue };
            tried = true;
            match filter.try_open(&arrival.envelope) {
                Opened::Message(message) => {
                    self.counters.delivery.opened.one();
                    let filters = same_key.iter().filter(|filter| admits(filter));
                    return self.store(arrival, &message, filters);
                }
                Opened::Malformed => {
                    return self.note(Reason::Malformed, arrival.envelope.hash());
                }
                Opened::NotForUs => {}
            }
        }
        let reason = if tried { Reason::NotOpened } else { Reason::NotMatching };
        self.note(reason, arrival.envelope.hash());
    }

    fn store<'a>(
        &self,
        arrival: &Arrival,
        message: &Message,
        filters: impl Iterator<Item = &'a Arc<Filter>>,
    ) {
        let mut received = None;
        for filter in filters {
            if !filter.wants(message) {
                self.note(Reason::NotMatching, arrival.envelope.hash());
                continue;
            }
            let received = received.get_or_insert_with(|| {
                Arc::new(filter.received(
                    &arrival.envelope,
                    arrival.work,
                    arrival.direct,
                    message.clone(),
                ))
            });
            match filter.mailbox.put(Arc::clone(received)) {
                Put::Stored { dropped } => {
                    self.counters.delivery.delivered.one();
                    dropped.iter().for_each(|oldest| self.note(Reason::MailboxFull, oldest));
                }
                Put::Repeated => self.note(Reason::Repeated, arrival.envelope.hash()),
                Put::TooLarge => self.note(Reason::MailboxFull, arrival.envelope.hash()),
            }
        }
    }

    fn note(&self, reason: Reason, envelope: &[u8; 32]) {
        self.counters.drops.note(reason, Occurrence::at(self.clock.now()).of(envelope));
    }
}
