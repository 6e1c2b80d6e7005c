//! The clock of a gateway, which restarts when the gateway loses its mappings.

use std::time::Instant;

/// Tolerated difference of the clocks (RFC 6886 §3.6).
const TOLERANCE_SECS: u64 = 2;

/// A reading of the gateway's clock, and when it was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Epoch {
    seconds: u32,
    at: Instant,
}

impl Epoch {
    pub(crate) const fn new(now: Instant, seconds: u32) -> Self {
        Self { seconds, at: now }
    }

    /// Whether a clock that shows `seconds` now has restarted since: it is behind even a clock that is
    /// slow by an eighth. This is the rule of NAT-PMP, used for PCP as well. The rule of RFC 6887 §8.5 for
    /// clocks that jump forward is left out, because a gateway that lost its mappings starts at 0.
    pub(crate) fn has_restarted(&self, now: Instant, seconds: u32) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs();
        let least = u64::from(self.seconds).saturating_add(passed - passed / 8);
        u64::from(seconds).saturating_add(TOLERANCE_SECS) < least
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_slow_clock_is_not_a_restart_but_one_that_goes_back_is() {
        let start = Instant::now();
        let epoch = Epoch::new(start, 1000);
        let later = start + Duration::from_secs(800);
        assert!(!epoch.has_restarted(later, 1800));
        assert!(!epoch.has_restarted(later, 1698), "slow by an eighth, and two seconds");
        assert!(epoch.has_restarted(later, 1697));
        assert!(epoch.has_restarted(later, 0));
        assert!(!epoch.has_restarted(start, 999), "answers out of order");
        assert!(!epoch.has_restarted(later, u32::MAX));
        assert!(!Epoch::new(start, 0).has_restarted(start, 0));
    }
}
