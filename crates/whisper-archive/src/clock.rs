//! Whether a clock is believed.

use std::time::Duration;

use tokio::time::Instant;

/// Seconds by which a clock may differ from what is expected.
pub(crate) const FAR: u64 = 2 * 86_400;

/// Time after which a clock that differs from what is expected is believed nevertheless.
const DOUBT: Duration = Duration::from_secs(3600);

/// Whether a clock is believed: that of the machine, or of the server of a database.
///
/// A clock that was set wrong for a moment must not remove an archive for its age. So one that jumps, or is far from the newest
/// arrival at the start, is believed only when it has been so for an hour.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Clock {
    /// What it showed when it was believed, in seconds since 1970.
    shown: Option<(Instant, u64)>,
    doubted: Option<Instant>,
}

impl Clock {
    /// Before the clock is read for the first time: it showed this when the newest envelope arrived.
    pub(crate) fn begin(&mut self, newest: Option<u64>) {
        if self.shown.is_none() {
            self.shown = newest.map(|newest| (Instant::now(), newest));
        }
    }

    /// Whether the clock is believed, which shows `now`, in seconds since 1970.
    pub(crate) fn is_believed(&mut self, now: u64) -> bool {
        let present = Instant::now();
        let is_far = self.shown.is_some_and(|(at, shown)| {
            let expected = shown.saturating_add((present - at).as_secs());
            now.abs_diff(expected) > FAR
        });
        if is_far {
            if self.doubted.is_none() {
                tracing::warn!(
                    "the clock is days away from the newest arrival in the archive: if it stays so, envelopes are removed \
                     for their age in an hour"
                );
            }
            let doubted = *self.doubted.get_or_insert(present);
            if present - doubted < DOUBT {
                return false;
            }
        }
        (self.shown, self.doubted) = (Some((present, now)), None);
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const DAY: u64 = 86_400;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumps_is_believed_when_it_stays_so() {
        for start in [None, Some(100 * DAY)] {
            let mut clock = Clock::default();
            clock.begin(start);
            assert!(clock.is_believed(101 * DAY), "{start:?}");
            advance(Duration::from_secs(5 * DAY)).await;
            assert!(clock.is_believed(106 * DAY), "five days later");
            for wrong in [200, 3] {
                assert!(!clock.is_believed(wrong * DAY), "{wrong}");
                advance(Duration::from_secs(1800)).await;
                assert!(!clock.is_believed(wrong * DAY), "{wrong}");
                assert!(clock.is_believed(106 * DAY), "it was set right");
            }
            assert!(!clock.is_believed(300 * DAY));
            advance(DOUBT).await;
            assert!(clock.is_believed(300 * DAY));
            assert!(!clock.is_believed(106 * DAY));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_far_from_the_newest_arrival_is_doubted_at_the_start() {
        let mut clock = Clock::default();
        clock.begin(Some(100 * DAY));
        assert!(!clock.is_believed(103 * DAY));
        advance(DOUBT).await;
        assert!(clock.is_believed(103 * DAY));
    }
}
