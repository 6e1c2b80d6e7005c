//! How long a slot may block the other slots of its connection.

use std::time::{Duration, Instant};

/// A stall may always last this fraction of the limit, and shorter stalls are not counted. On a busy
/// machine a healthy sub-protocol may need as long until it runs.
const GRACE_DIVISOR: u32 = 50;

/// The fraction of the elapsed time that a slot gets back.
const RECOVERY_DIVISOR: u32 = 20;

/// The time for which reading has stopped because of one slot.
///
/// A limit for each stall would not be enough: a slot that takes a message now and then, or is
/// restarted after each stall, would block the others again and again. So the limit applies to the
/// sum of its stalls, and a twentieth of the elapsed time is given back: **the others lose at most the
/// limit plus a twentieth of the elapsed time.** Short stalls are not counted, because they slow down
/// a sender that is slightly too fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StallAllowance {
    spent: Duration,
    /// When `spent` was updated.
    updated: Instant,
}

impl StallAllowance {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { spent: Duration::ZERO, updated: now }
    }

    /// How long a stall that begins now may last, if the sum of the stalls may be `limit`.
    pub(crate) fn left(&mut self, now: Instant, limit: Duration) -> Duration {
        let recovered = now.saturating_duration_since(self.updated) / RECOVERY_DIVISOR;
        self.spent = self.spent.saturating_sub(recovered);
        self.updated = now;
        limit.saturating_sub(self.spent).max(limit / GRACE_DIVISOR)
    }

    /// Counts a stall of the duration `stalled` that ends now.
    pub(crate) fn spend(&mut self, now: Instant, stalled: Duration, limit: Duration) {
        self.updated = now;
        if stalled >= limit / GRACE_DIVISOR {
            self.spent = self.spent.saturating_add(stalled).min(limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LIMIT: Duration = Duration::from_secs(5);

    #[test]
    fn the_limit_applies_to_the_sum_of_long_stalls() {
        let mut now = Instant::now();
        let mut allowance = StallAllowance::new(now);
        for left in [5, 4, 3, 2, 1] {
            assert_eq!(allowance.left(now, LIMIT), left * SECOND);
            now += SECOND;
            allowance.spend(now, SECOND, LIMIT);
        }
        assert_eq!(allowance.left(now, LIMIT), SECOND / 10, "the minimum");
        assert_eq!(allowance.left(now + 20 * SECOND, LIMIT), SECOND);
        assert_eq!(allowance.left(now + 3600 * SECOND, LIMIT), LIMIT);
    }

    #[test]
    fn short_stalls_are_not_counted() {
        let now = Instant::now();
        let mut allowance = StallAllowance::new(now);
        for _ in 0..1000 {
            allowance.spend(now, SECOND / 11, LIMIT);
        }
        assert_eq!(allowance.left(now, LIMIT), LIMIT);
    }
}
