//! Sealing on several threads, awaited by asynchronous code.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use thiserror::Error;
use tokio::sync::{Semaphore, oneshot};
use whisper_envelope::{Envelope, Unsealed};

use crate::{Found, Meter, Rule, Search, Task, Work, WorkError, seal::STEP};

/// How many envelopes one miner seals at a time. More wait for their turn, first come first served.
const AT_ONCE: usize = 4;

/// Seals envelopes on threads of its own, so that asynchronous code can await it.
///
/// Threads exist only while something is being sealed. A clone shares the turns: however many
/// envelopes are to be sealed, four times the number of threads is all that ever runs.
///
/// ```
/// use std::time::Duration;
/// use whisper_envelope::{Topic, Unsealed};
/// use whisper_pow::{Miner, Rule, Target, Work};
///
/// # let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
/// # runtime.block_on(async {
/// let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280]);
/// let asked = Work::new(0.2).ok_or("not an amount of work")?;
/// let sealed = Miner::new()
///     .seal(&unsealed, Rule::EIP_627, Target::AtLeast(asked), Duration::from_secs(60))
///     .await?;
/// assert!(sealed.work >= asked);
/// assert_eq!(whisper_pow::work(Rule::EIP_627, &sealed.envelope), Ok(sealed.work));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Miner {
    threads: NonZeroUsize,
    turns: Arc<Semaphore>,
}

/// When to be content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// With a nonce that shows this much work, and usually hardly more. [`Work::ZERO`] is content
    /// with nonce 0.
    AtLeast(Work),
    /// With the best that can be found until the time is up.
    Best,
}

/// A sealed envelope, and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The envelope.
    pub envelope: Envelope,
    /// The work it shows under the rule it was sealed under.
    pub work: Work,
    /// How many nonces were tried, on all threads together.
    pub hashes: u64,
}

/// Why an envelope could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// It has no work under any nonce.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// Not even a hash of zero bits alone would show the work asked for.
    #[error("no nonce can show this much work")]
    Unreachable,
    /// The time was up before the work asked for was reached.
    #[error("out of time after {hashes} nonces, the best of which shows work of {best}")]
    OutOfTime {
        /// The most work that was found.
        best: Work,
        /// How many nonces were tried, on all threads together.
        hashes: u64,
    },
    /// The system did not let us start a thread, or ended it.
    #[error("no thread could be started")]
    NoThread,
}

impl Default for Miner {
    fn default() -> Self {
        Self::new()
    }
}

impl Miner {
    /// A miner that uses all cores.
    #[must_use]
    pub fn new() -> Self {
        Self::with_threads(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// A miner that uses this many threads for each envelope. With one thread it tries the nonces in
    /// order from 0, so that the same task gives the same envelope.
    #[must_use]
    pub fn with_threads(threads: NonZeroUsize) -> Self {
        Self { threads, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// How many threads it uses for each envelope.
    #[must_use]
    pub const fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    /// Finds a nonce for `unsealed` under `rule`.
    ///
    /// Begins when it is polled and its turn has come, and takes at most the time `within` from then
    /// on. Dropping the future ends the search: its threads are gone within a few milliseconds.
    /// Needs no particular runtime, and hashes nothing on the thread that polls.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub async fn seal(
        &self,
        unsealed: &Unsealed,
        rule: Rule,
        target: Target,
        within: Duration,
    ) -> Result<Sealed, SealError> {
        self.seal_task(&Task::new(rule, unsealed)?, target, within, &Meter::new()).await
    }

    /// [`seal`](Self::seal) for a task of one rule or several, with a meter that shows how far it has come.
    ///
    /// ```
    /// use std::time::Duration;
    /// use whisper_envelope::{Topic, Unsealed};
    /// use whisper_pow::{Meter, Miner, Rule, Target, Task};
    ///
    /// # let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    /// # runtime.block_on(async {
    /// let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280]);
    /// let task = Task::new(Rule::GETH_1_8, &unsealed)?;
    /// let meter = Meter::new();
    /// let within = Duration::from_millis(5);
    /// let sealed = Miner::new().seal_task(&task, Target::Best, within, &meter).await?;
    /// assert_eq!(meter.progress().best, sealed.work);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub async fn seal_task(
        &self,
        task: &Task,
        target: Target,
        within: Duration,
        meter: &Meter,
    ) -> Result<Sealed, SealError> {
        // Fails only for a semaphore that was closed, which this one never is.
        let _turn = self.turns.acquire().await;
        let cancelled = CancelOnDrop::default();
        let stop = Arc::clone(&cancelled.0);
        let deadline = Instant::now().checked_add(within);
        let (task, meter, threads) = (task.clone(), meter.clone(), self.threads);
        let (tell, told) = oneshot::channel();
        thread()
            .spawn(move || {
                let limits = Limits { deadline, threads, stop: &stop };
                // Nobody listens any more if the future was dropped.
                let _ = tell.send(seal(&task, target, &limits, &meter));
            })
            .map_err(|_| SealError::NoThread)?;
        told.await.map_err(|_| SealError::NoThread)?
    }
}

/// Tells the threads to stop, when the future that awaits them is dropped.
#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn thread() -> thread::Builder {
    thread::Builder::new().name("whisper-pow".into())
}

/// What bounds a search from outside.
struct Limits<'a> {
    /// `None` is never.
    deadline: Option<Instant>,
    threads: NonZeroUsize,
    /// Set by the thread that found enough, or when nobody waits any more.
    stop: &'a AtomicBool,
}

