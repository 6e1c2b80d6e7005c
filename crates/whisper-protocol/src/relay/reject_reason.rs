//! Why an envelope was not admitted to the pool.

use whisper_pow::Work;

/// Why an envelope was not admitted to the pool. Each reason has a counter in
/// [`RejectedStats`](crate::RejectedStats).
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// The time to live is zero. Work is divided by it, so the work would be infinite.
    #[error("time to live is zero")]
    ZeroTtl,
    /// By its expiry and time to live the envelope was sent before 1970.
    #[error("time to live is longer than the time until expiry since 1970")]
    TtlBeyondExpiry,
    /// Sent more than [`SYNC_ALLOWANCE`](crate::SYNC_ALLOWANCE) seconds in the future. An envelope of a peer that is
    /// at most ten minutes ahead is kept, and processed when its time comes.
    #[error("sent {ahead} s from now")]
    FromTheFuture {
        /// Seconds by which it is ahead.
        ahead: u32,
    },
    /// Expired at most twice the [`SYNC_ALLOWANCE`](crate::SYNC_ALLOWANCE) ago. Honest peers send such envelopes.
    #[error("expired")]
    Expired,
    /// Expired longer ago than that: a clock is wrong, or the envelope is replayed.
    #[error("expired long ago")]
    VeryOld,
    /// Larger than [`Config::max_message_size`](crate::Config::max_message_size).
    #[error("{size} bytes, at most {limit} are allowed")]
    TooLarge {
        /// The size as go-ethereum counts it: 20 bytes plus the sealed data.
        size: usize,
        /// The node's limit.
        limit: u32,
    },
    /// Less work than required, under each of the accepted rules.
    #[error("work {work} is below {required}")]
    LowWork {
        /// The highest work under any accepted rule.
        work: Work,
        /// What the node requires.
        required: Work,
    },
    /// The topic is outside the bloom that the node announced.
    #[error("topic is outside the node's bloom")]
    OutsideBloom,
    /// The pool is full of envelopes with at least as much work.
    #[error("pool is full of envelopes with more work")]
    PoolFull,
}
