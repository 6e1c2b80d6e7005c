//! What a team uses, and whether it may use more.

mod bucket;
mod posts;
mod shared;
mod slowing;

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::lock::lock;
use crate::team::quotas::{OverQuota, Quota, Quotas};
use bucket::{Bucket, Rate};
use posts::AlivePosts;
pub(crate) use shared::{BytesGuard, InUseGuard};
use shared::{InUse, InUseBytes};
use slowing::Slowing;

/// How often the work of a post in progress is looked at.
const WORK_CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Longest time that a post waits for others of its team to expire, in seconds.
const POST_WAIT_SECS: u64 = 1;

/// How long it takes to refuse a call. A team gets no more than twenty refusals a second.
const REFUSAL_TIME: Duration = Duration::from_millis(50);

/// What a team uses. Everything is counted, whether it is limited or not.
#[derive(Debug, Default)]
pub(crate) struct TeamMeter {
    calls: AtomicU64,
    bytes: AtomicU64,
    posts: AtomicU64,
    /// Envelopes that were read from archives.
    read: AtomicU64,
    refused: [AtomicU64; Quota::ALL.len()],
    /// Refusals are answered one after the other.
    refusal_turn: tokio::sync::Mutex<()>,
    /// The posts whose work is slowed down to the quota.
    slowing: Slowing,
    rates: Mutex<Rates>,
    alive: Mutex<AlivePosts>,
    /// Connections that are open.
    connections: InUse,
    /// Subscriptions to messages that are open.
    subscriptions: InUse,
    /// Notifications that clients have not read.
    outbox: InUseBytes,
}

#[derive(Debug, Default)]
struct Rates {
    calls: Bucket,
    bytes: Bucket,
    history: Bucket,
    work: Bucket,
    /// The core time that is in the bucket of work.
    worked: Duration,
}

