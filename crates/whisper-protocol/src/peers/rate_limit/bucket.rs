//! A token bucket without a clock of its own. `now` is the time since a fixed moment.

use std::time::Duration;

/// The size of a bucket, as the time in which it refills.
pub(crate) const BURST: Duration = Duration::from_secs(1);

/// A bucket that is emptied by packets and refills at a constant rate. Its whole state is the moment when it is full
/// again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bucket {
    full_at: Duration,
}

impl Bucket {
    /// How long it takes to refill.
    pub(crate) fn missing(&self, now: Duration) -> Duration {
        self.full_at.saturating_sub(now)
    }

    pub(crate) fn is_empty(&self, now: Duration, burst: Duration) -> bool {
        self.missing(now) >= burst
    }

    /// Takes out what flows in within `time`. More than the bucket holds leaves a debt.
    pub(crate) fn take(&mut self, now: Duration, time: Duration) {
        self.full_at = self.full_at.max(now).saturating_add(time);
    }
}

/// The time in which `amount` flows in at `rate` for each `per`. Rounded down, so that `rate` pieces fit into `per`.
pub(crate) fn inflow(amount: u64, rate: u64, per: Duration) -> Duration {
    let nanos = u128::from(amount) * per.as_nanos();
    let nanos = nanos / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