/// Seals on this thread and, while it lasts, on more.
fn seal(
    task: &Task,
    target: Target,
    limits: &Limits<'_>,
    meter: &Meter,
) -> Result<Sealed, SealError> {
    let enough = match target {
        Target::AtLeast(work) => Some(task.bits_for(work).ok_or(SealError::Unreachable)?),
        Target::Best => None,
    };
    meter.begin(enough.map(|bits| task.expected_hashes(bits)));
    let hunt =
        Hunt { task, enough: enough.unwrap_or(u32::MAX), limits, meter, next: AtomicU64::new(0) };
    // Where any nonce will do, the first one does.
    let others = if enough == Some(0) { 0 } else { limits.threads.get() - 1 };
    let search = hunt.run(others);
    meter.end();
    let found = search.best.ok_or(SealError::NoThread)?;
    let (work, hashes) = (task.work(found.nonce), search.hashes);
    if enough.is_some_and(|enough| found.zeros < enough) {
        return Err(SealError::OutOfTime { best: work, hashes });
    }
    Ok(Sealed { envelope: task.unsealed().seal(found.nonce), work, hashes })
}

/// One search on several threads.
struct Hunt<'a> {
    task: &'a Task,
    enough: u32,
    limits: &'a Limits<'a>,
    meter: &'a Meter,
    /// The first block of nonces that no thread has taken. The nonces of all threads stay close together
    /// and small, which makes for short envelopes.
    next: AtomicU64,
}

impl Hunt<'_> {
    /// Searches on this thread and as many `others` as can be started, and waits for them all.
    fn run(&self, others: usize) -> Search {
        thread::scope(|scope| {
            let others: Vec<_> = (0..others)
                .map_while(|_| thread().spawn_scoped(scope, || self.work()).ok())
                .collect();
            let mine = self.work();
            others.into_iter().filter_map(|other| other.join().ok()).fold(mine, better)
        })
    }

    /// One thread: takes block after block until there is no more to do.
    fn work(&self) -> Search {
        let mut all = Search::NOTHING;
        while let Some(start) = self.next.fetch_add(1, Relaxed).checked_mul(STEP) {
            let before = all;
            all.step(self.task, start, STEP, self.enough);
            self.meter.tried(all.hashes - before.hashes);
            if let Some(best) = all.best.filter(|_| all.best != before.best) {
                self.meter.found(self.task.work(best.nonce));
            }
            if all.is_enough(self.enough) {
                self.limits.stop.store(true, Relaxed);
            }
            if self.is_finished() {
                break;
            }
        }
        all
    }

    fn is_finished(&self) -> bool {
        let late = || self.limits.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.limits.stop.load(Relaxed) || late()
    }
}

/// Two searches as one: the better of their nonces, the smaller one where they are equal.
fn better(one: Search, other: Search) -> Search {
    let worth = |found: &Found| (found.zeros, std::cmp::Reverse(found.nonce));
    Search {
        best: one.best.into_iter().chain(other.best).max_by_key(worth),
        hashes: one.hashes + other.hashes,
    }
}

#[cfg(test)]
mod tests {
    use whisper_envelope::Topic;

    use super::*;
    use crate::search;

    /// The blocks of the threads neither overlap nor leave a gap: as many nonces are tried as there are.
    #[test]
    fn threads_share_the_last_nonces() {
        const BLOCKS: u64 = 7;
        let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 100]);
        let task = Task::new(Rule::GETH_1_8, &unsealed).unwrap();
        let limits =
            Limits { deadline: None, threads: NonZeroUsize::MIN, stop: &AtomicBool::new(false) };
        let first = u64::MAX / STEP + 1 - BLOCKS;
        let hunt = Hunt {
            task: &task,
            enough: u32::MAX,
            limits: &limits,
            meter: &Meter::new(),
            next: AtomicU64::new(first),
        };
        let together = hunt.run(2);
        assert_eq!(together, search(&task, first * STEP..=u64::MAX, u32::MAX, || false));
        assert_eq!(together.hashes, BLOCKS * STEP);
        assert_eq!(hunt.meter.progress().hashes, BLOCKS * STEP);
    }
}
