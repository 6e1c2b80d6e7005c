//! How often a peer may ask.

use std::time::Duration;

use tokio::time::Instant;

/// Number of questions that a peer may ask at once.
const BURST: u32 = 64;

/// The time in which it may ask one more.
const INTERVAL: Duration = Duration::from_millis(50);

/// How often a peer may ask: a token bucket. Its state is the time when it is full again.
#[derive(Debug)]
pub(super) struct Pace {
    full_at: Instant,
}

impl Pace {
    pub(super) const fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Whether the peer may ask now. Counts the question if so.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + INTERVAL;
        let may = full_at <= now + INTERVAL * BURST;
        if may {
            self.full_at = full_at;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_some_each_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!((0..200).filter(|_| pace.take(start)).count(), 64);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..200).filter(|_| pace.take(later)).count(), 20);
        let much_later = start + Duration::from_secs(1000);
        assert_eq!((0..200).filter(|_| pace.take(much_later)).count(), 64);
    }
}
