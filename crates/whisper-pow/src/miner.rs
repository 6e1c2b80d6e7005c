//! Sealing on several threads or in place, awaited by asynchronous code.

mod jobs;
mod workers;

use std::{num::NonZeroUsize, sync::Arc, thread, time::Duration};

use thiserror::Error;
use whisper_envelope::{Envelope, Unsealed};

use crate::{Meter, Rule, Task, Work, WorkError};
use jobs::{Account, Order};
use workers::Workers;

/// Seals envelopes, so that asynchronous code can await it: on threads of its own, or [in place](Self::in_place).
///
/// Threads exist only while something is being sealed. With the feature `low-priority` they run at a lower priority than
/// others on Linux. A clone shares the threads.
///
/// All envelopes that are being sealed make progress: their searches are cut into short blocks, and the [`Client`]s take
/// turns, each with its envelopes in turn. An envelope that needs little work is therefore ready soon, whatever else is
/// being sealed.
///
/// ```
/// use std::time::Duration;
/// use whisper_envelope::{Topic, Unsealed};
/// use whisper_pow::{Miner, Rule, Target, Work};
///
/// # let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
/// # runtime.block_on(async {
/// let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280]);
/// let min_work = Work::new(0.2).ok_or("not an amount of work")?;
/// let sealed = Miner::new()
///     .seal(&unsealed, Rule::EIP_627, Target::AtLeast(min_work), Duration::from_secs(60))
///     .await?;
/// assert!(sealed.work >= min_work);
/// assert_eq!(whisper_pow::work(Rule::EIP_627, &sealed.envelope), Ok(sealed.work));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Miner {
    workers: Arc<Workers>,
    /// What the searches of this handle and its clones have in common.
    account: Account,
}

/// When a search ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// With a nonce that shows at least this much work, usually hardly more. With [`Work::ZERO`], the first nonce is
    /// enough.
    AtLeast(Work),
    /// When the time is over, with the best nonce that was found.
    Best,
}

/// Whose envelope is sealed. Clients share the threads in proportion to their weights.
///
/// The key has no meaning to the miner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Identifies the client.
    pub key: u64,
    /// Its share relative to other clients. 0 is taken as 1.
    pub weight: u32,
}

impl Default for Client {
    /// Client 0 with weight 1.
    fn default() -> Self {
        Self { key: 0, weight: 1 }
    }
}

/// A task to be searched on all threads.
#[derive(Clone, Debug)]
pub struct SealJob {
    task: Task,
    target: Target,
    within: Duration,
    meter: Meter,
    client: Client,
}

impl SealJob {
    /// A job of the default client, without a meter of its own. `within` limits the time that is spent on it, as if all threads
    /// worked on nothing else: time in which others have their turn does not count.
    #[must_use]
    pub fn new(task: Task, target: Target, within: Duration) -> Self {
        Self { task, target, within, meter: Meter::new(), client: Client::default() }
    }

    /// Shows the progress on `meter`.
    #[must_use]
    pub fn meter(mut self, meter: &Meter) -> Self {
        self.meter = meter.clone();
        self
    }

    /// Whose job it is.
    #[must_use]
    pub const fn client(mut self, client: Client) -> Self {
        self.client = client;
        self
    }
}

