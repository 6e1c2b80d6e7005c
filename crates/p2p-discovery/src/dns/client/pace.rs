//! How fast questions may follow each other.

use std::time::{Duration, Instant};

/// A token bucket, kept as the time from which it would be full.
#[derive(Debug)]
pub(super) struct Pace {
    /// One question in this time.
    every: Duration,
    /// So many may follow each other at once.
    burst: u32,
    /// When all that was taken is paid back.
    full: Option<Instant>,
}

impl Pace {
    pub(super) fn new(every: Duration, burst: u32) -> Self {
        Self { every, burst: burst.max(1), full: None }
    }

    /// When the next question may go.
    pub(super) fn ready(&self, now: Instant) -> Instant {
        let ahead = self.every.saturating_mul(self.burst - 1);
        match self.full {
            Some(full) => full.checked_sub(ahead).map_or(now, |ready| ready.max(now)),
            None => now,
        }
    }

    /// Takes the place of a question, if it may go now.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let may = self.ready(now) <= now;
        if may {
            self.full = Some(self.full.map_or(now, |full| full.max(now)) + self.every);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let every = Duration::from_millis(100);
        let mut pace = Pace::new(every, 3);
        let start = Instant::now();
        assert_eq!((0..5).filter(|_| pace.take(start)).count(), 3);
        let next = pace.ready(start);
        assert_eq!(next, start + every);
        assert!(!pace.take(start + every / 2) && pace.take(next) && !pace.take(next));
        assert_eq!((0..9).filter(|_| pace.take(start + every * 50)).count(), 3, "no more is saved");
    }
}
