//! The jobs of a miner, and which of them is worked on next. No thread and no clock.
//!
//! A job is searched in blocks of nonces. The clients take turns, and the jobs of one client take turns as well: a short
//! job ends early, however long the others are.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use fair_queue::NestedRoundRobin;

use crate::{Client, Found, Meter, Search, Task, seal::NONCES_PER_CHECK};

/// Number of nonces in a block, a multiple of [`NONCES_PER_CHECK`]: less than a millisecond with the fastest kernel, tens
/// of milliseconds with the slowest.
const BLOCK: u32 = 8192;

/// Memory that a job takes besides its envelope, in bytes.
const OVERHEAD: usize = 1024;

/// Identifies a job of one miner.
pub(super) type JobId = u64;

/// The jobs of all clients.
#[derive(Debug)]
pub(super) struct Jobs {
    /// The jobs of each client that have nonces left to try.
    turns: NestedRoundRobin<u64, JobId>,
    jobs: BTreeMap<JobId, Job>,
    next_id: JobId,
    /// Memory of all jobs, in bytes.
    bytes: usize,
    max_bytes: usize,
}

/// What a job is asked for.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) task: Task,
    /// Number of zero bits that end the search.
    pub(super) enough: u32,
    /// Maximum time of work on it, on all threads together.
    pub(super) budget: Duration,
    pub(super) meter: Meter,
    pub(super) account: Account,
    pub(super) client: Client,
}

/// What the jobs of one handle of a miner have in common. Clones are the same account.
#[derive(Clone, Debug, Default)]
pub(super) struct Account(Arc<AccountState>);

#[derive(Debug, Default)]
struct AccountState {
    /// The time that cores have worked on its jobs, in nanoseconds.
    worked: AtomicU64,
    /// Whether its jobs have no turns.
    is_paused: AtomicBool,
}

impl Account {
    /// The time that cores have worked on its jobs.
    pub(super) fn worked(&self) -> Duration {
        Duration::from_nanos(self.0.worked.load(Relaxed))
    }

    fn add(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.worked.fetch_add(nanos, Relaxed);
    }

    fn is_paused(&self) -> bool {
        self.0.is_paused.load(Relaxed)
    }
}

#[derive(Debug)]
struct Job {
    order: Arc<Order>,
    /// The number of the next block.
    next: u64,
    /// Blocks that are being searched.
    running: usize,
    /// The time of work so far, on all threads together.
    spent: Duration,
    search: Search,
    /// Set when no further block is needed. Threads that search a block look at it.
    stop: Arc<AtomicBool>,
}

/// Nonces to try for a job.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) job: JobId,
    order: Arc<Order>,
    start: u64,
    count: u64,
    stop: Arc<AtomicBool>,
}

/// A job that is finished.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) job: JobId,
    pub(super) search: Search,
}

impl Order {
    /// What the job counts in memory, in bytes.
    fn memory_size(&self) -> usize {
        self.task.unsealed().size() + OVERHEAD
    }
}

impl Block {
    /// Tries the nonces of the block, until one is enough or the job is stopped.
    pub(super) fn search(&self) -> Search {
        let mut search = Search::NOTHING;
        let mut tried = 0;
        while tried < self.count {
            let count = (self.count - tried).min(NONCES_PER_CHECK);
            search.step(&self.order.task, self.start + tried, count, self.order.enough);
            tried += count;
            if search.is_enough(self.order.enough) || self.stop.load(Relaxed) {
                break;
            }
        }
        search
    }
}

impl Job {
    /// Whether it can have turns.
    fn has_more(&self) -> bool {
        !self.stop.load(Relaxed) && self.nonces().is_some()
    }

    /// The first nonce of the next block and the number of its nonces, if there are any left.
    fn nonces(&self) -> Option<(u64, u64)> {
        let start = self.next.checked_mul(BLOCK.into())?;
        Some((start, (u64::MAX - start).saturating_add(1).min(BLOCK.into())))
    }
}

