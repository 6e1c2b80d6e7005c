//! How far a search has come, seen from outside.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::{Work, rate::duration};

/// Shows how far a [`Miner`](crate::Miner) has come with one envelope. A clone shows the same.
///
/// One for each envelope: what it shows begins when the search does.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Readings>);

#[derive(Debug, Default)]
struct Readings {
    hashes: AtomicU64,
    /// The bits of an amount of work, of which none is negative: they are in the same order.
    best: AtomicU64,
    /// When the search began, and how many hashes it was expected to take, if that was known.
    started: OnceLock<(Instant, Option<f64>)>,
    took: OnceLock<Duration>,
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// How many nonces have been tried, on all threads together.
    pub hashes: u64,
    /// How long it has been going on, or how long it took. Zero before it began.
    pub elapsed: Duration,
    /// Nonces a second, on all threads together.
    pub rate: f64,
    /// The best work found so far.
    pub best: Work,
    /// How long it will still take on average, if it searches for an amount of work. Trying in vain
    /// brings the end no closer: this is the same at any time, as long as the rate is.
    pub expected: Option<Duration>,
}

impl Meter {
    /// A meter that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How far the search has come. Never waits for it.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let Readings { hashes, best, started, took } = &*self.0;
        let (start, expected) = started.get().copied().unzip();
        let running = || start.map_or(Duration::ZERO, |start| start.elapsed());
        let elapsed = took.get().copied().unwrap_or_else(running);
        let hashes = hashes.load(Relaxed);
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

    pub(crate) fn begin(&self, expected: Option<f64>) {
        // Only the first search counts.
        let _ = self.0.started.set((Instant::now(), expected));
    }

    pub(crate) fn tried(&self, hashes: u64) {
        self.0.hashes.fetch_add(hashes, Relaxed);
    }

    pub(crate) fn found(&self, work: Work) {
        self.0.best.fetch_max(work.get().to_bits(), Relaxed);
    }

    pub(crate) fn end(&self) {
        if let Some((start, _)) = self.0.started.get() {
            let _ = self.0.took.set(start.elapsed());
        }
    }
}
