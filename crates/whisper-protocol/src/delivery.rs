//! Delivery of envelopes to filters: from the queues to the mailboxes.

pub(crate) mod arrival;
pub(crate) mod backfill;
pub(crate) mod driver;
pub(crate) mod filter;
pub(crate) mod filters;
pub(crate) mod interest;
pub(crate) mod mailbox;
pub(crate) mod message;
pub(crate) mod missed;
pub(crate) mod opening;
pub(crate) mod queue;
pub(crate) mod state;
pub(crate) mod subscriptions;
pub(crate) mod watch;

use std::{
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use whisper_envelope::{Bloom, Envelope};
use whisper_pow::{Client, Work};

use crate::{
    config::Config,
    delivery::arrival::{Arrival, Source},
    delivery::backfill::{Backfill, PoolReader},
    delivery::filter::Filter,
    delivery::filters::{Filters, WantingOwner},
    delivery::interest::Interest,
    delivery::mailbox::usage::ClientUsage,
    delivery::missed::MissedEnvelope,
    delivery::opening::{Opening, Progress},
    delivery::queue::{Lost, QUANTUM, Task, TaskLane, TaskQueues},
    drops::Occurrence,
    keys::id::FilterId,
    lock::{lock, read, write},
    stats::{Counter, Reason, counters::Counters, timings::Uptime},
};

/// Maximum number of dropped envelopes that are queued again in one turn.
const MAX_RETRIED: usize = 16;

/// The filters, and the queues of envelopes that may be for them. It has no tasks and no clock: `now` is in seconds
/// since 1970, `uptime` the time since the node started.
#[derive(Debug)]
pub(crate) struct Delivery {
    filters: RwLock<Filters>,
    queues: Mutex<TaskQueues>,
    /// Filters whose messages are not fetched for this long are removed.
    idle: Option<Duration>,
    interest: Mutex<Interest>,
    counters: Arc<Counters>,
}

/// What was done for an owner in one turn.
struct Done {
    cost: u32,
    /// What is left to do.
    unfinished: Option<Task>,
    /// Where the cost counts.
    usage: Option<ClientUsage>,
}

impl Done {
    const NOTHING: Self = Self { cost: 1, unfinished: None, usage: None };
}

impl Delivery {
    pub(crate) fn new(config: &Config, counters: Arc<Counters>) -> Self {
        Self {
            filters: RwLock::default(),
            queues: Mutex::new(TaskQueues::new(config.queues)),
            idle: config.filters.idle,
            interest: Mutex::new(config.interest),
            counters,
        }
    }

    /// Queues an envelope for each owner with filters that may want it. Returns for how many.
    pub(crate) fn offer(&self, now: u32, arrival: &Arrival) -> usize {
        let owners = read(&self.filters).owners(arrival.envelope.topic());
        self.push(now, &owners, arrival)
    }

    /// Queues the new envelopes that a filter may want. They are copied: a small envelope must not keep the large packet
    /// alive that it came in. Returns how many tasks were queued.
    pub(crate) fn offer_new(
        &self,
        now: u32,
        uptime: Duration,
        source: Source,
        new: &[(&Envelope, Work)],
    ) -> usize {
        let arrived = Some(uptime);
        let wanted: Vec<_> = {
            let filters = read(&self.filters);
            let owners = |&(envelope, work): &(&Envelope, Work)| {
                let owners = filters.owners(envelope.topic());
                let wanted = !owners.is_empty();
                let arrival = || Arrival { envelope: envelope.detached(), work, source, arrived };
                wanted.then(|| (owners, arrival()))
            };
            new.iter().filter_map(owners).collect()
        };
        wanted.iter().map(|(owners, arrival)| self.push(now, owners, arrival)).sum()
    }

    fn push(&self, now: u32, owners: &[WantingOwner], arrival: &Arrival) -> usize {
        let lost: Vec<Lost> = {
            let mut queues = lock(&self.queues);
            let push = |to: &WantingOwner| queues.push(to.owner, to.named, arrival.clone());
            owners.iter().flat_map(push).collect()
        };
        self.record(now, lost);
        owners.len()
    }

    /// Does the next task for at most one turn: tries keys on an envelope, or on the pool for a new filter. Returns false
    /// if there is nothing to do.
    pub(crate) fn serve(&self, now: u32, uptime: Uptime<'_>, pool: &dyn PoolReader) -> bool {
        let (missed, job) = {
            let mut queues = lock(&self.queues);
            (queues.take_missed(MAX_RETRIED), queues.pop())
        };
        let has_missed = !missed.is_empty();
        self.retry(now, pool, missed);
        let Some(job) = job else { return has_missed };
        let lane = job.lane;
        let Done { cost, unfinished, usage } = match job.item {
            Task::Arrival(arrival) if arrival.is_expired(now) => {
                let occurrence = Occurrence::at(now).of(arrival.envelope.hash());
                self.counters.record(Reason::QueueExpired, occurrence);
                Done::NOTHING
            }
            Task::Arrival(arrival) => {
                let candidates =
                    read(&self.filters).candidates(arrival.envelope.topic(), lane.group);
                self.open(now, uptime, Opening::new(arrival, candidates))
            }
            Task::Opening(opening) => self.open(now, uptime, opening),
            Task::Backfill(backfill) => self.feed(now, pool, &lane, backfill),
        };
        let cost = usage.map_or(cost, |usage| usage.count_trials(uptime(), cost));
        let lost = {
            let mut queues = lock(&self.queues);
            queues.charge(&lane, cost);
            unfinished.map(|task| queues.push_begun(lane, task)).unwrap_or_default()
        };
        self.record(now, lost);
        true
    }

    fn open(&self, now: u32, uptime: Uptime<'_>, mut opening: Opening) -> Done {
        let Progress { cost, finished } = opening.advance(now, uptime, &self.counters, QUANTUM);
        let usage = opening.usage().cloned();
        Done { cost: cost.max(1), unfinished: (!finished).then_some(Task::Opening(opening)), usage }
    }

    fn feed(
        &self,
        now: u32,
        pool: &dyn PoolReader,
        lane: &TaskLane,
        mut backfill: Backfill,
    ) -> Done {
        if lane.key.filter().is_none_or(|id| read(&self.filters).get(id).is_none()) {
            return Done::NOTHING;
        }
        let Progress { cost, finished } = backfill.advance(now, pool, &self.counters, QUANTUM);
        let usage = Some(backfill.usage());
        Done { cost, unfinished: (!finished).then_some(Task::Backfill(backfill)), usage }
    }

    /// Queues envelopes again that were dropped from a full queue, if the pool still has them.
    fn retry(&self, now: u32, pool: &dyn PoolReader, missed: Vec<MissedEnvelope>) {
        for missed in missed {
            let Some((envelope, work)) = pool.find(&missed.hash) else {
                self.record(now, vec![(Reason::MessageQueueFull, Some(missed.hash))]);
                continue;
            };
            self.counters.one(Counter::QueueRetried);
            let arrival = Arrival { envelope, work, source: Source::Pool, arrived: None };
            let lost = lock(&self.queues).push(missed.owner, false, arrival);
            self.record(now, lost);
        }
    }

    fn record(&self, now: u32, lost: Vec<Lost>) {
        for (reason, hash) in lost {
            let occurrence = match hash {
                Some(hash) => Occurrence::at(now).of(&hash),
                None => Occurrence::at(now),
            };
            self.counters.record(reason, occurrence);
        }
    }

    /// Number of tasks in the message queue and in the p2p queue.
    pub(crate) fn queued(&self) -> [usize; 2] {
        lock(&self.queues).len()
    }

    /// Whether a source is to wait before it sends more.
    pub(crate) fn is_full_for(&self, source: Source) -> bool {
        lock(&self.queues).is_full_for(source)
    }

    /// Whether an envelope waits in one of the queues, for this owner or for any. Searches both.
    pub(crate) fn is_queued(&self, hash: &[u8; 32], owner: Option<u64>) -> bool {
        lock(&self.queues).holds(hash, owner)
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

    /// Adds a filter under an id that is not in use. `lasting`: it is not removed when it is idle.
    pub(crate) fn insert(
        &self,
        uptime: Duration,
        id: FilterId,
        filter: Arc<Filter>,
        lasting: bool,
    ) {
        filter.touch(uptime);
        let idle = self.idle.filter(|_| !lasting);
        write(&self.filters).insert(id, filter, idle.map(|idle| uptime + idle));
    }

    /// Delivers what is in the pool already to a new filter, if it wants that. Returns whether a task was queued.
    pub(crate) fn feed_from_pool(&self, now: u32, id: FilterId, filter: &Arc<Filter>) -> bool {
        if !filter.includes_pooled() {
            return false;
        }
        let backfill = Backfill::new(Arc::clone(filter));
        let lost = lock(&self.queues).push_pool(filter.owner(), id, backfill);
        self.record(now, lost);
        true
    }

    /// The filter with this id. It counts as used now.
    pub(crate) fn touch(&self, uptime: Duration, id: &FilterId) -> Option<Arc<Filter>> {
        let filter = read(&self.filters).get(id).cloned()?;
        filter.touch(uptime);
        Some(filter)
    }

    /// The first `limit` filters on the topic of an envelope, of this owner or of any, and how many more there are.
    pub(crate) fn filters_for(
        &self,
        envelope: &Envelope,
        limit: usize,
        owner: Option<u64>,
        wanted: &dyn Fn(&FilterId, Client) -> bool,
    ) -> (Vec<(FilterId, Arc<Filter>)>, usize) {
        let filters = read(&self.filters);
        let (mut first, mut more) = (Vec::new(), 0);
        let is_seen = |filter: &Filter| owner.is_none_or(|owner| filter.owner().key == owner);
        let seen = filters.iter().filter(|(_, it)| is_seen(it) && it.has_topic(envelope.topic()));
        for (id, filter) in seen {
            if first.len() < limit && wanted(id, filter.owner()) {
                first.push((*id, Arc::clone(filter)));
            } else {
                more += 1;
            }
        }
        (first, more)
    }

    /// Whether there is a filter with this id. It does not count as used.
    pub(crate) fn has_filter(&self, id: &FilterId) -> bool {
        read(&self.filters).get(id).is_some()
    }

    /// Removes a filter and closes its mailbox; false if there is none with this id.
    pub(crate) fn remove(&self, id: &FilterId) -> bool {
        let removed = write(&self.filters).remove(id);
        if let Some(filter) = &removed {
            filter.discard();
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
        removed.iter().for_each(|filter| filter.discard());
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
