//! The speed of this machine, and the expected cost of a task.

use std::time::{Duration, Instant};

use keccak_lanes::{Keccak256, Kernel, Search, Zeros};

use crate::{Task, Work};

/// The speed of the search for a nonce on one thread, with a kernel of `keccak-lanes`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The kernel.
    pub kernel: Kernel,
    /// Nonces per second on one thread.
    pub per_second: f64,
}

/// The average cost of sealing. The actual cost varies: in one case of eight it is more than twice as much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Number of nonces to be tried.
    pub hashes: f64,
    /// Time that this takes.
    pub time: Duration,
}

impl Rate {
    /// Measures the kernel used on this machine for at least the given time; a few milliseconds are enough. Blocks
    /// the thread. The result is accurate only if the machine is idle.
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

    /// Measures every kernel that this processor supports, each for the given time. The fastest kernel is first.
    pub fn of_all(within: Duration) -> impl Iterator<Item = Self> {
        Kernel::available().map(move |kernel| Self::of(kernel, within))
    }

    /// Measures the given kernel.
    #[must_use]
    pub fn of(kernel: Kernel, within: Duration) -> Self {
        // As in the preimage of go-ethereum 1.8: a hash and 24 zeros before the nonce. Their values do not
        // matter.
        let search = Search::after(&Keccak256::with_kernel(kernel).chain(&[0; 56]));
        let (start, mut tried) = (Instant::now(), 0);
        loop {
            // 256 zeros are not found, so every nonce is tried.
            if search.find(Zeros::Leading(256), tried, NONCES_PER_CHECK).is_none() {
                tried += NONCES_PER_CHECK;
            }
            let elapsed = start.elapsed();
            if elapsed >= within {
                #[expect(clippy::cast_precision_loss, reason = "a rate, not a count")]
                let per_second = tried as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
                return Self { kernel, per_second };
            }
        }
    }

    /// The average cost of finding a nonce for `task` with this much work, on `threads` threads that each have a
    /// core of their own. `None` if no nonce can have this much work.
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

/// Number of nonces between two readings of the clock.
const NONCES_PER_CHECK: u64 = 4096;

/// A duration of `seconds`, or [`Duration::MAX`] if they do not fit.
pub(crate) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
