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
    pub(super) core_time: CoreTime,
    pub(super) client: Client,
}

/// The time that cores have worked on several jobs together. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct CoreTime(Arc<AtomicU64>);

impl CoreTime {
    pub(super) fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }

    fn add(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
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
        self.turns.activate(client.key, client.weight, id);
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
        block.order.core_time.add(took);
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
mod tests {
    use whisper_envelope::{Topic, Unsealed};

    use super::*;
    use crate::{Rule, search};

    const NEVER: u32 = u32::MAX;
    const TICK: Duration = Duration::from_millis(1);

    fn order(client: u64, enough: u32, budget: Duration) -> Order {
        let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 100]);
        Order {
            task: Task::new(Rule::GETH_1_8, &unsealed).unwrap(),
            enough,
            budget,
            meter: Meter::new(),
            core_time: CoreTime::default(),
            client: Client { key: client, weight: 1 },
        }
    }

    /// Pretends to search blocks of one tick each, in one thread, until `job` is finished; the number of blocks.
    fn blocks_until(jobs: &mut Jobs, job: JobId) -> usize {
        for blocks in 1.. {
            let block = jobs.next_block().unwrap();
            let finished = jobs.finish_block(&block, Search::NOTHING, TICK);
            if finished.is_some_and(|finished| finished.job == job) {
                return blocks;
            }
        }
        unreachable!()
    }

    #[test]
    fn a_short_job_ends_early_beside_endless_ones_of_another_client() {
        let mut jobs = Jobs::new(1 << 20);
        for _ in 0..40 {
            jobs.insert(order(1, NEVER, Duration::MAX)).unwrap();
        }
        (0..1000).for_each(|_| {
            let block = jobs.next_block().unwrap();
            jobs.finish_block(&block, Search::NOTHING, TICK);
        });
        let short = jobs.insert(order(2, NEVER, 10 * TICK)).unwrap();
        let blocks = blocks_until(&mut jobs, short);
        assert!(blocks <= 21, "{blocks} blocks for a job of 10");
    }

    #[test]
    fn jobs_of_one_client_take_turns() {
        let mut jobs = Jobs::new(1 << 20);
        for _ in 0..3 {
            jobs.insert(order(1, NEVER, Duration::MAX)).unwrap();
        }
        let short = jobs.insert(order(1, NEVER, 10 * TICK)).unwrap();
        let blocks = blocks_until(&mut jobs, short);
        assert!(blocks <= 41, "{blocks} blocks");
    }

    #[test]
    fn a_weight_is_a_share() {
        let mut jobs = Jobs::new(1 << 20);
        let heavy =
            Order { client: Client { key: 2, weight: 3 }, ..order(2, NEVER, Duration::MAX) };
        let light = jobs.insert(order(1, NEVER, Duration::MAX)).unwrap();
        jobs.insert(heavy).unwrap();
        let light = (0..400).filter(|_| jobs.next_block().unwrap().job == light).count();
        assert!((98..=102).contains(&light), "{light} of 400");
    }

    #[test]
    fn blocks_cover_all_nonces_once() {
        const BLOCKS: u64 = 3;
        let mut jobs = Jobs::new(1 << 20);
        let id = jobs.insert(order(1, NEVER, Duration::MAX)).unwrap();
        let first = u64::MAX / u64::from(BLOCK) + 1 - BLOCKS;
        jobs.jobs.get_mut(&id).unwrap().next = first;
        let blocks: Vec<_> = std::iter::from_fn(|| jobs.next_block()).collect();
        assert!(jobs.is_idle());
        let mut finished = None;
        for block in blocks.iter().rev() {
            assert!(finished.is_none(), "the job ends with the last block");
            finished = jobs.finish_block(block, block.search(), TICK);
        }
        let task = order(1, NEVER, TICK).task;
        let all = search(&task, first * u64::from(BLOCK)..=u64::MAX, NEVER, || false);
        assert_eq!(finished.unwrap().search, all);
        assert_eq!(all.hashes, BLOCKS * u64::from(BLOCK));
    }

    #[test]
    fn a_found_nonce_stops_the_other_blocks_of_the_job() {
        let mut jobs = Jobs::new(1 << 20);
        let id = jobs.insert(order(1, 4, Duration::MAX)).unwrap();
        let [one, other] = [(); 2].map(|()| jobs.next_block().unwrap());
        assert!(jobs.finish_block(&one, one.search(), TICK).is_none(), "the other one is running");
        assert!(jobs.next_block().is_none(), "no more blocks are begun");
        let search = other.search();
        assert_eq!(search.hashes, NONCES_PER_CHECK.min(search.hashes), "it stops at the next step");
        let finished = jobs.finish_block(&other, search, TICK).unwrap();
        assert_eq!(finished.job, id);
        assert!(jobs.jobs.is_empty() && jobs.bytes == 0);
    }

    #[test]
    fn core_time_counts_for_the_handle_that_asked_even_if_its_job_is_gone() {
        let mut jobs = Jobs::new(1 << 20);
        let [one, other] = [1, 2].map(|client| order(client, NEVER, Duration::MAX));
        let (time_of_one, time_of_other) = (one.core_time.clone(), other.core_time.clone());
        let id = jobs.insert(one).unwrap();
        let block = jobs.next_block().unwrap();
        jobs.insert(other).unwrap();
        jobs.remove(id);
        jobs.finish_block(&block, Search::NOTHING, 3 * TICK);
        assert_eq!((time_of_one.get(), time_of_other.get()), (3 * TICK, Duration::ZERO));
    }

    #[test]
    fn a_removed_job_leaves_nothing() {
        let mut jobs = Jobs::new(1 << 20);
        let id = jobs.insert(order(1, NEVER, Duration::MAX)).unwrap();
        let block = jobs.next_block().unwrap();
        jobs.remove(id);
        assert!(jobs.is_idle() && jobs.turns.is_empty() && jobs.bytes == 0);
        assert!(block.search().hashes <= NONCES_PER_CHECK);
        assert!(jobs.finish_block(&block, Search::NOTHING, TICK).is_none());
    }

    #[test]
    fn a_client_that_fills_the_memory_leaves_room_for_others() {
        let size = order(1, NEVER, TICK).memory_size();
        let mut jobs = Jobs::new(100 * size);
        let inserted = (0..200).map_while(|_| jobs.insert(order(1, NEVER, TICK))).count();
        assert!((50..=60).contains(&inserted), "{inserted}");
        for client in 2..5 {
            assert!(jobs.insert(order(client, NEVER, TICK)).is_some());
        }
    }
}
