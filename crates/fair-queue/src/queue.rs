//! A queue of jobs, limited in bytes and fair over its sources.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::cmp::Reverse;

use crate::RoundRobin;

/// Jobs that wait, in one queue for each key, with one limit in bytes over all.
///
/// - **Order**: the keys take turns ([`RoundRobin`]). Of one key, the job with the highest priority is first; of equal
///   priorities, the one that came first.
/// - **Limit**: if the sizes of all jobs exceed it, the key that holds the most bytes for its weight loses its job of the
///   lowest priority, the newest of equal ones, until the rest fits. So a key that holds less than its share loses
///   nothing to the others.
///
/// The caller charges for a job after it is done ([`charge`](Self::charge)).
///
/// All calls take logarithmic time, except [`retain`](Self::retain).
#[derive(Clone, Debug)]
pub struct FairQueue<K, P, T> {
    turns: RoundRobin<K>,
    lanes: BTreeMap<K, Lane<P, T>>,
    /// The keys by what they hold for their weight.
    by_load: BTreeSet<(usize, K)>,
    bytes: usize,
    max_bytes: usize,
    jobs: usize,
    /// Number of jobs that ever came: the order of jobs of one priority.
    arrived: u64,
}

/// A job that left the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job<K, P, T> {
    /// The key it was queued under.
    pub key: K,
    /// Its priority.
    pub priority: P,
    /// Its size in bytes.
    pub size: usize,
    /// The job itself.
    pub item: T,
}

/// The place of a job in its lane: the highest is served first, the lowest is dropped first.
type Place<P> = (P, Reverse<u64>);

#[derive(Clone, Debug)]
struct Lane<P, T> {
    weight: u32,
    bytes: usize,
    jobs: BTreeMap<Place<P>, SizedItem<T>>,
}

#[derive(Clone, Debug)]
struct SizedItem<T> {
    size: usize,
    item: T,
}

impl<P, T> Lane<P, T> {
    const EMPTY: Self = Self { weight: 1, bytes: 0, jobs: BTreeMap::new() };

    /// What it holds for its weight.
    fn load(&self) -> usize {
        self.bytes / usize::try_from(self.weight.max(1)).unwrap_or(usize::MAX)
    }
}

impl<K: Ord + Clone, P: Ord + Copy, T> FairQueue<K, P, T> {
    /// An empty queue. `quantum`: what a key of weight 1 may be charged in one turn. `max_bytes`: the limit of the
    /// sizes of all jobs together.
    #[must_use]
    pub fn new(quantum: u32, max_bytes: usize) -> Self {
        Self {
            turns: RoundRobin::new(quantum),
            lanes: BTreeMap::new(),
            by_load: BTreeSet::new(),
            bytes: 0,
            max_bytes,
            jobs: 0,
            arrived: 0,
        }
    }

    /// Queues a job of `size` bytes, and returns the jobs that lose their place to it: none while there is room. It may
    /// itself be the one that is dropped.
    ///
    /// A size should include what a job takes in memory beside its data, so that empty jobs are limited, too.
    #[must_use]
    pub fn push(
        &mut self,
        key: K,
        weight: u32,
        priority: P,
        size: usize,
        item: T,
    ) -> Vec<Job<K, P, T>> {
        let place = (priority, Reverse(self.arrived));
        self.arrived += 1;
        let mut lane = self.detach(&key);
        lane.weight = weight;
        lane.bytes = lane.bytes.saturating_add(size);
        lane.jobs.insert(place, SizedItem { size, item });
        self.attach(key.clone(), lane);
        self.bytes = self.bytes.saturating_add(size);
        self.jobs += 1;
        self.turns.activate(key, weight);
        let mut dropped = Vec::new();
        while self.bytes > self.max_bytes {
            let Some((_, heaviest)) = self.by_load.last().cloned() else { break };
            dropped.extend(self.take(&heaviest, BTreeMap::pop_first));
        }
        dropped
    }

    /// Takes the next job: the one with the highest priority of the key whose turn it is.
    pub fn pop(&mut self) -> Option<Job<K, P, T>> {
        let key = self.turns.next_key()?.clone();
        self.take(&key, BTreeMap::pop_last)
    }

    /// Charges `key` for a job that was done: see [`RoundRobin::charge`].
    pub fn charge(&mut self, key: &K, cost: u32) {
        self.turns.charge(key, cost);
    }

    /// Removes all jobs for which `keep` is false, and returns them. Looks at all jobs.
    #[must_use]
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &P, &T) -> bool) -> Vec<Job<K, P, T>> {
        let mut unwanted = Vec::new();
        for (key, lane) in &self.lanes {
            let places = lane.jobs.iter().filter(|(place, job)| !keep(key, &place.0, &job.item));
            unwanted.extend(places.map(|(&place, _)| (key.clone(), place)));
        }
        let take = |(key, place)| self.take(&key, |jobs| jobs.remove_entry(&place));
        unwanted.into_iter().filter_map(take).collect()
    }

    /// Number of jobs that wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.jobs
    }

    /// Whether no job waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.jobs == 0
    }

    /// The sizes of all jobs that wait, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// All jobs that wait, in no order of service.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &T)> {
        self.lanes
            .iter()
            .flat_map(|(key, lane)| lane.jobs.values().map(move |job| (key, &job.item)))
    }

    /// Takes the job that `pick` removes from the lane of `key`.
    fn take(
        &mut self,
        key: &K,
        pick: impl FnOnce(&mut BTreeMap<Place<P>, SizedItem<T>>) -> Option<(Place<P>, SizedItem<T>)>,
    ) -> Option<Job<K, P, T>> {
        let mut lane = self.detach(key);
        let taken = pick(&mut lane.jobs);
        if let Some((_, job)) = &taken {
            lane.bytes -= job.size;
            self.bytes -= job.size;
            self.jobs -= 1;
        }
        if lane.jobs.is_empty() {
            self.turns.deactivate(key);
        } else {
            self.attach(key.clone(), lane);
        }
        let ((priority, _), SizedItem { size, item }) = taken?;
        Some(Job { key: key.clone(), priority, size, item })
    }

    /// Takes the lane of `key` out, to be changed. An empty one if there is none.
    fn detach(&mut self, key: &K) -> Lane<P, T> {
        let Some(lane) = self.lanes.remove(key) else { return Lane::EMPTY };
        self.by_load.remove(&(lane.load(), key.clone()));
        lane
    }

    fn attach(&mut self, key: K, lane: Lane<P, T>) {
        self.by_load.insert((lane.load(), key.clone()));
        self.lanes.insert(key, lane);
    }
}

#[cfg(test)]
mod tests;
