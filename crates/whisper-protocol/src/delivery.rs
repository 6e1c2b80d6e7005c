//! Delivery of envelopes to filters: from the queues to the mailboxes.

pub(crate) mod driver;
pub(crate) mod filter;
pub(crate) mod filters;
pub(crate) mod interest;
pub(crate) mod mailbox;
pub(crate) mod message;
pub(crate) mod opening;
pub(crate) mod queue;
pub(crate) mod seen;
pub(crate) mod subscriptions;
pub(crate) mod watch;

use std::{
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use whisper_envelope::{Bloom, Envelope};
use whisper_pow::Work;

use crate::{
    config::Config,
    delivery::filter::Filter,
    delivery::filters::Filters,
    delivery::interest::Interest,
    delivery::opening::Opening,
    delivery::queue::{Arrival, ArrivalQueues},
    drops::Occurrence,
    keys::id::FilterId,
    lock::{lock, read, write},
    stats::{Counter, Reason, counters::Counters},
};

/// The filters, and the queues of envelopes that may be for them. It has no tasks and no clock: `now` is in seconds
/// since 1970, `uptime` the time since the node started.
#[derive(Debug)]
pub(crate) struct Delivery {
    filters: RwLock<Filters>,
    queues: ArrivalQueues,
    /// Filters whose messages are not fetched for this long are removed.
    idle: Option<Duration>,
    interest: Mutex<Interest>,
    counters: Arc<Counters>,
}

impl Delivery {
    pub(crate) fn new(config: &Config, counters: Arc<Counters>) -> Self {
        Self {
            filters: RwLock::default(),
            queues: ArrivalQueues::new(config.queues.broadcast, config.queues.direct),
            idle: config.filters.idle,
            interest: Mutex::new(config.interest),
            counters,
        }
    }

    /// Queues an envelope if a filter may want it. If its queue is full, it is dropped and counted. Returns whether it
    /// was queued.
    pub(crate) fn offer(&self, now: u32, arrival: Arrival) -> bool {
        read(&self.filters).has_topic(arrival.envelope.topic()) && self.enqueue(now, arrival)
    }

    /// Queues the new envelopes that a filter may want. They are copied: a small envelope must not keep the large packet
    /// alive that it came in. Returns how many were queued.
    pub(crate) fn offer_new(&self, now: u32, new: Vec<(&Envelope, Work)>) -> usize {
        let wanted: Vec<_> = {
            let filters = read(&self.filters);
            new.into_iter().filter(|(envelope, _)| filters.has_topic(envelope.topic())).collect()
        };
        let enqueue = |(envelope, work): &(&Envelope, Work)| {
            let arrival =
                Arrival { envelope: envelope.detached(), work: work.get(), direct: false };
            self.enqueue(now, arrival)
        };
        wanted.iter().filter(|new| enqueue(new)).count()
    }

    fn enqueue(&self, now: u32, arrival: Arrival) -> bool {
        let (direct, hash) = (arrival.direct, *arrival.envelope.hash());
        let queued = self.queues.push(arrival);
        if !queued {
            let full = if direct { Reason::DirectQueueFull } else { Reason::MessageQueueFull };
            self.counters.record(full, Occurrence::at(now).of(&hash));
        }
        queued
    }

    /// Takes the next queued envelope, to be opened.
    pub(crate) fn next_opening(&self) -> Option<Opening> {
        let arrival = self.queues.pop()?;
        let candidates = read(&self.filters).candidates(arrival.envelope.topic());
        Some(Opening::new(arrival, candidates))
    }

    /// Tries up to `trials` more keys. Returns whether the envelope is finished.
    pub(crate) fn advance(&self, now: u32, opening: &mut Opening, trials: usize) -> bool {
        opening.advance(now, &self.counters, trials)
    }

    /// Number of arrivals that wait to be opened, in the message queue and in the p2p queue.
    pub(crate) fn queued(&self) -> [usize; 2] {
        self.queues.len()
    }

    /// Whether the message queue is full.
    pub(crate) fn is_broadcast_full(&self) -> bool {
        self.queues.is_broadcast_full()
    }

    /// Whether an envelope waits in one of the queues. Searches both.
    pub(crate) fn is_queued(&self, hash: &[u8; 32]) -> bool {
        self.queues.holds(hash)
    }

    /// Changes which topics the node asks its peers for.
    pub(crate) fn set_interest(&self, interest: Interest) {
        *lock(&self.interest) = interest;
    }

    /// The bloom that follows from the interest and the filters.
    pub(crate) fn bloom(&self) -> Bloom {
        lock(&self.interest).bloom(read(&self.filters).wanted())
    }

    /// Number of filters.
    pub(crate) fn filter_count(&self) -> usize {
        read(&self.filters).len()
    }

    /// Adds a filter. `lasting`: it is not removed when it is idle.
    pub(crate) fn insert(&self, uptime: Duration, filter: Arc<Filter>, lasting: bool) -> FilterId {
        filter.touch(uptime);
        let idle = self.idle.filter(|_| !lasting);
        write(&self.filters).insert(filter, idle.map(|idle| uptime + idle))
    }

    /// The filter with this id. It counts as used now.
    pub(crate) fn touch(&self, uptime: Duration, id: &FilterId) -> Option<Arc<Filter>> {
        let filter = read(&self.filters).get(id).cloned()?;
        filter.touch(uptime);
        Some(filter)
    }

    /// The first `limit` filters on the topic of an envelope, and how many more there are.
    pub(crate) fn filters_for(
        &self,
        envelope: &Envelope,
        limit: usize,
    ) -> (Vec<(FilterId, Arc<Filter>)>, usize) {
        let filters = read(&self.filters);
        let mut on_topic = filters.iter().filter(|(_, it)| it.has_topic(envelope.topic()));
        let first = on_topic.by_ref().take(limit).map(|(id, filter)| (*id, filter.clone()));
        (first.collect(), on_topic.count())
    }

    /// Removes a filter and closes its mailbox; false if there is none with this id.
    pub(crate) fn remove(&self, id: &FilterId) -> bool {
        let removed = write(&self.filters).remove(id);
        if let Some(filter) = &removed {
            filter.mailbox.close();
        }
        removed.is_some()
    }

    /// The uptime at which [`remove_idle`](Self::remove_idle) must be called; `None` if no filter ends by being idle.
    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        self.idle.and_then(|_| read(&self.filters).next_timeout())
    }

    /// Removes the filters that have been idle for too long. Returns whether there were any.
    pub(crate) fn remove_idle(&self, uptime: Duration) -> bool {
        let Some(idle) = self.idle else { return false };
        let removed = write(&self.filters).handle_timeout(uptime, idle);
        removed.iter().for_each(|filter| filter.mailbox.close());
        self.counters.add(Counter::IdleFilters, removed.len());
        !removed.is_empty()
    }

    /// Removes all filters and closes their mailboxes.
    pub(crate) fn close(&self) {
        let filters = write(&self.filters).drain();
        filters.iter().for_each(|filter| filter.mailbox.close());
    }
}

#[cfg(test)]
mod tests;
