//! How often a peer may cause a scan of the whole pool.

/// Maximum number of rescans in a row.
const MAX_RESCANS_IN_A_ROW: u32 = 8;

/// Seconds until one more rescan is allowed.
const RESCAN_REFILL_SECS: u32 = 5;

/// A peer's request for envelopes that it did not want before. Serving it costs a scan of the whole pool.
///
/// A peer can request that with a packet of a few bytes, by loosening its requirements again and again. So a few
/// rescans are allowed in a row, then one every few seconds; it serves all requests made since the last one.
#[derive(Debug, Default)]
pub(crate) struct Rescan {
    requested: bool,
    /// When the full allowance is available again, in seconds since 1970.
    full_at: u32,
}

impl Rescan {
    /// The peer wants more than before.
    pub(crate) fn request(&mut self) {
        self.requested = true;
    }

    /// Whether to scan the pool now. If so, the request is served.
    pub(crate) fn take(&mut self, now: u32) -> bool {
        let allowed = self.wait(now) == Some(0);
        if allowed {
            self.requested = false;
            self.full_at = now.saturating_add(self.missing(now) + RESCAN_REFILL_SECS);
        }
        allowed
    }

    /// Seconds until the pending request is allowed; `None` if there is no request.
    pub(crate) fn wait(&self, now: u32) -> Option<u32> {
        let reserve = RESCAN_REFILL_SECS * (MAX_RESCANS_IN_A_ROW - 1);
        self.requested.then(|| self.missing(now).saturating_sub(reserve))
    }

    /// Seconds until the full allowance is available. Bounded, because the clock may have been set back.
    fn missing(&self, now: u32) -> u32 {
        self.full_at.saturating_sub(now).min(RESCAN_REFILL_SECS * MAX_RESCANS_IN_A_ROW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_700_000_000;

    fn allowed(rescan: &mut Rescan, now: u32) -> bool {
        rescan.request();
        rescan.take(now)
    }

    #[test]
    fn a_few_in_a_row_then_one_every_few_seconds() {
        let mut rescan = Rescan::default();
        assert!(!rescan.take(NOW), "not requested");
        for _ in 0..MAX_RESCANS_IN_A_ROW {
            assert!(allowed(&mut rescan, NOW));
        }
        assert!(!allowed(&mut rescan, NOW));
        assert_eq!(rescan.wait(NOW + 1), Some(RESCAN_REFILL_SECS - 1));
        assert!(rescan.take(NOW + RESCAN_REFILL_SECS), "the request was kept");
        assert!(!rescan.take(NOW + RESCAN_REFILL_SECS), "and is served once");
        assert!(!allowed(&mut rescan, NOW + RESCAN_REFILL_SECS));
        // The allowance refills up to its maximum.
        let later = NOW + 10 * RESCAN_REFILL_SECS * MAX_RESCANS_IN_A_ROW;
        let again = (0..2 * MAX_RESCANS_IN_A_ROW).filter(|_| allowed(&mut rescan, later));
        assert!(again.eq(0..MAX_RESCANS_IN_A_ROW));
    }

    #[test]
    fn a_clock_that_was_set_back_delays_a_rescan_by_one_interval_only() {
        let mut rescan = Rescan::default();
        while allowed(&mut rescan, NOW) {}
        assert_eq!(rescan.wait(NOW - 86_400), Some(RESCAN_REFILL_SECS));
        assert!(rescan.take(NOW) || rescan.take(NOW + RESCAN_REFILL_SECS));
    }
}
