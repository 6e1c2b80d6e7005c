//! How much of the node a team may use.

use std::fmt;
use std::num::NonZeroU32;

/// How much of the node a team may use. Default: no limits.
///
/// A team that is over a quota by a little is slowed down. Then its calls are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Maximum number of calls a second.
    pub calls: Option<NonZeroU32>,
    /// Maximum number of bytes a second: arguments, answers and notifications.
    pub bytes: Option<NonZeroU32>,
    /// Maximum number of filters at a time. Each has a mailbox of limited size.
    pub filters: Option<NonZeroU32>,
    /// Maximum number of bytes of posts that have not expired: payload and padding.
    pub post_bytes: Option<NonZeroU32>,
}

/// The name of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quota {
    Calls,
    Bytes,
    Filters,
    PostBytes,
}

impl Quota {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Calls, Self::Bytes, Self::Filters, Self::PostBytes];

    /// The name, as in the file of the teams, in errors and in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Bytes => "bytes",
            Self::Filters => "filters",
            Self::PostBytes => "postbytes",
        }
    }
}

/// A call is refused because its team is over a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverQuota {
    pub(crate) quota: Quota,
    pub(crate) limit: u32,
    /// After how many seconds it is worth to try again; `None` if the team has to delete something first.
    pub(crate) retry_after: Option<u64>,
}

impl std::error::Error for OverQuota {}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (quota, limit) = (self.quota.name(), self.limit);
        write!(f, "this team is over its quota {quota}, which is {limit}: ")?;
        match self.retry_after {
            Some(seconds) => write!(f, "try again in {seconds} s"),
            None => f.write_str("delete some first"),
        }
    }
}