/// What a team has used so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TeamUsage {
    pub(crate) calls: u64,
    pub(crate) bytes: u64,
    pub(crate) posts: u64,
    pub(crate) read: u64,
    pub(crate) connections: u64,
    pub(crate) subscriptions: u64,
    pub(crate) outbox_bytes: u64,
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
            let rates = &mut *lock(&self.rates);
            take(&mut rates.calls, now, quotas, Quota::Calls, 1).and_then(|calls| {
                let bytes = take(&mut rates.bytes, now, quotas, Quota::Bytes, bytes as u64)?;
                Ok(calls.max(bytes))
            })
        };
        self.wait(wait).await
    }

    /// Waits until a call that is refused may be answered. A team that asks again and again waits for its refusals; meanwhile
    /// its connections are not read beyond the calls that wait, and other teams do not pay for them.
    pub(crate) async fn delay_refusal(&self) {
        let _turn = self.refusal_turn.lock().await;
        sleep(REFUSAL_TIME).await;
    }

    /// Bytes were answered or pushed.
    pub(crate) fn count_bytes(&self, quotas: &Quotas, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(rate) = rate(quotas, Quota::Bytes) {
            lock(&self.rates).bytes.charge(Instant::now(), rate, bytes as u64);
        }
    }

    /// Waits until the team may be pushed more.
    pub(crate) async fn wait_to_push(&self, quotas: &Quotas) {
        if let Some(rate) = rate(quotas, Quota::Bytes) {
            let wait = lock(&self.rates).bytes.wait(Instant::now(), rate);
            if !wait.is_zero() {
                sleep(wait).await;
            }
        }
    }

    /// A reading of archives begins. Waits if the team is a little ahead of its quota.
    pub(crate) async fn begin_reading(&self, quotas: &Quotas) -> Result<(), OverQuota> {
        let now = Instant::now();
        let wait = take(&mut lock(&self.rates).history, now, quotas, Quota::History, 0);
        self.wait(wait).await
    }

    /// Envelopes were read from archives.
    pub(crate) fn count_read(&self, quotas: &Quotas, envelopes: usize) {
        self.read.fetch_add(envelopes as u64, Ordering::Relaxed);
        if let Some(rate) = rate(quotas, Quota::History) {
            lock(&self.rates).history.charge(Instant::now(), rate, envelopes as u64);
        }
    }

    /// Waits until the team may read more from archives.
    pub(crate) async fn wait_to_read(&self, quotas: &Quotas) {
        if let Some(rate) = rate(quotas, Quota::History) {
            let wait = lock(&self.rates).history.wait(Instant::now(), rate);
            if !wait.is_zero() {
                sleep(wait).await;
            }
        }
    }

    /// A proof of work begins. `core_time`: the time that cores have worked for the team so far. Waits if the team is a
    /// little ahead of its quota.
    pub(crate) async fn begin_work(
        &self,
        quotas: &Quotas,
        core_time: Duration,
    ) -> Result<(), OverQuota> {
        let now = Instant::now();
        let wait = {
            let mut rates = lock(&self.rates);
            rates.count_work(now, quotas, core_time);
            take(&mut rates.work, now, quotas, Quota::Work, 0)
        };
        self.wait(wait).await
    }

    /// Slows a post in progress down to the quota of work: lets the work of the team wait while it is ahead. Returns when that
    /// took longer than `patience` altogether. `quotas` and `core_time` return what is true at the time. When the last post in
    /// progress has ended, whatever its end, the other work of the team goes on.
    pub(crate) async fn slow_work(
        &self,
        quotas: impl Fn() -> Quotas,
        core_time: impl Fn() -> Duration,
        pause: impl Fn(bool),
        patience: Duration,
    ) -> OverQuota {
        let _slowed = self.slowing.begin(&pause);
        // One post looks after the work of all: hundreds of posts can be in progress.
        let looked_after = async {
            let _turn = self.slowing.turn().await;
            loop {
                let wait = self.until_work(&quotas(), core_time());
                self.slowing.pause(!wait.is_zero());
                pause(!wait.is_zero());
                let is_short = !wait.is_zero() && wait < WORK_CHECK_INTERVAL;
                sleep(if is_short { wait } else { WORK_CHECK_INTERVAL }).await;
            }
        };
        tokio::select! {
            biased;
            () = self.slowing.waited(patience) => {}
            () = looked_after => {}
        }
        let limit = quotas().get(Quota::Work).map_or(u32::MAX, NonZeroU32::get);
        // Then the quota of a whole minute is there again.
        let full = lock(&self.rates).work.until_full(Instant::now());
        self.refuse(OverQuota::until(Quota::Work, limit, full))
    }

    /// How long the work has to wait, which has taken `core_time` so far.
    fn until_work(&self, quotas: &Quotas, core_time: Duration) -> Duration {
        let (now, mut rates) = (Instant::now(), lock(&self.rates));
        rates.count_work(now, quotas, core_time);
        rate(quotas, Quota::Work).map_or(Duration::ZERO, |rate| rates.work.wait(now, rate))
    }

    /// Whether the team, which has this number of filters with mailboxes, may have another filter or subscription.
    /// `ahead`: how far it is ahead of its quota of trials.
    pub(crate) fn admit_filter(
        &self,
        quotas: &Quotas,
        filters: usize,
        ahead: Duration,
    ) -> Result<(), OverQuota> {
        if let Some(limit) = quotas.get(Quota::Trials)
            && ahead > Duration::from_secs(1)
        {
            return Err(self.refuse(OverQuota::until(Quota::Trials, limit.get(), ahead)));
        }
        match quotas.get(Quota::Filters) {
            Some(limit) if filters as u64 + self.subscriptions.get() >= limit.get().into() => {
                let limit = limit.get();
                Err(self.refuse(OverQuota { quota: Quota::Filters, limit, retry_after: None }))
            }
            _ => Ok(()),
        }
    }

    /// As [`admit_filter`](Self::admit_filter), for a subscription, which is open until the returned value is dropped.
    pub(crate) fn admit_subscription(
        &self,
        quotas: &Quotas,
        filters: usize,
        ahead: Duration,
    ) -> Result<Option<InUseGuard>, OverQuota> {
        self.admit_filter(quotas, filters, ahead)?;
        Ok(self.subscriptions.add(None))
    }

    /// Adds a connection, which is open until the returned value is dropped.
    pub(crate) fn admit_connection(&self, quotas: &Quotas) -> Result<InUseGuard, OverQuota> {
        let limit = quotas.get(Quota::Connections).map_or(u32::MAX, NonZeroU32::get);
        let over = OverQuota { quota: Quota::Connections, limit, retry_after: None };
        self.connections.add(Some(limit.into())).ok_or_else(|| self.refuse(over))
    }

    /// Waits until the clients of the team have read enough of their notifications to get more.
    pub(crate) async fn wait_for_outbox(&self, quotas: impl Fn() -> Quotas) {
        let limit = || quotas().get(Quota::OutboxBytes).map(|limit| limit.get().into());
        self.outbox.wait_below(limit).await;
    }

    /// A notification of this size waits for its client until the returned value is dropped.
    pub(crate) fn add_to_outbox(&self, bytes: usize) -> BytesGuard {
        self.outbox.add(bytes)
    }

    /// A post of this number of bytes begins, which live for `ttl` seconds. They count from now on. Waits if other posts of the
    /// team expire soon enough. `now`: the time in seconds since 1970.
    pub(crate) async fn begin_post(
        &self,
        quotas: &Quotas,
        now: impl Fn() -> u64,
        ttl: u64,
        bytes: usize,
    ) -> Result<(), OverQuota> {
        let begin = || self.add_post(quotas, now(), ttl, bytes);
        let begun = match begin() {
            Err(OverQuota { retry_after: Some(seconds), .. }) if seconds <= POST_WAIT_SECS => {
                sleep(Duration::from_secs(seconds)).await;
                begin()
            }
            begun => begun,
        };
        begun.map_err(|over| self.refuse(over))?;
        self.posts.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn add_post(&self, quotas: &Quotas, now: u64, ttl: u64, bytes: usize) -> Result<(), OverQuota> {
        let limit = quotas.get(Quota::PostBytes).map(NonZeroU32::get);
        let added = lock(&self.alive).add(now, now + ttl, bytes as u64, limit.map(Into::into));
        added.map_err(|free_at| OverQuota {
            quota: Quota::PostBytes,
            limit: limit.unwrap_or_default(),
            retry_after: free_at.map(|free| free.saturating_sub(now).max(1)),
        })
    }

    /// Waits, or counts the refusal.
    async fn wait(&self, wait: Result<Duration, OverQuota>) -> Result<(), OverQuota> {
        let wait = wait.map_err(|over| self.refuse(over))?;
        if !wait.is_zero() {
            sleep(wait).await;
        }
        Ok(())
    }

    /// Counts a refusal.
    fn refuse(&self, over: OverQuota) -> OverQuota {
        self.refused[over.quota as usize].fetch_add(1, Ordering::Relaxed);
        over
    }

    /// What was used so far.
    pub(crate) fn usage(&self) -> TeamUsage {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TeamUsage {
            calls: read(&self.calls),
            bytes: read(&self.bytes),
            posts: read(&self.posts),
            read: read(&self.read),
            connections: self.connections.get(),
            subscriptions: self.subscriptions.get(),
            outbox_bytes: self.outbox.get(),
            refused: Quota::ALL.map(|quota| (quota, read(&self.refused[quota as usize]))),
        }
    }
}

