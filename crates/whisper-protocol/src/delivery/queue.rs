//! The queues between the sessions and the workers that open envelopes: broadcast and direct.
//!
//! In each queue the owners of filters take turns, and so do the sources and topics of one owner. While few envelopes
//! wait, they keep their order; while many wait, the one with the most work is first. A full queue drops the envelope
//! with the least work of the source that holds the most.
//!
//! Direct messages are taken first, but not always: with a flood of them, a part of the workers' time is left for the
//! others.

use std::collections::BTreeMap;

use fair_queue::{FairQueue, Job, Lane};
use p2p_world::planted::{self, Bug};
use whisper_envelope::Topic;
use whisper_pow::{Client, Work};

use crate::{
    config::{QueueLimits, QueueSettings},
    delivery::arrival::{Arrival, Source},
    delivery::backfill::Backfill,
    delivery::filter::PRIVATE_KEY_COST,
    delivery::missed::{MissedEnvelope, MissedEnvelopes},
    delivery::opening::Opening,
    keys::id::FilterId,
    stats::Reason,
};

/// Every this many turns, the message queue is asked first.
const BROADCAST_TURN: usize = 4;

/// Number of waiting tasks up to which they are served in the order of arrival: a few milliseconds of work.
const MAX_IN_ORDER: usize = 64;

/// What an owner, or one of its lanes, may be charged in one turn: 16 trials of a private key.
pub(crate) const QUANTUM: u32 = 16 * PRIVATE_KEY_COST;

/// Above this size a queue has no practical limit.
const MAX_QUEUE_BYTES: usize = usize::MAX / 4;

/// Where the envelopes of one owner wait. Lanes take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LaneKey {
    /// Envelopes of one source on a topic that the owner named, or on all other topics.
    Arrivals(Source, Option<Topic>),
    /// Envelopes from the pool for a new filter.
    Pooled(FilterId),
}

impl LaneKey {
    /// The filter that is fed from the pool.
    pub(crate) fn filter(&self) -> Option<&FilterId> {
        match self {
            Self::Arrivals(..) => None,
            Self::Pooled(id) => Some(id),
        }
    }
}

/// What a worker does in one turn.
#[derive(Debug)]
pub(crate) enum Task {
    /// An envelope, for all filters of the owner.
    Arrival(Arrival),
    /// An envelope of which some keys were tried already.
    Opening(Opening),
    /// The pool, for a new filter.
    Backfill(Backfill),
}

/// The order within a lane. The last one is served first, the first one is dropped first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// It came while many others waited: by work.
    ByWork(Work),
    /// It came while few others waited, or is exempt from work: in the order of arrival.
    InOrder,
    /// It was begun.
    Begun,
}

/// The lane of a task: an owner, and what competes for the owner's turns.
pub(crate) type TaskLane = Lane<u64, LaneKey>;

/// A task that left its queue.
pub(crate) type QueuedTask = Job<u64, LaneKey, Priority, Task>;

#[derive(Debug)]
struct TaskQueue {
    tasks: FairQueue<u64, LaneKey, Priority, Task>,
    /// What a task counts at least, so that their number is limited as well.
    min_size: usize,
    /// Bytes of the arrivals of each source.
    by_source: BTreeMap<Source, usize>,
}

impl TaskQueue {
    fn new(limits: QueueLimits) -> Self {
        let max = if limits.items == 0 { 0 } else { limits.bytes.min(MAX_QUEUE_BYTES) };
        let min_size = max / limits.items.max(1);
        Self {
            tasks: FairQueue::new(QUANTUM, max),
            min_size: min_size.max(1),
            by_source: BTreeMap::new(),
        }
    }

    fn push(&mut self, lane: TaskLane, priority: Priority, task: Task) -> Vec<QueuedTask> {
        let length = task.arrival().map_or(0, |arrival| arrival.envelope.raw().len());
        // The largest envelope fits alone.
        let size = length.max(self.min_size).min(self.tasks.max_bytes().max(1));
        if let LaneKey::Arrivals(source, _) = lane.key {
            *self.by_source.entry(source).or_default() += size;
        }
        let dropped = self.tasks.push(lane, priority, size, task);
        dropped.iter().for_each(|job| self.forget(job));
        dropped
    }

    fn pop(&mut self) -> Option<QueuedTask> {
        let job = self.tasks.pop()?;
        self.forget(&job);
        Some(job)
    }

    fn forget(&mut self, job: &QueuedTask) {
        let LaneKey::Arrivals(source, _) = job.lane.key else { return };
        let Some(held) = self.by_source.get_mut(&source) else { return };
        *held -= job.size;
        if *held == 0 {
            self.by_source.remove(&source);
        }
    }

    /// Whether so few tasks wait that their order of arrival can be kept.
    fn is_nearly_empty(&self) -> bool {
        self.tasks.len() < MAX_IN_ORDER && self.tasks.bytes() <= self.tasks.max_bytes() / 8
    }

    /// Whether the queue is nearly full, and the source holds more than its share of it.
    fn is_full_for(&self, source: Source) -> bool {
        let max = self.tasks.max_bytes();
        let share = max / (self.by_source.len() + 1);
        let held = || self.by_source.get(&source).copied().unwrap_or_default();
        self.tasks.bytes() >= max - max / 8 && held() >= share
    }
}

impl Task {
    /// The envelope, unless it is the whole pool.
    fn arrival(&self) -> Option<&Arrival> {
        match self {
            Self::Arrival(arrival) => Some(arrival),
            Self::Opening(opening) => Some(opening.arrival()),
            Self::Backfill(_) => None,
        }
    }
}

