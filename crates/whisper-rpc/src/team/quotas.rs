//! How much of the node a team may use.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// How much of the node a team may use. Default: no limits.
///
/// A team that is over a quota by a little is slowed down. Then its calls are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas([Option<NonZeroU32>; Quota::ALL.len()]);

/// A quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quota {
    /// Calls a second.
    Calls,
    /// Bytes of arguments, answers and notifications a second.
    Bytes,
    /// Filters and subscriptions to messages at a time. Each has a mailbox of limited size.
    Filters,
    /// Bytes of posts that have not expired: payload and padding.
    PostBytes,
    /// Core-seconds of proof of work a minute.
    Work,
    /// Keys that are tried on envelopes a second; a private key counts as 150.
    Trials,
    /// Bytes of the messages in all mailboxes together.
    MailboxBytes,
    /// Connections at a time, over all transports.
    Connections,
    /// Envelopes that are read from archives a minute.
    History,
    /// Bytes of notifications that clients have not read, over all connections.
    OutboxBytes,
}

impl Quota {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Calls,
        Self::Bytes,
        Self::Filters,
        Self::PostBytes,
        Self::Work,
        Self::Trials,
        Self::MailboxBytes,
        Self::Connections,
        Self::History,
        Self::OutboxBytes,
    ];

    /// The name, as in the file of the teams, in errors and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Bytes => "bytes",
            Self::Filters => "filters",
            Self::PostBytes => "postbytes",
            Self::Work => "work",
            Self::Trials => "trials",
            Self::MailboxBytes => "mailboxbytes",
            Self::Connections => "connections",
            Self::History => "history",
            Self::OutboxBytes => "outboxbytes",
        }
    }
}

impl Quotas {
    /// The maximum; `None`: there is none.
    #[must_use]
    pub const fn get(&self, quota: Quota) -> Option<NonZeroU32> {
        self.0[quota as usize]
    }

    /// Sets the maximum; `None`: there is none.
    pub const fn set(&mut self, quota: Quota, limit: Option<NonZeroU32>) {
        self.0[quota as usize] = limit;
    }

    /// The same with another maximum.
    #[must_use]
    pub const fn with(mut self, quota: Quota, limit: Option<NonZeroU32>) -> Self {
        self.set(quota, limit);
        self
    }
}

/// A call is refused because its team is over a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverQuota {
    pub(crate) quota: Quota,
    pub(crate) limit: u32,
    /// After how many seconds it is worth to try again; `None` if the team has to end or delete something first.
    pub(crate) retry_after: Option<u64>,
}

impl OverQuota {
    /// Over a quota until the end of this time, rounded up to seconds.
    pub(crate) fn until(quota: Quota, limit: u32, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { quota, limit, retry_after: Some(seconds.max(1)) }
    }
}

impl std::error::Error for OverQuota {}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (quota, limit) = (self.quota.name(), self.limit);
        write!(f, "this team is over its quota {quota}, which is {limit}: ")?;
        match (self.retry_after, self.quota) {
            (Some(seconds), _) => write!(f, "try again in {seconds} s"),
            (None, Quota::Connections) => f.write_str("close some first"),
            (None, _) => f.write_str("delete some first"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_quota_has_its_own_place_and_name() {
        let mut quotas = Quotas::default();
        for (index, quota) in (1..).zip(Quota::ALL) {
            quotas.set(quota, NonZeroU32::new(index));
        }
        let limits = Quota::ALL.map(|quota| quotas.get(quota).unwrap().get());
        assert_eq!(limits, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let names: std::collections::BTreeSet<_> = Quota::ALL.map(Quota::name).into();
        assert_eq!(names.len(), Quota::ALL.len());
    }
}
