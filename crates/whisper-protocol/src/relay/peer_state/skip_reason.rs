//! Why one peer was not sent an envelope.

/// Why a peer was not sent an envelope that is in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// The topic is outside the peer's bloom.
    OutsideBloom,
    /// The work is below the peer's requirement, under the peer's rule as far as it is known.
    LowWork,
    /// The envelope alone exceeds the largest packet that every peer accepts.
    Oversized,
    /// This node is a light client, which sends only its own envelopes.
    LightClient,
    /// The envelope was announced to the peer over `lazy/1`, and the peer has not asked for it: it has it, or asked another one.
    Announced,
    /// The peer has asked for the announced envelope, which is still queued.
    Asked,
    /// The envelope is still queued: others have more work, or the peer reads slowly.
    Pending,
}
