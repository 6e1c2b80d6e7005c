//! How long a slot may hold up its neighbours.

use std::time::{Duration, Instant};

/// What a stall may last in any case, as a part of the limit: so long a sub-protocol that is well
/// may take until it is its turn on a busy machine.
const GRACE: u32 = 50;

/// What a slot gets back of its patience, as a part of the time that passes.
const RECOVERY: u32 = 20;

/// The time for which reading stood still because of one slot.
///
/// A limit for each stall would not be enough: a slot that takes a message now and then, or that is
/// started again after each stall, would hold up the others again and again. So all its stalls
/// together have the limit, and it comes back at a twentieth of the time: **the others lose the limit
/// once, and one part in twenty of the rest.** Stalls within the grace are not counted, they are how a
/// sender that is a little too fast is slowed down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StallAllowance {
    spent: Duration,
    /// Up to when `spent` is right.
    at: Instant,
}

impl StallAllowance {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { spent: Duration::ZERO, at: now }
    }

    /// How long a stall that begins now may last, where all may last `limit`.
    pub(crate) fn left(&mut self, now: Instant, limit: Duration) -> Duration {
        let recovered = now.saturating_duration_since(self.at) / RECOVERY;
        self.spent = self.spent.saturating_sub(recovered);
        self.at = now;
        limit.saturating_sub(self.spent).max(limit / GRACE)
    }

    /// A stall that lasted so long ends now.
    pub(crate) fn spend(&mut self, now: Instant, stalled: Duration, limit: Duration) {
        self.at = now;
        if stalled >= limit / GRACE {
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
    fn all_long_stalls_together_have_the_limit() {
        let mut now = Instant::now();
        let mut allowance = StallAllowance::new(now);
        for left in [5, 4, 3, 2, 1] {
            assert_eq!(allowance.left(now, LIMIT), left * SECOND);
            now += SECOND;
            allowance.spend(now, SECOND, LIMIT);
        }
        assert_eq!(allowance.left(now, LIMIT), SECOND / 10, "the grace is left");
        assert_eq!(allowance.left(now + 20 * SECOND, LIMIT), SECOND);
        assert_eq!(allowance.left(now + 3600 * SECOND, LIMIT), LIMIT);
    }

    #[test]
    fn short_stalls_are_free() {
        let now = Instant::now();
        let mut allowance = StallAllowance::new(now);
        for _ in 0..1000 {
            allowance.spend(now, SECOND / 11, LIMIT);
        }
        assert_eq!(allowance.left(now, LIMIT), LIMIT);
    }
}
