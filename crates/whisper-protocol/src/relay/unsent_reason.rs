//! Why a post was sent to no peer at all.

/// Why a post was sent to no peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsentReason {
    /// No connected peer speaks the envelope's dialect.
    NoPeers,
    /// Peers are connected, but none was sent the envelope. Each peer is counted once.
    Unwanted(SkippedPeers),
}

/// Number of peers that were not sent an envelope, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkippedPeers {
    /// The topic is outside the peer's bloom.
    pub bloom: usize,
    /// The work is below the peer's requirement.
    pub work: usize,
    /// The envelope is larger than every peer accepts.
    pub size: usize,
    /// The envelope is still queued: the peer reads slowly, or limits its rate.
    pub pending: usize,
}
