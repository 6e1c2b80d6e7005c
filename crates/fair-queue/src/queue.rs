//! A queue of jobs, limited in bytes and fair over groups and their keys.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::cmp::Reverse;

use crate::NestedRoundRobin;

/// Jobs that wait, in one lane for each key of each group, with one limit in bytes over all.
///
/// - **Order**: the groups take turns, and the keys of a group take turns ([`NestedRoundRobin`]). Of one lane, the job with
///   the highest priority is first; of equal priorities, the one that came first.
/// - **Limit**: if the sizes of all jobs exceed it, the lane that holds the most bytes for its weight loses its job of the
///   lowest priority, the newest of equal ones, until the rest fits. So a lane that holds less than its share loses
///   nothing to the others.
///
/// The caller charges for a job after it is done ([`charge`](Self::charge)).
///
/// All calls take logarithmic time, except [`retain`](Self::retain).
#[derive(Clone, Debug)]
pub struct FairQueue<G, K, P, T> {
    turns: NestedRoundRobin<G, K>,
    lanes: BTreeMap<(G, K), Content<P, T>>,
    /// The lanes by what they hold for their weight.
    by_load: BTreeSet<(usize, (G, K))>,
    bytes: usize,
    max_bytes: usize,
    jobs: usize,
    /// Number of jobs that ever came: the order of jobs of one priority.
    arrived: u64,
}

/// Where a job waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane<G, K> {
    /// The group of the key.
    pub group: G,
    /// The share of the group relative to other groups. 0 is taken as 1.
    pub weight: u32,
    /// The key within the group.
    pub key: K,
}

/// A job that left the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job<G, K, P, T> {
    /// The lane it was queued in.
    pub lane: Lane<G, K>,
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
struct Content<P, T> {
    weight: u32,
    bytes: usize,
    jobs: BTreeMap<Place<P>, SizedItem<T>>,
}

#[derive(Clone, Debug)]
struct SizedItem<T> {
    size: usize,
    item: T,
}

impl<P, T> Content<P, T> {
    const EMPTY: Self = Self { weight: 1, bytes: 0, jobs: BTreeMap::new() };

    /// What it holds for its weight.
    fn load(&self) -> usize {
        self.bytes / usize::try_from(self.weight.max(1)).unwrap_or(usize::MAX)
    }
}

impl<G: Ord + Clone, K: Ord + Clone, P: Ord + Copy, T> FairQueue<G, K, P, T> {
    /// An empty queue. `quantum`: what a group of weight 1, or a key, may be charged in one turn. `max_bytes`: the limit
    /// of the sizes of all jobs together.
    #[must_use]
    pub const fn new(quantum: u32, max_bytes: usize) -> Self {
        Self {
            turns: NestedRoundRobin::new(quantum),
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
        lane: Lane<G, K>,
        priority: P,
        size: usize,
        item: T,
    ) -> Vec<Job<G, K, P, T>> {
        let Lane { group, weight, key } = lane;
        self.turns.activate(group.clone(), weight, key.clone());
        let place = (priority, Reverse(self.arrived));
        self.arrived += 1;
        let name = (group, key);
        let mut content = self.detach(&name);
        content.weight = weight;
        content.bytes = content.bytes.saturating_add(size);
        content.jobs.insert(place, SizedItem { size, item });
        self.attach(name, content);
        self.bytes = self.bytes.saturating_add(size);
        self.jobs += 1;
        let mut dropped = Vec::new();
        while self.bytes > self.max_bytes {
            let Some((_, heaviest)) = self.by_load.last().cloned() else { break };
            dropped.extend(self.take(&heaviest, BTreeMap::pop_first));
        }
        dropped
    }

    /// Takes the next job: the one with the highest priority of the lane whose turn it is.
    pub fn pop(&mut self) -> Option<Job<G, K, P, T>> {
        let name = self.turns.next_key()?;
        self.take(&name, BTreeMap::pop_last)
    }

    /// Charges the lane of a job that was done: see [`RoundRobin::charge`](crate::RoundRobin::charge).
    pub fn charge(&mut self, lane: &Lane<G, K>, cost: u32) {
        self.turns.charge(&lane.group, &lane.key, cost);
    }

    /// Removes all jobs for which `keep` is false, and returns them. Looks at all jobs.
    #[must_use]
    pub fn retain(&mut self, mut keep: impl FnMut(&G, &K, &T) -> bool) -> Vec<Job<G, K, P, T>> {
        let mut unwanted = Vec::new();
        for (name, content) in &self.lanes {
            let (group, key) = name;
            let places = content.jobs.iter().filter(|(_, job)| !keep(group, key, &job.item));
            unwanted.extend(places.map(|(&place, _)| (name.clone(), place)));
        }
        let take = |(name, place)| self.take(&name, |jobs| jobs.remove_entry(&place));
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

    /// The limit of [`bytes`](Self::bytes).
    #[must_use]
    pub const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// All jobs that wait, in no order of service.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.lanes.values().flat_map(|content| content.jobs.values().map(|job| &job.item))
    }

    /// All jobs that wait, each with the group that it is in, in no order of service.
    pub fn jobs(&self) -> impl Iterator<Item = (&G, &T)> {
        let lanes = self.lanes.iter();
        lanes.flat_map(|((group, _), content)| {
            content.jobs.values().map(move |job| (group, &job.item))
        })
    }

    /// Takes the job that `pick` removes from a lane.
    fn take(
        &mut self,
        name: &(G, K),
        pick: impl FnOnce(&mut BTreeMap<Place<P>, SizedItem<T>>) -> Option<(Place<P>, SizedItem<T>)>,
    ) -> Option<Job<G, K, P, T>> {
        let mut content = self.detach(name);
        let weight = content.weight;
        let taken = pick(&mut content.jobs);
        if let Some((_, job)) = &taken {
            content.bytes -= job.size;
            self.bytes -= job.size;
            self.jobs -= 1;
        }
        let (group, key) = name.clone();
        if content.jobs.is_empty() {
            self.turns.deactivate(&group, &key);
        } else {
            self.attach(name.clone(), content);
        }
        let ((priority, _), SizedItem { size, item }) = taken?;
        Some(Job { lane: Lane { group, weight, key }, priority, size, item })
    }

    /// Takes the content of a lane out, to be changed. Empty if there is no such lane.
    fn detach(&mut self, name: &(G, K)) -> Content<P, T> {
        let Some(content) = self.lanes.remove(name) else { return Content::EMPTY };
        self.by_load.remove(&(content.load(), name.clone()));
        content
    }

    fn attach(&mut self, name: (G, K), content: Content<P, T>) {
        self.by_load.insert((content.load(), name.clone()));
        self.lanes.insert(name, content);
    }
}

#[cfg(test)]
mod tests;
