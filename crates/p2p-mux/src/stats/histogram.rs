//! Durations, counted in buckets.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::Metric;

/// The upper bounds of the buckets, in nanoseconds: 10 µs to 100 s, three for each power of ten. All histograms have the
/// same, so that they can be compared.
const BOUNDS_NANOS: [u64; 22] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    25_000_000_000,
    50_000_000_000,
    100_000_000_000,
];

/// The number of buckets. The last one has no upper bound.
const BUCKETS: usize = BOUNDS_NANOS.len() + 1;

/// Durations, counted in buckets from 10 µs to 100 s. Any number of threads may record and read; there is no lock.
#[derive(Debug)]
pub struct Histogram {
    /// By bucket.
    counts: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: array::from_fn(|_| AtomicU64::new(0)), sum_nanos: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        self.record_many(duration, 1);
    }

    /// Counts the same duration several times.
    pub fn record_many(&self, duration: Duration, times: u64) {
        if times == 0 {
            return;
        }
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_NANOS.partition_point(|bound| *bound < nanos);
        self.counts[bucket].fetch_add(times, Relaxed);
        self.sum_nanos.fetch_add(nanos.saturating_mul(times), Relaxed);
    }

    /// The durations counted so far.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            counts: array::from_fn(|bucket| self.counts[bucket].load(Relaxed)),
            sum: Duration::from_nanos(self.sum_nanos.load(Relaxed)),
        }
    }
}

/// The durations of a [`Histogram`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    counts: [u64; BUCKETS],
    sum: Duration,
}

impl HistogramSnapshot {
    /// How many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all durations.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }

    /// For each upper bound, how many durations are at most as long. The last bound, with all of them, is `None`.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = BOUNDS_NANOS.iter().map(|bound| Some(Duration::from_nanos(*bound)));
        bounds.chain([None]).zip(self.counts).scan(0, |below, (bound, count)| {
            *below += count;
            Some((bound, *below))
        })
    }
}

/// A histogram as a sample of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistogramSample<'a> {
    /// The metric, whose kind is [`MetricKind::Histogram`](super::MetricKind::Histogram). Its unit is seconds.
    pub metric: Metric,
    /// Labels as pairs of name and value. No other histogram of the metric has the same labels.
    pub labels: &'a [(&'a str, &'a str)],
    /// The durations.
    pub value: HistogramSnapshot,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_every_bucket_from_its_bound_on() {
        let histogram = Histogram::default();
        for micros in [0, 10, 11, 1_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        histogram.record_many(Duration::from_secs(1000), 2);
        let snapshot = histogram.snapshot();
        let up_to = |nanos: Option<u64>| {
            let bound = nanos.map(Duration::from_nanos);
            snapshot.cumulative().find(|(found, _)| *found == bound).unwrap().1
        };
        assert_eq!(up_to(Some(10_000)), 2, "a bound belongs to its bucket");
        assert_eq!((up_to(Some(25_000)), up_to(Some(1_000_000_000))), (3, 4));
        assert_eq!((up_to(Some(100_000_000_000)), up_to(None)), (4, 6));
        assert_eq!((snapshot.count(), snapshot.sum()), (6, Duration::from_micros(2_001_000_021)));
    }

    #[test]
    fn bounds_grow_and_the_longest_duration_is_counted() {
        assert!(BOUNDS_NANOS.is_sorted());
        let histogram = Histogram::default();
        histogram.record(Duration::MAX);
        histogram.record_many(Duration::ZERO, 0);
        assert_eq!(histogram.snapshot().count(), 1);
    }
}
