//! The progress of a search.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::{Miner, Work, rate::duration};

/// Shows the progress of a [`Miner`](crate::Miner) with one envelope. Clones show the same search.
///
/// Use a new meter for each envelope.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Readings>);

#[derive(Debug, Default)]
struct Readings {
    hashes: AtomicU64,
    /// The bits of a `Work`. Because work is not negative, they have the same order.
    best: AtomicU64,
    /// When the search began, and the expected number of hashes, if known.
    started: OnceLock<(Stopwatch, Option<f64>)>,
    took: OnceLock<Duration>,
}

/// How the time of a search is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stopwatch {
    /// By the machine's clock, from here on.
    Running(Instant),
    /// By the number of hashes.
    Nominal,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self::Running(Instant::now())
    }

    fn elapsed(self, hashes: u64) -> Duration {
        match self {
            Self::Running(start) => start.elapsed(),
            Self::Nominal => nominal_time(hashes),
        }
    }
}

/// The time that a miner without a clock counts for this number of hashes.
pub(crate) fn nominal_time(hashes: u64) -> Duration {
    const NANOS_PER_HASH: u64 = 1_000_000_000 / Miner::NONCES_PER_SECOND as u64;
    Duration::from_nanos(hashes.saturating_mul(NANOS_PER_HASH))
}

/// The progress of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Number of nonces tried, on all threads together.
    pub hashes: u64,
    /// The duration of the search so far, or its whole duration if it has ended. Zero before it began.
    pub elapsed: Duration,
    /// Nonces per second, on all threads together.
    pub rate: f64,
    /// The highest work found so far.
    pub best: Work,
    /// Expected remaining time on average, if the search is for an amount of work. It does not decrease with
    /// the nonces tried, because each nonce is independent: it depends on the rate only.
    pub expected: Option<Duration>,
}

impl Meter {
    /// A meter without a search.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The current progress. Never blocks.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let Readings { hashes, best, started, took } = &*self.0;
        let (stopwatch, expected) = started.get().copied().unzip();
        let hashes = hashes.load(Relaxed);
        let running = || stopwatch.map_or(Duration::ZERO, |stopwatch| stopwatch.elapsed(hashes));
        let elapsed = took.get().copied().unwrap_or_else(running);
        #[expect(clippy::cast_precision_loss, reason = "a rate, not a count")]
        let rate = hashes as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        Progress {
            hashes,
            elapsed,
            rate,
            best: Work::new(f64::from_bits(best.load(Relaxed))).unwrap_or_default(),
            expected: expected.flatten().map(|hashes| duration(hashes / rate)),
        }
    }

    pub(crate) fn begin(&self, stopwatch: Stopwatch, expected: Option<f64>) {
        // Only the first search counts.
        let _ = self.0.started.set((stopwatch, expected));
    }

    pub(crate) fn tried(&self, hashes: u64) {
        self.0.hashes.fetch_add(hashes, Relaxed);
    }

    pub(crate) fn found(&self, work: Work) {
        self.0.best.fetch_max(work.get().to_bits(), Relaxed);
    }

    pub(crate) fn end(&self) {
        if let Some((stopwatch, _)) = self.0.started.get() {
            let _ = self.0.took.set(stopwatch.elapsed(self.0.hashes.load(Relaxed)));
        }
    }
}
