//! Feeds a new filter from the pool, a few envelopes in each turn.

use std::sync::Arc;

use whisper_envelope::{Dialect, Envelope, Topic};
use whisper_pow::Work;

use crate::{
    delivery::arrival::{Arrival, Source},
    delivery::filter::{Filter, OpenOutcome},
    delivery::mailbox::usage::ClientUsage,
    delivery::opening::{self, Progress},
    relay::pool::Ticket,
    stats::{Counter, Reason, counters::Counters},
};

/// Maximum number of pooled envelopes that are looked at in one turn.
const MAX_SCANNED: usize = 1024;

/// Read access to the pools.
pub(crate) trait PoolReader: Send + Sync {
    /// The pooled envelope with this hash, and its work.
    fn find(&self, hash: &[u8; 32]) -> Option<(Envelope, Work)>;

    /// The next pooled envelopes below `after` in the order of work, or from the top. Looks at up to `max_scanned`, and
    /// returns up to `max` that are `wanted`.
    fn scan(
        &self,
        dialect: Dialect,
        after: Option<Ticket>,
        limits: ScanLimits,
        wanted: &dyn Fn(Topic, Work) -> bool,
    ) -> Scan;
}

/// The limits of [`PoolReader::scan`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanLimits {
    /// Maximum number of envelopes to look at.
    pub(crate) scanned: usize,
    /// Maximum number of envelopes to return.
    pub(crate) found: usize,
}

/// A part of a pool.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) found: Vec<(Envelope, Work)>,
    /// Where to go on; `None` at the end of the pool.
    pub(crate) last: Option<Ticket>,
}

/// The pooled envelopes that a new filter has not seen yet, highest work first in each dialect.
///
/// What arrives meanwhile is delivered in the usual way; a mailbox recognizes what it gets twice.
#[derive(Debug)]
pub(crate) struct Backfill {
    filter: Arc<Filter>,
    dialects: Vec<Dialect>,
    after: Option<Ticket>,
}

impl Backfill {
    pub(crate) fn new(filter: Arc<Filter>) -> Self {
        let dialects = [Dialect::V5, Dialect::V6].into_iter();
        let dialects = dialects.filter(|dialect| filter.has_dialect(*dialect)).collect();
        Self { filter, dialects, after: None }
    }

    /// Whose filter it is.
    pub(crate) fn usage(&self) -> ClientUsage {
        self.filter.mailbox.usage()
    }

    /// Tries envelopes until they cost `budget`.
    pub(crate) fn advance(
        &mut self,
        now: u32,
        pool: &dyn PoolReader,
        counters: &Counters,
        budget: u32,
    ) -> Progress {
        let Some(&dialect) = self.dialects.last() else {
            return Progress { cost: 0, finished: true };
        };
        let trial_cost = self.filter.trial_cost();
        let trials = usize::try_from(budget / trial_cost).unwrap_or(usize::MAX);
        let limits = ScanLimits { scanned: MAX_SCANNED, found: trials.clamp(1, MAX_SCANNED) };
        let wanted = |topic, work: Work| {
            self.filter.has_topic(topic) && self.filter.admits(dialect, work.get(), false)
        };
        let Scan { found, last } = pool.scan(dialect, self.after, limits, &wanted);
        self.after = last;
        if last.is_none() {
            self.dialects.pop();
        }
        // To look at an envelope is not free either.
        let cost = u32::try_from(found.len()).unwrap_or(u32::MAX).saturating_mul(trial_cost).max(1);
        for (envelope, work) in found {
            let outcome = self.filter.try_open(&envelope);
            let arrival = Arrival { envelope, work, source: Source::Pool, arrived: None };
            match outcome {
                OpenOutcome::Message(message) => {
                    counters.one(Counter::Opened);
                    opening::store(now, counters, &arrival, &message, [&self.filter]);
                }
                OpenOutcome::Malformed => {
                    opening::record(now, counters, &arrival, Reason::Malformed);
                }
                // Other filters may open it.
                OpenOutcome::WrongKey => {}
            }
        }
        Progress { cost, finished: self.dialects.is_empty() }
    }
}
