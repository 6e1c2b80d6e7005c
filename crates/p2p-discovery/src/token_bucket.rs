//! A token bucket: limits a rate, and allows bursts after a pause.

use core::time::Duration;
use std::time::Instant;

/// How fast a [`TokenBucket`] fills up, and how many tokens it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FillRate {
    /// The time in which one token flows in.
    pub(crate) interval: Duration,
    /// Maximum number of tokens.
    pub(crate) burst: u32,
}

impl FillRate {
    /// `count` tokens a second. With a count of 0 no tokens flow in for more than a century.
    pub(crate) fn per_second(count: u32, burst: u32) -> Self {
        let never = Duration::from_secs(u32::MAX.into());
        Self { interval: Duration::from_secs(1).checked_div(count).unwrap_or(never), burst }
    }
}

/// A bucket of tokens that starts full. Stored as the time at which it will be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TokenBucket {
    /// `None` for a bucket that was never used.
    full_at: Option<Instant>,
}

impl TokenBucket {
    /// When the next token can be taken, at the earliest `now`.
    pub(crate) fn ready_at(&self, rate: FillRate, now: Instant) -> Instant {
        let spare = rate.interval.saturating_mul(rate.burst.saturating_sub(1));
        match self.full_at {
            Some(full_at) => full_at.checked_sub(spare).map_or(now, |ready| ready.max(now)),
            None => now,
        }
    }

    /// Takes a token. Returns `false` if there is none. If the clock goes back, no tokens are gained
    /// or lost.
    pub(crate) fn take(&mut self, rate: FillRate, now: Instant) -> bool {
        let may = rate.burst > 0 && self.ready_at(rate, now) <= now;
        if may {
            let full_at = self.full_at.map_or(now, |full_at| full_at.max(now));
            self.full_at = full_at.checked_add(rate.interval).or(Some(full_at));
        }
        may
    }

    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|full_at| full_at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut TokenBucket, rate: FillRate, now: Instant) -> usize {
        (0..100).filter(|_| bucket.take(rate, now)).count()
    }

    #[test]
    fn a_burst_passes_and_then_one_token_per_interval() {
        let interval = Duration::from_millis(100);
        let rate = FillRate { interval, burst: 3 };
        let (start, mut bucket) = (Instant::now(), TokenBucket::default());
        assert_eq!(taken(&mut bucket, rate, start), 3);
        let next = bucket.ready_at(rate, start);
        assert_eq!(next, start + interval);
        assert!(!bucket.take(rate, start + interval / 2));
        assert!(bucket.take(rate, next) && !bucket.take(rate, next));
        assert!(!bucket.is_full(start + 3 * interval) && bucket.is_full(start + 4 * interval));
        assert_eq!(taken(&mut bucket, rate, start + interval * 50), 3, "no more than the burst");
        assert_eq!(taken(&mut bucket, rate, start), 0, "the clock went back");
    }

    #[test]
    fn extreme_rates_do_not_overflow() {
        let start = Instant::now();
        let year = Duration::from_secs(365 * 86_400);
        let mut bucket = TokenBucket::default();
        assert_eq!(taken(&mut bucket, FillRate::per_second(0, 5), start), 5);
        assert_eq!(taken(&mut bucket, FillRate::per_second(0, 5), start + year), 0);
        assert_eq!(taken(&mut TokenBucket::default(), FillRate::per_second(9, 0), start), 0);
        let most = FillRate { interval: Duration::MAX, burst: u32::MAX };
        assert_eq!(taken(&mut TokenBucket::default(), most, start), 100);
    }
}
