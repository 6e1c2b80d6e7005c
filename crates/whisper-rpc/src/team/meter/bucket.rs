//! A rate that may not be exceeded: a bucket that fills with time, and that calls empty.

use std::time::Duration;

use tokio::time::Instant;

/// What a bucket holds when it is full, as the time in which it fills.
const BURST: Duration = Duration::from_secs(1);

/// Maximum time that a call waits for the bucket. A call that would have to wait longer is refused.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Maximum time for which a single use can block later ones: an answer of 32 MiB at a low rate.
const LONGEST: Duration = Duration::from_secs(60);

/// How far the use of something is ahead of its rate. A pure value: the time is a parameter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    /// When the bucket is full again; `None`: it has never been used.
    full_at: Option<Instant>,
}

impl Bucket {
    /// Takes `cost` at `rate` a second. Returns how long the caller has to wait before it goes on, at most [`MAX_WAIT`]; or,
    /// without taking anything, after what time it is worth to try again.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        rate: u32,
        cost: u64,
    ) -> Result<Duration, Duration> {
        let ahead = self.ahead(now);
        // What is taken may be more than the bucket holds: that is paid by the next.
        let wait = ahead.saturating_sub(BURST);
        if wait > MAX_WAIT {
            return Err(wait - MAX_WAIT);
        }
        self.charge(now, rate, cost);
        Ok(wait)
    }

    /// Takes `cost` whatever is in the bucket: it was used already.
    pub(crate) fn charge(&mut self, now: Instant, rate: u32, cost: u64) {
        let time = Duration::try_from_secs_f64(cost as f64 / f64::from(rate.max(1)));
        let time = time.unwrap_or(LONGEST);
        self.full_at = Some(now + self.ahead(now).saturating_add(time).min(LONGEST));
    }

    /// How long to wait until the bucket is no longer empty.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.ahead(now).saturating_sub(BURST)
    }

    fn ahead(&self, now: Instant) -> Duration {
        self.full_at.map_or(Duration::ZERO, |full| full.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_first_by_waiting_and_then_by_refusals() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        let taken: Vec<_> = (0..30).map(|_| bucket.take(now, 10, 1)).collect();
        // A second's worth at once, a second's worth later and later, and no more.
        assert!(taken[..11].iter().all(|taken| *taken == Ok(Duration::ZERO)));
        assert_eq!(taken[11], Ok(Duration::from_millis(100)));
        assert_eq!(taken[20], Ok(Duration::from_secs(1)));
        assert_eq!(taken[21], Err(Duration::from_millis(100)));
        assert_eq!(taken[29], Err(Duration::from_millis(100)), "a refusal costs nothing");
        let later = now + Duration::from_millis(100);
        assert_eq!(bucket.take(later, 10, 1), Ok(Duration::from_secs(1)));
        assert!(bucket.take(later, 10, 1).is_err());
        let much_later = now + Duration::from_secs(60);
        assert_eq!(bucket.take(much_later, 10, 1), Ok(Duration::ZERO));
    }

    #[test]
    fn a_large_use_is_paid_by_the_next_ones_within_a_limit() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        assert_eq!(bucket.take(now, 10, 40), Ok(Duration::ZERO));
        assert_eq!(bucket.wait(now), Duration::from_secs(3));
        assert_eq!(bucket.take(now, 10, 1), Err(Duration::from_secs(2)));
        bucket.charge(now, 10, u64::MAX);
        assert_eq!(bucket.wait(now), LONGEST - BURST);
    }
}
