//! Settings of delivery receipts.

use std::time::Duration;

/// When a post counts as delivered, and how many posts are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptSettings {
    /// Number of peers that must keep a post. Default 1; 0 counts as 1.
    pub peers: usize,
    /// How long a peer must stay connected after it was sent the post, to count as having kept it. Default 2 s:
    /// go-ethereum disconnects as soon as it has read an envelope that it refuses.
    pub stay: Duration,
    /// Maximum number of posts that are followed, and of endings that are remembered. Default 4096; 0 counts as 1. Beyond
    /// that, the oldest is dropped.
    pub tracked: usize,
    /// Whether to ask the peers to acknowledge what they are sent, as nodes of status-im can. They then report what they
    /// refuse, and the receipts rely on these reports. It costs a hash of every bundle and a packet for each at both ends.
    /// Default false, which keeps the status as go-ethereum's. A peer that asks for acknowledgements always gets them.
    pub confirmations: bool,
}

impl Default for ReceiptSettings {
    fn default() -> Self {
        Self { peers: 1, stay: Duration::from_secs(2), tracked: 4096, confirmations: false }
    }
}
