//! The live counters.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    drops::{DropLog, Dropped, Occurrence},
    stats::{Counter, Reason, RelayStats, Stats, timings::Timings},
};

/// One counter. Relaxed: no other memory access depends on it.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters and timings of a node, and the last occurrences of each drop reason.
#[derive(Debug)]
pub(crate) struct Counters {
    counts: [Count; Counter::ALL.len()],
    drops: DropLog,
    pub(crate) timings: Timings,
}

impl Default for Counters {
    fn default() -> Self {
        let (drops, timings) = (DropLog::default(), Timings::default());
        Self { counts: array::from_fn(|_| Count::default()), drops, timings }
    }
}

impl Counters {
    /// Counts one occurrence.
    pub(crate) fn one(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Counts `n` occurrences.
    pub(crate) fn add(&self, counter: Counter, n: usize) {
        self.counts[counter as usize].add(n);
    }

    /// Counts that something was dropped, and keeps the details.
    pub(crate) fn record(&self, reason: Reason, occurrence: Occurrence) {
        self.drops.record(reason, occurrence);
    }

    /// What was recorded about an envelope and is still kept, in the order in which it happened.
    pub(crate) fn about(&self, envelope: &[u8; 32]) -> Vec<(Reason, Occurrence)> {
        self.drops.about(envelope)
    }

    /// All counters. `relay`: the sum of the relays' own counters.
    pub(crate) fn snapshot(&self, relay: RelayStats) -> Stats {
        let counted = |counter| self.counts[counter as usize].get();
        Stats { relay, ..Stats::collect(counted, |reason| self.drops.count(reason)) }
    }

    /// All reasons with their counts and last occurrences. `relay`: as in [`snapshot`](Self::snapshot).
    pub(crate) fn drops(&self, relay: RelayStats) -> Vec<Dropped> {
        let mut drops = self.drops.all();
        for dropped in &mut drops {
            // The relay counts all of these, but reports only a sample of many.
            match dropped.reason {
                Reason::Oversized => dropped.count = relay.oversized,
                Reason::EndOfLife => dropped.count = relay.expired,
                Reason::Evicted => dropped.count = relay.evicted,
                _ => {}
            }
        }
        drops
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_appears_in_the_statistics() {
        let counters = Counters::default();
        counters.one(Counter::EnvelopesNew);
        counters.add(Counter::LimitWaits, 2);
        counters.record(Reason::LowWork, Occurrence::at(7));
        let stats = counters.snapshot(RelayStats { sent: 5, ..RelayStats::default() });
        assert_eq!((stats.envelopes.new, stats.limits.waits), (1, 2));
        assert_eq!((stats.rejected.low_work, stats.relay.sent), (1, 5));
    }

    #[test]
    fn the_relay_counts_what_it_reports_in_part() {
        let counters = Counters::default();
        counters.record(Reason::Evicted, Occurrence::at(7));
        let drops = counters.drops(RelayStats { evicted: 5, ..RelayStats::default() });
        let evicted = drops.iter().find(|dropped| dropped.reason == Reason::Evicted).unwrap();
        assert_eq!((evicted.count, evicted.last.len()), (5, 1));
    }
}
