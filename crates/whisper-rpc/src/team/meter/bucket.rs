//! A rate that may not be exceeded: a bucket that fills with time, and that calls empty.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// Maximum time that a call waits for the bucket. A call that would have to wait longer is refused.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Maximum time for which a single use can block later ones, in periods of the rate.
const LONGEST: u32 = 60;

/// What may be used in a period. A bucket holds what may be used in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    limit: u64,
    period: Duration,
}

impl Rate {
    /// This much a second.
    pub(crate) fn a_second(limit: NonZeroU32) -> Self {
        Self { limit: limit.get().into(), period: Duration::from_secs(1) }
    }

    /// This much a minute.
    pub(crate) fn a_minute(limit: NonZeroU32) -> Self {
        Self { limit: limit.get().into(), period: Duration::from_secs(60) }
    }

    /// The same rate in a unit of which a thousand are one.
    pub(crate) fn in_thousandths(self) -> Self {
        Self { limit: self.limit * 1000, ..self }
    }
}

/// How far the use of something is ahead of its rate. A pure value: the time is a parameter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    /// When the bucket is full again; `None`: it has never been used.
    full_at: Option<Instant>,
}

impl Bucket {
    /// Takes `cost`. Returns how long the caller has to wait before it goes on, at most [`MAX_WAIT`]; or, without taking
    /// anything, after what time it is worth to try again.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        rate: Rate,
        cost: u64,
    ) -> Result<Duration, Duration> {
        // What is taken may be more than the bucket holds: that is paid by the next.
        let wait = self.wait(now, rate);
        if wait > MAX_WAIT {
            return Err(wait - MAX_WAIT);
        }
        self.charge(now, rate, cost);
        Ok(wait)
    }

    /// Takes `cost` whatever is in the bucket: it was used already.
    pub(crate) fn charge(&mut self, now: Instant, rate: Rate, cost: u64) {
        let longest = rate.period * LONGEST;
        let share = cost as f64 / rate.limit.max(1) as f64;
        let time = Duration::try_from_secs_f64(rate.period.as_secs_f64() * share);
        let time = time.unwrap_or(longest);
        self.full_at = Some(now + self.ahead(now).saturating_add(time).min(longest));
    }

    /// How long to wait until the bucket is no longer empty.
    pub(crate) fn wait(&self, now: Instant, rate: Rate) -> Duration {
        self.ahead(now).saturating_sub(rate.period)
    }

    /// How long to wait until a whole period's worth may be used at once.
    pub(crate) fn until_full(&self, now: Instant) -> Duration {
        self.ahead(now)
    }

    fn ahead(&self, now: Instant) -> Duration {
        self.full_at.map_or(Duration::ZERO, |full| full.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { limit: 10, period: Duration::from_secs(1) };

    #[test]
    fn a_rate_is_kept_first_by_waiting_and_then_by_refusals() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        let taken: Vec<_> = (0..30).map(|_| bucket.take(now, RATE, 1)).collect();
        // A second's worth at once, a second's worth later and later, and no more.
        assert!(taken[..11].iter().all(|taken| *taken == Ok(Duration::ZERO)));
        assert_eq!(taken[11], Ok(Duration::from_millis(100)));
        assert_eq!(taken[20], Ok(Duration::from_secs(1)));
        assert_eq!(taken[21], Err(Duration::from_millis(100)));
        assert_eq!(taken[29], Err(Duration::from_millis(100)), "a refusal costs nothing");
        let later = now + Duration::from_millis(100);
        assert_eq!(bucket.take(later, RATE, 1), Ok(Duration::from_secs(1)));
        assert!(bucket.take(later, RATE, 1).is_err());
        let much_later = now + Duration::from_secs(60);
        assert_eq!(bucket.take(much_later, RATE, 1), Ok(Duration::ZERO));
    }

    #[test]
    fn a_large_use_is_paid_by_the_next_ones_within_a_limit() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        assert_eq!(bucket.take(now, RATE, 40), Ok(Duration::ZERO));
        assert_eq!(bucket.wait(now, RATE), Duration::from_secs(3));
        assert_eq!(bucket.take(now, RATE, 1), Err(Duration::from_secs(2)));
        bucket.charge(now, RATE, u64::MAX);
        assert_eq!(bucket.wait(now, RATE), Duration::from_secs(59));
    }

    #[test]
    fn a_minutes_worth_may_be_used_at_once() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        let rate = Rate::a_minute(NonZeroU32::new(6).unwrap()).in_thousandths();
        assert_eq!(bucket.take(now, rate, 6000), Ok(Duration::ZERO));
        assert_eq!(bucket.take(now, rate, 100), Ok(Duration::ZERO));
        assert_eq!(bucket.take(now, rate, 1000), Ok(Duration::from_secs(1)));
        assert_eq!(bucket.take(now, rate, 0), Err(Duration::from_secs(10)));
    }
}
