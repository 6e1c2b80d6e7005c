//! The jobs of a miner, and the threads that search them.

mod in_place;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    SealError,
    jobs::{Account, Block, Finished, JobId, Jobs, Order},
};
use crate::{Search, meter::Stopwatch};

/// Maximum memory of all envelopes that are being sealed, in bytes.
const MAX_BYTES: usize = 128 << 20;

/// How much lower the priority of the threads is than that of others, as a Unix nice value.
#[cfg(all(feature = "low-priority", target_os = "linux"))]
const NICE: i32 = 10;

/// Where a miner searches.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// On at most this number of threads.
    Threads(NonZeroUsize),
    /// Where its futures are polled.
    InPlace,
}

/// The jobs, and who works on them.
#[derive(Debug)]
pub(super) struct Workers {
    place: Place,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    jobs: Jobs,
    /// Who waits for each job.
    waiting: BTreeMap<JobId, oneshot::Sender<Search>>,
    /// Threads that exist.
    running: usize,
}

impl Workers {
    pub(super) fn with_threads(threads: NonZeroUsize) -> Self {
        Self::new(Place::Threads(threads))
    }

    pub(super) fn in_place() -> Self {
        Self::new(Place::InPlace)
    }

    fn new(place: Place) -> Self {
        let state = State { jobs: Jobs::new(MAX_BYTES), waiting: BTreeMap::new(), running: 0 };
        Self { place, state: Mutex::new(state) }
    }

    /// Number of threads; 1 if there are none.
    pub(super) const fn threads(&self) -> NonZeroUsize {
        match self.place {
            Place::Threads(threads) => threads,
            Place::InPlace => NonZeroUsize::MIN,
        }
    }

    /// The clock for the progress of a search.
    pub(super) fn stopwatch(&self) -> Stopwatch {
        match self.place {
            Place::Threads(_) => Stopwatch::start(),
            Place::InPlace => Stopwatch::Nominal,
        }
    }

    /// Works on a job until it is finished. Dropping the future removes the job.
    pub(super) async fn search(self: &Arc<Self>, order: Order) -> Result<Search, SealError> {
        let (sender, receiver) = oneshot::channel();
        let job = {
            let mut state = self.lock();
            let job = state.jobs.insert(order).ok_or(SealError::Busy)?;
            state.waiting.insert(job, sender);
            job
        };
        let _removed = RemoveOnDrop { workers: self, job };
        match self.place {
            Place::Threads(_) => self.add_thread()?,
            Place::InPlace => self.work_until_ready(&receiver).await,
        }
        receiver.await.map_err(|_| SealError::NoThread)
    }

    /// The jobs of an account wait, or go on. Without threads, those who wait for a job would have to be woken.
    pub(super) fn pause(self: &Arc<Self>, account: &Account, paused: bool) {
        if let Place::Threads(_) = self.place {
            self.lock().jobs.pause(account, paused);
            // Without a thread now, the next job that is added starts one.
            let _ = self.add_thread();
        }
    }

    /// Starts a thread if there is work for it. An error only if there is no other thread either.
    fn add_thread(self: &Arc<Self>) -> Result<(), SealError> {
        {
            let mut state = self.lock();
            if state.running >= self.threads().get() || state.jobs.is_idle() {
                return Ok(());
            }
            state.running += 1;
        }
        let workers = Arc::clone(self);
        let started =
            thread::Builder::new().name("whisper-pow".into()).spawn(move || workers.run());
        if started.is_ok() {
            return Ok(());
        }
        let mut state = self.lock();
        state.running -= 1;
        if state.running > 0 { Ok(()) } else { Err(SealError::NoThread) }
    }

    /// A thread: searches block after block until there is none left.
    fn run(self: &Arc<Self>) {
        lower_priority();
        let mut blocks = 0_u32;
        loop {
            let block = {
                let mut state = self.lock();
                let Some(block) = state.jobs.next_block() else {
                    state.running -= 1;
                    return;
                };
                block
            };
            if blocks == 1 {
                // There is more to do than one block: another thread is worth its start, which starts the next one.
                let _ = self.add_thread();
            }
            blocks = blocks.saturating_add(1);
            let started = Instant::now();
            let search = block.search();
            self.finish_block(&block, search, started.elapsed());
        }
    }

    /// Takes the result of a block that took `took`.
    fn finish_block(&self, block: &Block, search: Search, took: Duration) {
        let mut state = self.lock();
        if let Some(Finished { job, search }) = state.jobs.finish_block(block, search, took)
            && let Some(sender) = state.waiting.remove(&job)
        {
            // The receiver may be gone: the future was dropped.
            let _ = sender.send(search);
        }
    }

    /// A thread that panicked leaves valid counts: nothing is changed in two steps.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a job when the future that awaits it is dropped.
struct RemoveOnDrop<'a> {
    workers: &'a Workers,
    job: JobId,
}

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        let mut state = self.workers.lock();
        state.waiting.remove(&self.job);
        state.jobs.remove(self.job);
    }
}

/// Lets other threads of the process go first, with the feature for it. On Linux a priority is that of a thread;
/// elsewhere it would be that of the whole process.
fn lower_priority() {
    #[cfg(all(feature = "low-priority", target_os = "linux"))]
    // Not allowed to: then it runs at the normal priority.
    let _ = rustix::process::setpriority_process(None, NICE);
}