impl Jobs {
    /// No job. `max_bytes` limits the memory of all jobs together.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            turns: NestedRoundRobin::new(BLOCK),
            jobs: BTreeMap::new(),
            next_id: 0,
            bytes: 0,
            max_bytes,
        }
    }

    /// Adds a job. `None` if its client holds more than its part of the memory: the others keep theirs.
    ///
    /// Half of the memory is for all; of the other half, each client has an equal part.
    pub(super) fn insert(&mut self, order: Order) -> Option<JobId> {
        let (client, size) = (order.client, order.memory_size());
        let held = |key: u64| -> usize {
            let jobs = self.jobs.values().filter(|job| job.order.client.key == key);
            jobs.map(|job| job.order.memory_size()).sum()
        };
        let part = self.max_bytes / 2 / (self.turns.groups() + 1);
        if self.bytes + size > self.max_bytes / 2 && held(client.key) + size > part {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.bytes += size;
        if !order.account.is_paused() {
            self.turns.activate(client.key, client.weight, id);
        }
        self.jobs.insert(
            id,
            Job {
                order: Arc::new(order),
                next: 0,
                running: 0,
                spent: Duration::ZERO,
                search: Search::NOTHING,
                stop: Arc::default(),
            },
        );
        Some(id)
    }

    /// From now on the jobs of an account have no turns, or have them again.
    pub(super) fn pause(&mut self, account: &Account, paused: bool) {
        if account.0.is_paused.swap(paused, Relaxed) == paused {
            return;
        }
        let is_own = |job: &Job| Arc::ptr_eq(&job.order.account.0, &account.0);
        for (id, job) in self.jobs.iter().filter(|(_, job)| is_own(job)) {
            let Client { key, weight } = job.order.client;
            if paused {
                self.turns.deactivate(&key, id);
            } else if job.has_more() {
                self.turns.activate(key, weight, *id);
            }
        }
    }

    /// The next block to be searched. `None` if no job has nonces left to try.
    pub(super) fn next_block(&mut self) -> Option<Block> {
        let (client, id) = self.turns.next_key()?;
        let job = self.jobs.get_mut(&id)?;
        let (start, count) = job.nonces()?;
        self.turns.charge(&client, &id, BLOCK);
        job.next += 1;
        job.running += 1;
        let block = Block {
            job: id,
            order: Arc::clone(&job.order),
            start,
            count,
            stop: Arc::clone(&job.stop),
        };
        if job.nonces().is_none() {
            self.rest(id);
        }
        Some(block)
    }

    /// Takes the result of a block that took `took`. Returns the job if it is finished.
    pub(super) fn finish_block(
        &mut self,
        block: &Block,
        search: Search,
        took: Duration,
    ) -> Option<Finished> {
        // Also if its job is no longer wanted.
        block.order.account.add(took);
        let job = self.jobs.get_mut(&block.job)?;
        job.running -= 1;
        job.spent = job.spent.saturating_add(took);
        let improved = job.search.merge(search);
        let meter = &job.order.meter;
        meter.tried(search.hashes);
        if let Some(Found { nonce, .. }) = improved {
            meter.found(job.order.task.work(nonce));
        }
        let is_stopped = job.search.is_enough(job.order.enough) || job.spent >= job.order.budget;
        if is_stopped {
            job.stop.store(true, Relaxed);
        }
        let is_over = is_stopped || job.nonces().is_none();
        let is_finished = is_over && job.running == 0;
        let search = job.search;
        if is_over {
            self.rest(block.job);
        }
        if is_finished {
            self.remove(block.job);
        }
        is_finished.then_some(Finished { job: block.job, search })
    }

    /// Removes a job that is finished or whose result is no longer needed.
    pub(super) fn remove(&mut self, id: JobId) {
        self.rest(id);
        if let Some(job) = self.jobs.remove(&id) {
            job.stop.store(true, Relaxed);
            self.bytes -= job.order.memory_size();
        }
    }

    /// Whether a block could be searched now.
    pub(super) const fn is_idle(&self) -> bool {
        self.turns.is_empty()
    }

    /// The job gets no more turns.
    fn rest(&mut self, id: JobId) {
        if let Some(job) = self.jobs.get(&id) {
            self.turns.deactivate(&job.order.client.key, &id);
        }
    }
}

#[cfg(test)]
mod tests;
