//! How fast this machine is, and what that means for a task.

use std::time::{Duration, Instant};

use keccak_lanes::{Keccak256, Kernel, Search, Zeros};

use crate::{Task, Work};

/// How fast one thread tries nonces, with one of the kernels of `keccak-lanes`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The kernel.
    pub kernel: Kernel,
    /// Nonces a second, on one thread.
    pub per_second: f64,
}

/// What sealing will cost on average. Luck decides: in one case of eight it takes more than twice as much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// How many nonces have to be tried.
    pub hashes: f64,
    /// How long that takes.
    pub time: Duration,
}

impl Rate {
    /// Measures the kernel that is in use here, for a little longer than the time given; a few
    /// milliseconds will do. Blocks the thread, and is as good as the machine is idle.
    ///
    /// ```
    /// use std::time::Duration;
    /// use whisper_pow::Rate;
    ///
    /// assert!(Rate::measure(Duration::from_millis(1)).per_second > 0.0);
    /// ```
    #[must_use]
    pub fn measure(within: Duration) -> Self {
        Self::of(Kernel::best(), within)
    }

    /// The same for every kernel that this processor can run, each for the time given, the fastest first.
    pub fn of_all(within: Duration) -> impl Iterator<Item = Self> {
        Kernel::available().map(move |kernel| Self::of(kernel, within))
    }

    /// The same for a kernel of one's choice.
    #[must_use]
    pub fn of(kernel: Kernel, within: Duration) -> Self {
        // The preimage of go-ethereum 1.8 is a hash and 24 zeros before the nonce. What is before it does
        // not matter.
        let search = Search::after(&Keccak256::with_kernel(kernel).chain(&[0; 56]));
        let (start, mut tried) = (Instant::now(), 0);
        loop {
            // More zeros than will be found: every nonce is tried.
            if search.find(Zeros::Leading(256), tried, STEP).is_none() {
                tried += STEP;
            }
            let elapsed = start.elapsed();
            if elapsed >= within {
                #[expect(clippy::cast_precision_loss, reason = "a rate, not a count")]
                let per_second = tried as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
                return Self { kernel, per_second };
            }
        }
    }

    /// What it takes on average to find a nonce for `task` that shows this much work, on so many threads
    /// that each have a core to themselves; `None` if no nonce does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use whisper_envelope::{Topic, Unsealed};
    /// use whisper_pow::{Rate, Rule, Task, Work};
    ///
    /// let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280]);
    /// let task = Task::new(Rule::GETH_1_8, &unsealed)?;
    /// let asked = Work::new(0.2).ok_or("not an amount of work")?;
    /// let cost = Rate::measure(Duration::from_millis(1)).estimate(&task, asked, 2).ok_or("unreachable")?;
    /// assert_eq!(cost.hashes, 4096.0);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn estimate(&self, task: &Task, work: Work, threads: u32) -> Option<Estimate> {
        let hashes = task.expected_hashes(task.bits_for(work)?);
        let seconds = hashes / self.per_second / f64::from(threads.max(1));
        Some(Estimate { hashes, time: duration(seconds) })
    }
}

/// So many nonces between two looks at the clock.
const STEP: u64 = 4096;

/// That many seconds, or for ever.
pub(crate) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
