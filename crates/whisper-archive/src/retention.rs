//! What an archive keeps.

use std::time::Duration;

/// How long, and how much, an archive keeps. The oldest arrivals are removed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Maximum time since the arrival of an envelope; `None` for no limit.
    pub max_age: Option<Duration>,
    /// Maximum number of bytes of all envelopes together, without the indices; `None` for no limit.
    pub max_bytes: Option<u64>,
}

impl Default for Retention {
    /// 30 days, as status-im's mail servers keep them; no limit in bytes.
    fn default() -> Self {
        Self { max_age: Some(Duration::from_secs(30 * 24 * 3600)), max_bytes: None }
    }
}
