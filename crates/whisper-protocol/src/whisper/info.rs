//! A node in figures.

use whisper_pow::Work;

/// The node in figures, as `shh_info` reports them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Info {
    /// Bytes of the pools, bookkeeping included.
    pub pool_bytes: usize,
    /// Maximum bytes of the pools: [`Config::pool_bytes`](crate::Config::pool_bytes) for each version of Whisper.
    pub pool_limit: usize,
    /// Number of envelopes in the pools.
    pub envelopes: usize,
    /// The work that the node requires.
    pub min_work: Work,
    /// The largest envelope that the node accepts, in bytes.
    pub max_message_size: u32,
    /// Number of filters.
    pub filters: usize,
    /// Envelopes in the message queue, which wait to be opened.
    pub queued: usize,
    /// Direct messages in the p2p queue.
    pub queued_direct: usize,
    /// Whether the node is a light client.
    pub light: bool,
    /// The correction of the clock in seconds, positive if it is set forward
    /// ([`PeerSettings::clock_correction`](crate::PeerSettings::clock_correction)).
    pub clock_correction: i32,
    /// By how many seconds the peers' clocks are ahead of this node's, if that is too much for a correction; otherwise 0.
    pub clock_excess: i32,
}