/// An envelope that was dropped, or a new filter that does not get the rest of the pool (`None`).
pub(crate) type Lost = (Reason, Option<[u8; 32]>);

/// The message queue and the p2p queue.
#[derive(Debug)]
pub(crate) struct TaskQueues {
    broadcast: TaskQueue,
    direct: TaskQueue,
    /// Envelopes that were dropped from the message queue, to be tried again when there is room.
    missed: MissedEnvelopes,
    turn: usize,
}

impl TaskQueues {
    pub(crate) fn new(settings: QueueSettings) -> Self {
        Self {
            broadcast: TaskQueue::new(settings.broadcast),
            direct: TaskQueue::new(settings.direct),
            missed: MissedEnvelopes::default(),
            turn: 0,
        }
    }

    /// Queues an envelope for the filters of one owner. `named`: whether one of them names the topic. Returns what is lost
    /// for it, which may be the envelope itself.
    #[must_use]
    pub(crate) fn push(&mut self, owner: Client, named: bool, arrival: Arrival) -> Vec<Lost> {
        let topic = named.then_some(arrival.envelope.topic());
        let key = LaneKey::Arrivals(arrival.source, topic);
        let in_order = arrival.is_direct() || self.broadcast.is_nearly_empty();
        let priority = if in_order { Priority::InOrder } else { Priority::ByWork(arrival.work) };
        let lane = Lane { group: owner.key, weight: owner.weight, key };
        self.push_task(lane, priority, Task::Arrival(arrival))
    }

    /// Queues the pool for a new filter.
    #[must_use]
    pub(crate) fn push_pool(&mut self, owner: Client, id: FilterId, pool: Backfill) -> Vec<Lost> {
        let lane = Lane { group: owner.key, weight: owner.weight, key: LaneKey::Pooled(id) };
        self.push_begun(lane, Task::Backfill(pool))
    }

    /// Queues a task that was begun, in its lane.
    #[must_use]
    pub(crate) fn push_begun(&mut self, lane: TaskLane, task: Task) -> Vec<Lost> {
        self.push_task(lane, Priority::Begun, task)
    }

    fn push_task(&mut self, lane: TaskLane, priority: Priority, task: Task) -> Vec<Lost> {
        let dropped = self.queue(&lane.key).push(lane, priority, task);
        dropped.into_iter().filter_map(|job| self.miss(&job)).collect()
    }

    /// Remembers a task that was dropped, to be tried again. Returns what is lost for it.
    fn miss(&mut self, job: &QueuedTask) -> Option<Lost> {
        let Some(arrival) = job.item.arrival() else {
            return Some((Reason::MessageQueueFull, None));
        };
        let (hash, work) = (*arrival.envelope.hash(), arrival.work);
        if arrival.is_direct() {
            return Some((Reason::DirectQueueFull, Some(hash)));
        }
        if planted::is(Bug::QueueDropsSilently) {
            return None;
        }
        let owner = Client { key: job.lane.group, weight: job.lane.weight };
        let lost = self.missed.insert(MissedEnvelope { hash, owner, work })?;
        Some((Reason::MessageQueueFull, Some(lost.hash)))
    }

    /// Takes up to `max` of the envelopes that were dropped from the message queue, if it is at most half full.
    pub(crate) fn take_missed(&mut self, max: usize) -> Vec<MissedEnvelope> {
        let queue = &self.broadcast.tasks;
        if self.missed.is_empty() || queue.bytes() > queue.max_bytes() / 2 {
            return Vec::new();
        }
        self.missed.take(max)
    }

    /// Takes the next task; direct messages first three times out of four.
    pub(crate) fn pop(&mut self) -> Option<QueuedTask> {
        self.turn = self.turn.wrapping_add(1);
        if self.turn.is_multiple_of(BROADCAST_TURN) {
            return self.broadcast.pop().or_else(|| self.direct.pop());
        }
        self.direct.pop().or_else(|| self.broadcast.pop())
    }

    /// Charges a lane for work that was done.
    pub(crate) fn charge(&mut self, lane: &TaskLane, cost: u32) {
        self.queue(&lane.key).tasks.charge(lane, cost);
    }

    /// Whether an envelope waits in one of the queues, or is to be tried again, for this owner or for any. Searches all.
    pub(crate) fn holds(&self, hash: &[u8; 32], owner: Option<u64>) -> bool {
        let is_seen = |key: u64| owner.is_none_or(|owner| owner == key);
        let mut tasks = self.direct.tasks.jobs().chain(self.broadcast.tasks.jobs());
        let is_it = |task: &Task| task.arrival().is_some_and(|it| it.envelope.hash() == hash);
        tasks.any(|(owner, task)| is_seen(*owner) && is_it(task))
            || self.missed.holds(hash, is_seen)
    }

    /// Number of tasks in the message queue and in the p2p queue.
    pub(crate) const fn len(&self) -> [usize; 2] {
        [self.broadcast.tasks.len(), self.direct.tasks.len()]
    }

    /// Whether a source is to wait before it sends more: the message queue is nearly full, and the source holds more than
    /// its share.
    pub(crate) fn is_full_for(&self, source: Source) -> bool {
        self.broadcast.is_full_for(source)
    }

    fn queue(&mut self, key: &LaneKey) -> &mut TaskQueue {
        match key {
            LaneKey::Arrivals(Source::Direct(_), _) => &mut self.direct,
            LaneKey::Arrivals(..) | LaneKey::Pooled(_) => &mut self.broadcast,
        }
    }
}

#[cfg(test)]
mod tests;
