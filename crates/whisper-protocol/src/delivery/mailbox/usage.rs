//! What one application uses of the node: time for opening envelopes, and memory for its messages.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{
    lock::lock,
    peers::rate_limit::bucket::{BURST, Bucket, inflow},
};

/// How much of the node an application may use ([`Whisper::limit_usage`](crate::Whisper::limit_usage)). Default: no limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageLimits {
    /// Maximum size of all messages in its mailboxes together, in bytes. A mailbox that gets another message drops its oldest
    /// ones, or the new one if it has none.
    pub mailbox_bytes: Option<NonZeroU32>,
    /// Number of keys that are tried on envelopes for it a second; a private key counts as 150. Beyond, its envelopes are
    /// opened after those of others.
    pub trials: Option<NonZeroU32>,
}

/// What an application uses of the node ([`Whisper::usage`](crate::Whisper::usage)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time that cores have worked on its proofs of work.
    pub core_time: Duration,
    /// Number of keys that were tried on envelopes for it; a private key counts as 150.
    pub trials: u64,
    /// Time until it is within its limit of trials again. Zero if it is.
    pub trials_ahead: Duration,
    /// Size of the messages in its mailboxes, in bytes.
    pub mailbox_bytes: u64,
}

/// What tasks of an application that is beyond its limit of trials are charged, as a multiple of what they cost.
const SLOWED: u32 = 8;

/// "No limit".
const UNLIMITED: u64 = u64::MAX;

/// The use of the node by one application. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientUsage(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    mailbox_bytes: AtomicU64,
    max_mailbox_bytes: AtomicU64,
    trials: AtomicU64,
    rate: Mutex<TrialRate>,
}

#[derive(Debug, Default)]
struct TrialRate {
    limit: Option<NonZeroU32>,
    bucket: Bucket,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            mailbox_bytes: AtomicU64::new(0),
            max_mailbox_bytes: AtomicU64::new(UNLIMITED),
            trials: AtomicU64::new(0),
            rate: Mutex::default(),
        }
    }
}

impl ClientUsage {
    pub(crate) fn set_limits(&self, limits: UsageLimits) {
        let bytes = limits.mailbox_bytes.map_or(UNLIMITED, |limit| limit.get().into());
        self.0.max_mailbox_bytes.store(bytes, Relaxed);
        lock(&self.0.rate).limit = limits.trials;
    }

    /// What was used until now. `uptime`: the time since the node started.
    pub(crate) fn read(&self, uptime: Duration) -> Usage {
        let rate = lock(&self.0.rate);
        let ahead = rate.limit.map_or(Duration::ZERO, |_| rate.bucket.missing(uptime));
        Usage {
            core_time: Duration::ZERO,
            trials: self.0.trials.load(Relaxed),
            trials_ahead: ahead.saturating_sub(BURST),
            mailbox_bytes: self.0.mailbox_bytes.load(Relaxed),
        }
    }

    /// Keys were tried. Returns what the application is charged for it where it competes with others.
    pub(crate) fn count_trials(&self, uptime: Duration, cost: u32) -> u32 {
        self.0.trials.fetch_add(cost.into(), Relaxed);
        let TrialRate { limit, bucket } = &mut *lock(&self.0.rate);
        let Some(limit) = limit else { return cost };
        let is_ahead = bucket.is_empty(uptime, BURST);
        bucket.take(uptime, inflow(cost.into(), limit.get().into(), Duration::from_secs(1)));
        if is_ahead { cost.saturating_mul(SLOWED) } else { cost }
    }

    /// Whether a message of this size would be within the limit now, if `freed` bytes were free.
    pub(crate) fn has_room(&self, bytes: usize, freed: usize) -> bool {
        let Counts { mailbox_bytes, max_mailbox_bytes, .. } = &*self.0;
        let others = mailbox_bytes.load(Relaxed).saturating_sub(freed as u64);
        others.saturating_add(bytes as u64) <= max_mailbox_bytes.load(Relaxed)
    }

    /// A message of this size is in a mailbox from now on.
    pub(crate) fn add_message(&self, bytes: usize) {
        self.0.mailbox_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Messages of this size are no longer in a mailbox.
    pub(crate) fn remove_messages(&self, bytes: usize) {
        self.0.mailbox_bytes.fetch_sub(bytes as u64, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_ahead_of_its_rate_pays_more_until_it_is_within_it_again() {
        let usage = ClientUsage::default();
        let at = Duration::from_secs;
        assert_eq!(usage.count_trials(at(1), 1000), 1000, "no limit");
        let trials = NonZeroU32::new(100);
        usage.set_limits(UsageLimits { trials, ..UsageLimits::default() });
        assert_eq!(usage.count_trials(at(1), 300), 300, "paid by the next ones");
        assert_eq!(usage.read(at(1)).trials_ahead, at(2));
        assert_eq!(usage.count_trials(at(1), 1), SLOWED);
        assert_eq!(usage.count_trials(at(4), 1), 1);
        assert_eq!(usage.read(at(9)), Usage { trials: 1302, ..Usage::default() });
    }
}
