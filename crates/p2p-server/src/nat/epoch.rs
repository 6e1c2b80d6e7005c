//! The clock of a gateway, which starts anew when it forgets its mappings.

use std::time::Instant;

/// By how many seconds the clocks may differ (RFC 6886 §3.6).
const GRACE: u64 = 2;

/// What the gateway's clock said, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Epoch {
    seconds: u32,
    at: Instant,
}

impl Epoch {
    pub(crate) const fn new(now: Instant, seconds: u32) -> Self {
        Self { seconds, at: now }
    }

    /// Whether a clock that shows `seconds` now must have started anew since: it is behind even one
    /// that goes slow by an eighth. The rule of NAT-PMP, which is as good for PCP; what RFC 6887 §8.5
    /// says of clocks that leap forward is left out, since a gateway that lost its mappings starts at
    /// 0.
    pub(crate) fn has_restarted(&self, now: Instant, seconds: u32) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs();
        let least = u64::from(self.seconds).saturating_add(passed - passed / 8);
        u64::from(seconds).saturating_add(GRACE) < least
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_slow_clock_is_no_restart_and_one_that_goes_back_is() {
        let start = Instant::now();
        let epoch = Epoch::new(start, 1000);
        let later = start + Duration::from_secs(800);
        assert!(!epoch.has_restarted(later, 1800));
        assert!(!epoch.has_restarted(later, 1698), "slow by an eighth, and two seconds");
        assert!(epoch.has_restarted(later, 1697));
        assert!(epoch.has_restarted(later, 0));
        assert!(!epoch.has_restarted(start, 999), "answers that overtook each other");
        assert!(!epoch.has_restarted(later, u32::MAX));
        assert!(!Epoch::new(start, 0).has_restarted(start, 0));
    }
}
