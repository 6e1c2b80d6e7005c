//! How often a peer may make the node look through its whole pool again.

/// How many times in a row.
const IN_A_ROW: u32 = 8;

/// How long it takes to earn another one, in seconds.
const EVERY: u32 = 5;

/// A peer's wish to be sent what it did not want so far, which costs a look at all of the pool.
///
/// A peer can have it for a packet of a few bytes, by loosening its requirements again and again.
/// So it is granted a few times in a row, and then every few seconds, once for all wishes of
/// meanwhile: what it wants is sent, later.
#[derive(Debug, Default)]
pub(crate) struct Rescan {
    wanted: bool,
    /// When all of the allowance is there again, in seconds since 1970.
    whole_at: u32,
}

impl Rescan {
    /// The peer wants more than before.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether to look through the pool now.
    pub(crate) fn take(&mut self, now: u32) -> bool {
        let granted = self.wait(now) == Some(0);
        if granted {
            self.wanted = false;
            self.whole_at = now.saturating_add(self.missing(now) + EVERY);
        }
        granted
    }

    /// After how many seconds a wish that is there is granted.
    pub(crate) fn wait(&self, now: u32) -> Option<u32> {
        self.wanted.then(|| self.missing(now).saturating_sub(EVERY * (IN_A_ROW - 1)))
    }

    /// How long until all of the allowance is there. Bounded: the clock may have been set back.
    fn missing(&self, now: u32) -> u32 {
        self.whole_at.saturating_sub(now).min(EVERY * IN_A_ROW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_700_000_000;

    fn granted(rescan: &mut Rescan, now: u32) -> bool {
        rescan.want();
        rescan.take(now)
    }

    #[test]
    fn a_few_in_a_row_then_one_every_few_seconds() {
        let mut rescan = Rescan::default();
        assert!(!rescan.take(NOW), "nobody wants it");
        for _ in 0..IN_A_ROW {
            assert!(granted(&mut rescan, NOW));
        }
        assert!(!granted(&mut rescan, NOW));
        assert_eq!(rescan.wait(NOW + 1), Some(EVERY - 1));
        assert!(rescan.take(NOW + EVERY), "the wish was kept");
        assert!(!rescan.take(NOW + EVERY), "and is granted once");
        assert!(!granted(&mut rescan, NOW + EVERY));
        // After a while, all of it is there again, and no more than that.
        let later = NOW + 10 * EVERY * IN_A_ROW;
        let again = (0..2 * IN_A_ROW).filter(|_| granted(&mut rescan, later));
        assert!(again.eq(0..IN_A_ROW));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_lock_anybody_out() {
        let mut rescan = Rescan::default();
        while granted(&mut rescan, NOW) {}
        assert_eq!(rescan.wait(NOW - 86_400), Some(EVERY));
        assert!(rescan.take(NOW) || rescan.take(NOW + EVERY));
    }
}
