//! How long to wait before the next attempt.

use std::time::Duration;

/// No wait is longer, whatever the settings say.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// Nor is any shorter, so that settings of zero do not make a busy loop.
const SHORTEST: Duration = Duration::from_millis(1);

/// Waiting times between attempts to reach one node: doubled after each failure, capped, spread by
/// chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Backoff {
    /// The wait after the first failure, or after a steady connection was lost. Default 1 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub first: Duration,
    /// No wait is longer; more than a day counts as a day. Default 60 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub cap: Duration,
    /// A connection that lasted this long counts as a success: the next wait is [`Backoff::first`]
    /// again. A shorter one counts as a failure, else a node that accepts and hangs up at once
    /// would be dialled without pause. Default 10 s.
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
    /// The wait after `failures` earlier failures in a row: `first * 2^failures` up to the cap, of
    /// which the upper half is left to chance (`jitter`, 0 to 1; what lies outside is clamped), so
    /// that nodes which lost the same peer at the same moment do not come back at the same moment.
    #[must_use]
    pub fn delay(&self, failures: u32, jitter: f64) -> Duration {
        let factor = 1u32.checked_shl(failures).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(factor).min(self.cap).min(DAY);
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
        full.mul_f64(0.5 + 0.5 * jitter).max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_cap() {
        let backoff = Backoff::default();
        let waits: Vec<u64> =
            (0..8).map(|failures| backoff.delay(failures, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.delay(0, 0.0), Duration::from_millis(500));
        assert_eq!(backoff.delay(u32::MAX, 1.0), backoff.cap);
        assert_eq!(backoff.delay(u32::MAX, f64::NAN), backoff.cap);
        let (zero, endless) = (Duration::ZERO, Duration::MAX);
        let odd = |first, cap| Backoff { first, cap, ..backoff }.delay(9, 0.0);
        assert_eq!((odd(zero, zero), odd(endless, endless)), (SHORTEST, DAY / 2));
    }
}