impl Rates {
    /// Charges the work since the last time. `core_time`: all work so far.
    fn count_work(&mut self, now: Instant, quotas: &Quotas, core_time: Duration) {
        let new = core_time.saturating_sub(self.worked);
        self.worked = self.worked.max(core_time);
        if let Some(rate) = rate(quotas, Quota::Work) {
            let millis = u64::try_from(new.as_millis()).unwrap_or(u64::MAX);
            self.work.charge(now, rate, millis);
        }
    }
}

/// The rate of a quota, if it is limited.
fn rate(quotas: &Quotas, quota: Quota) -> Option<Rate> {
    let limit = quotas.get(quota)?;
    Some(match quota {
        Quota::History => Rate::a_minute(limit),
        Quota::Work => Rate::a_minute(limit).in_thousandths(),
        _ => Rate::a_second(limit),
    })
}

/// Takes from a bucket, if the quota is limited. Returns how long to wait.
fn take(
    bucket: &mut Bucket,
    now: Instant,
    quotas: &Quotas,
    quota: Quota,
    cost: u64,
) -> Result<Duration, OverQuota> {
    let Some((limit, rate)) = quotas.get(quota).zip(rate(quotas, quota)) else {
        return Ok(Duration::ZERO);
    };
    bucket.take(now, rate, cost).map_err(|wait| OverQuota::until(quota, limit.get(), wait))
}

#[cfg(test)]
mod tests;
