//! The configuration of a client.

use std::time::Duration;

use crate::token_bucket::FillRate;

/// The configuration of a [`ListClient`](super::ListClient).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct ListClientConfig {
    /// Minimum average time between two queries. Default 333 ms, which is three per second.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub query_interval: Duration,
    /// Maximum number of queries in a burst after a pause. At least 1. Default 10.
    pub burst: u32,
    /// Maximum number of queries in progress. Default 4.
    pub max_in_flight: usize,
    /// The timeout of a query. Default 5 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub query_timeout: Duration,
    /// How often the root of a list is read. Default 30 minutes.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub root_interval: Duration,
    /// How long a list pauses after a failed query. Doubles with each failure, up to `root_interval`.
    /// Default 10 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub retry_delay: Duration,
    /// The time between the beginnings of two walks through the records of a list. Each walk gives out
    /// all nodes again. Default 1 minute.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub walk_interval: Duration,
    /// Maximum number of lists, including those that other lists link to. Default 64.
    pub max_lists: usize,
    /// Maximum number of entries of one tree, so that a hostile signer cannot make us read forever.
    /// Default 16 384.
    pub max_entries: usize,
    /// Maximum number of cached entries of all lists together, each of at most 2 KiB. Default 1024.
    pub max_cached: usize,
}

impl Default for ListClientConfig {
    fn default() -> Self {
        Self {
            query_interval: Duration::from_millis(333),
            burst: 10,
            max_in_flight: 4,
            query_timeout: Duration::from_secs(5),
            root_interval: Duration::from_secs(30 * 60),
            retry_delay: Duration::from_secs(10),
            walk_interval: Duration::from_secs(60),
            max_lists: 64,
            max_entries: 16_384,
            max_cached: 1024,
        }
    }
}

impl ListClientConfig {
    /// The rate of queries.
    pub(super) fn rate(&self) -> FillRate {
        FillRate { interval: self.query_interval, burst: self.burst.max(1) }
    }
}