/// A sealed envelope, and its cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The envelope.
    pub envelope: Envelope,
    /// The work it shows under the rule it was sealed under.
    pub work: Work,
    /// Number of nonces tried, on all threads together.
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
    /// The time was over before the work asked for was reached.
    #[error("out of time after {hashes} nonces, the best of which shows work of {best}")]
    OutOfTime {
        /// The most work that was found.
        best: Work,
        /// Number of nonces tried, on all threads together.
        hashes: u64,
    },
    /// The client has too many envelopes in memory that are being sealed. Wait for some of them.
    #[error(
        "too many envelopes of this client are being sealed; wait until some of them are ready"
    )]
    Busy,
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

    /// A miner that uses this many threads. With one thread it tries the nonces of a task in order from 0, so that the
    /// same task gives the same envelope.
    #[must_use]
    pub fn with_threads(threads: NonZeroUsize) -> Self {
        Self::of(Arc::new(Workers::with_threads(threads)))
    }

    /// A miner without threads and without a clock: a future that is awaited searches itself, a block of 8192 nonces in
    /// each poll, and lets other tasks run in between. For simulations, which must repeat themselves, and for machines
    /// that have no threads, such as browsers.
    ///
    /// The time of a job counts in nonces, [`NONCES_PER_SECOND`](Self::NONCES_PER_SECOND): the same jobs in the same
    /// order give the same envelopes on every machine. A [`Meter`] counts in the same way. A poll takes less than a
    /// millisecond with the fastest instruction set and tens of milliseconds with the slowest.
    #[must_use]
    pub fn in_place() -> Self {
        Self::of(Arc::new(Workers::in_place()))
    }

    fn of(workers: Arc<Workers>) -> Self {
        Self { workers, account: Account::default() }
    }

    /// The same miner, which shares its threads with this one, with a [`core_time`](Self::core_time) of its own.
    #[must_use]
    pub fn counted(&self) -> Self {
        Self::of(Arc::clone(&self.workers))
    }

    /// The time that cores have worked for this handle and its clones, whether their searches ended or not. A second on two
    /// threads counts as two. It grows with each block of 8192 nonces.
    #[must_use]
    pub fn core_time(&self) -> Duration {
        self.account.worked()
    }

    /// Lets the searches of this handle and its clones wait, those in progress and later ones, or go on. Others go on meanwhile.
    /// The time does not count. A miner [in place](Self::in_place) cannot wait.
    pub fn pause(&self, paused: bool) {
        self.workers.pause(&self.account, paused);
    }

    /// Number of nonces that count as a second of work for a miner [in place](Self::in_place). A core tries between
    /// a half and thirty times as many.
    pub const NONCES_PER_SECOND: u32 = 1_000_000;

    /// Number of threads; 1 for a miner [in place](Self::in_place).
    #[must_use]
    pub fn threads(&self) -> NonZeroUsize {
        self.workers.threads()
    }

    /// Finds a nonce for `unsealed` under `rule`, as [`seal_job`](Self::seal_job) does for the default client.
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
        self.seal_job(SealJob::new(Task::new(rule, unsealed)?, target, within)).await
    }

    /// Finds a nonce for the task of a job.
    ///
    /// Begins when it is polled. Dropping the future ends the search: its threads are gone within a few milliseconds.
    /// Needs no particular runtime. Unless the miner is [in place](Self::in_place), it hashes nothing on the thread that
    /// polls.
    ///
    /// ```
    /// use std::time::Duration;
    /// use whisper_envelope::{Topic, Unsealed};
    /// use whisper_pow::{Meter, Miner, Rule, SealJob, Target, Task};
    ///
    /// # let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    /// # runtime.block_on(async {
    /// let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280]);
    /// let task = Task::new(Rule::GETH_1_8, &unsealed)?;
    /// let meter = Meter::new();
    /// let job = SealJob::new(task, Target::Best, Duration::from_millis(5)).meter(&meter);
    /// let sealed = Miner::new().seal_job(job).await?;
    /// assert_eq!(meter.progress().best, sealed.work);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub async fn seal_job(&self, job: SealJob) -> Result<Sealed, SealError> {
        let SealJob { task, target, within, meter, client } = job;
        let enough = match target {
            Target::AtLeast(work) => Some(task.bits_for(work).ok_or(SealError::Unreachable)?),
            Target::Best => None,
        };
        let stopwatch = self.workers.stopwatch();
        meter.begin(stopwatch, enough.map(|bits| task.expected_hashes(bits)));
        let threads = u32::try_from(self.threads().get()).unwrap_or(u32::MAX);
        let order = Order {
            task: task.clone(),
            enough: enough.unwrap_or(u32::MAX),
            budget: within.saturating_mul(threads),
            meter: meter.clone(),
            account: self.account.clone(),
            client,
        };
        let search = self.workers.search(order).await?;
        meter.end();
        let found = search.best.ok_or(SealError::NoThread)?;
        let (work, hashes) = (task.work(found.nonce), search.hashes);
        if enough.is_some_and(|enough| found.zeros < enough) {
            return Err(SealError::OutOfTime { best: work, hashes });
        }
        Ok(Sealed { envelope: task.unsealed().seal(found.nonce), work, hashes })
    }
}
