//! What a team uses, and whether it may use more.

mod bucket;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::lock::lock;
use crate::team::quotas::{OverQuota, Quota, Quotas};
use bucket::Bucket;

/// What a team uses. Everything is counted, whether it is limited or not.
#[derive(Debug, Default)]
pub(crate) struct TeamMeter {
    calls: AtomicU64,
    bytes: AtomicU64,
    posts: AtomicU64,
    refused: [AtomicU64; Quota::ALL.len()],
    rates: Mutex<Rates>,
    alive: Mutex<AlivePosts>,
}

#[derive(Debug, Default)]
struct Rates {
    calls: Bucket,
    bytes: Bucket,
}

/// The posts that have not expired.
#[derive(Debug, Default)]
struct AlivePosts {
    bytes: u64,
    /// The bytes that are free again at a time, in seconds since 1970.
    by_expiry: BTreeMap<u64, u64>,
}

/// What a team has used so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TeamUsage {
    pub(crate) calls: u64,
    pub(crate) bytes: u64,
    pub(crate) posts: u64,
    /// Refused calls, by quota.
    pub(crate) refused: [(Quota, u64); Quota::ALL.len()],
}

impl TeamMeter {
    /// A call begins, with this many bytes of arguments. Waits if the team is a little ahead of its quotas.
    pub(crate) async fn begin_call(&self, quotas: &Quotas, bytes: usize) -> Result<(), OverQuota> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let now = Instant::now();
        let wait = {
            let mut rates = lock(&self.rates);
            let for_calls = quotas.calls.map_or(Ok(Duration::ZERO), |limit| {
                let taken = rates.calls.take(now, limit.get(), 1);
                taken.map_err(|wait| (Quota::Calls, limit.get(), wait))
            });
            let for_bytes = quotas.bytes.map_or(Ok(Duration::ZERO), |limit| {
                let taken = rates.bytes.take(now, limit.get(), bytes as u64);
                taken.map_err(|wait| (Quota::Bytes, limit.get(), wait))
            });
            for_calls.and_then(|calls| for_bytes.map(|bytes| calls.max(bytes)))
        };
        match wait {
            Ok(wait) => {
                if !wait.is_zero() {
                    sleep(wait).await;
                }
                Ok(())
            }
            Err((quota, limit, wait)) => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Err(self.refuse(quota, limit, Some(seconds.max(1))))
            }
        }
    }

    /// Bytes were answered or pushed.
    pub(crate) fn count_bytes(&self, quotas: &Quotas, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(limit) = quotas.bytes {
            lock(&self.rates).bytes.charge(Instant::now(), limit.get(), bytes as u64);
        }
    }

    /// Waits until the team may be pushed more.
    pub(crate) async fn wait_to_push(&self, quotas: &Quotas) {
        if quotas.bytes.is_some() {
            let wait = lock(&self.rates).bytes.wait(Instant::now());
            if !wait.is_zero() {
                sleep(wait).await;
            }
        }
    }

    /// Whether the team, which has this number of filters, may have another one.
    pub(crate) fn admit_filter(&self, quotas: &Quotas, filters: usize) -> Result<(), OverQuota> {
        match quotas.filters {
            Some(limit) if filters as u64 >= u64::from(limit.get()) => {
                Err(self.refuse(Quota::Filters, limit.get(), None))
            }
            _ => Ok(()),
        }
    }

    /// Whether the team may post this number of bytes, which live until `expiry`. They count from now on. Times are in seconds
    /// since 1970.
    pub(crate) fn admit_post(
        &self,
        quotas: &Quotas,
        now: u64,
        expiry: u64,
        bytes: usize,
    ) -> Result<(), OverQuota> {
        let mut alive = lock(&self.alive);
        alive.remove_expired(now);
        let bytes = bytes as u64;
        if let Some(limit) = quotas.post_bytes
            && alive.bytes + bytes > u64::from(limit.get())
        {
            let free_at = alive.free_at(bytes, limit.get().into());
            let after = free_at.map(|free| free.saturating_sub(now).max(1));
            return Err(self.refuse(Quota::PostBytes, limit.get(), after));
        }
        alive.bytes += bytes;
        *alive.by_expiry.entry(expiry).or_default() += bytes;
        self.posts.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn refuse(&self, quota: Quota, limit: u32, retry_after: Option<u64>) -> OverQuota {
        self.refused[quota as usize].fetch_add(1, Ordering::Relaxed);
        OverQuota { quota, limit, retry_after }
    }

    /// What was used so far.
    pub(crate) fn usage(&self) -> TeamUsage {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TeamUsage {
            calls: read(&self.calls),
            bytes: read(&self.bytes),
            posts: read(&self.posts),
            refused: Quota::ALL.map(|quota| (quota, read(&self.refused[quota as usize]))),
        }
    }
}

impl AlivePosts {
    fn remove_expired(&mut self, now: u64) {
        let alive = self.by_expiry.split_off(&(now + 1));
        let expired = std::mem::replace(&mut self.by_expiry, alive);
        self.bytes -= expired.into_values().sum::<u64>();
    }

    /// When there is room for `bytes` more; `None` if there never is.
    fn free_at(&self, bytes: u64, limit: u64) -> Option<u64> {
        let mut left = self.bytes;
        let enough = |left: u64| left + bytes <= limit;
        self.by_expiry.iter().find_map(|(expiry, freed)| {
            left -= freed;
            enough(left).then_some(*expiry)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn posts_count_until_they_expire() {
        let meter = TeamMeter::default();
        let quotas = Quotas { post_bytes: NonZeroU32::new(100), ..Quotas::default() };
        let post = |now, expiry, bytes| meter.admit_post(&quotas, now, expiry, bytes);
        assert_eq!(post(1000, 1010, 60), Ok(()));
        assert_eq!(post(1000, 1030, 40), Ok(()));
        let over =
            |retry_after| Err(OverQuota { quota: Quota::PostBytes, limit: 100, retry_after });
        assert_eq!(post(1001, 1010, 50), over(Some(9)));
        assert_eq!(post(1001, 1010, 70), over(Some(29)));
        assert_eq!(post(1001, 1010, 101), over(None));
        assert_eq!(post(1010, 1020, 60), Ok(()));
        assert_eq!((meter.usage().posts, meter.usage().refused[3]), (3, (Quota::PostBytes, 3)));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_slowed_and_then_refused() {
        let meter = TeamMeter::default();
        let quotas = Quotas { calls: NonZeroU32::new(10), ..Quotas::default() };
        let (mut refused, start) = (0, Instant::now());
        for _ in 0..50 {
            // One after the other, so a wait lets the bucket fill.
            refused += u64::from(meter.begin_call(&quotas, 0).await.is_err());
        }
        assert_eq!((refused, start.elapsed().as_secs()), (0, 3));
        let at_once = (0..50).map(|_| meter.begin_call(&quotas, 0));
        let ends = futures_util::future::join_all(at_once).await;
        let error = OverQuota { quota: Quota::Calls, limit: 10, retry_after: Some(1) };
        let over = ends.iter().filter(|end| **end == Err(error)).count();
        assert!((35..45).contains(&over), "{over}");
        assert_eq!((meter.usage().calls, meter.usage().refused[0].1), (100, over as u64));
    }
}
