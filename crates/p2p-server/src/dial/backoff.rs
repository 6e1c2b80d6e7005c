//! The delay before the next attempt.

use std::time::Duration;

/// Maximum of every delay, for all settings.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// Minimum of every delay, so that zero settings do not make a busy loop.
const MIN_DELAY: Duration = Duration::from_millis(1);

/// The delays between attempts to reach one node: doubled after each failure, capped, with jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Backoff {
    /// The delay after the first failure, or after a steady connection was lost. Default 1 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub first: Duration,
    /// Maximum delay; more than a day counts as a day. Default 60 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub cap: Duration,
    /// A connection that lasted at least this long counts as a success: the next delay is
    /// [`Backoff::first`] again. A shorter one counts as a failure, so that a node that accepts and
    /// disconnects at once is not dialed without pause. Default 10 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub steady: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            steady: Duration::from_secs(10),
        }
    }
}

impl Backoff {
    /// The delay after `failures` earlier failures in a row: `first * 2^failures` up to the cap, of which
    /// the upper half is random, so that nodes that lost the same peer at the same time do not dial it
    /// at the same time. `jitter` is a random number from 0 to 1; other values are clamped.
    #[must_use]
    pub fn delay(&self, failures: u32, jitter: f64) -> Duration {
        let factor = 1u32.checked_shl(failures).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(factor).min(self.cap).min(DAY);
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
        full.mul_f64(0.5 + 0.5 * jitter).max(MIN_DELAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap() {
        let backoff = Backoff::default();
        let waits: Vec<u64> =
            (0..8).map(|failures| backoff.delay(failures, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.delay(0, 0.0), Duration::from_millis(500));
        assert_eq!(backoff.delay(u32::MAX, 1.0), backoff.cap);
        assert_eq!(backoff.delay(u32::MAX, f64::NAN), backoff.cap);
        let (zero, endless) = (Duration::ZERO, Duration::MAX);
        let odd = |first, cap| Backoff { first, cap, ..backoff }.delay(9, 0.0);
        assert_eq!((odd(zero, zero), odd(endless, endless)), (MIN_DELAY, DAY / 2));
    }
}
