//! What the relay can tell about one envelope.

mod lookup;

use p2p_identity::NodeId;
use whisper_envelope::Topic;

use crate::relay::peer_state::skip_reason::SkipReason;

/// Where an envelope came from first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvelopeSource {
    /// It was posted or injected here.
    Here,
    /// A peer sent it.
    Peer(NodeId),
    /// A peer sent it that disconnected too long ago: its id is no longer known.
    Forgotten,
}

/// What one connected peer has to do with an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerTrace {
    /// The peer.
    pub peer: NodeId,
    /// Whether this node sent the envelope to the peer.
    pub sent: bool,
    /// Whether the peer sent the envelope to this node, first or again.
    pub received: bool,
    /// Why the peer was not sent the envelope; `None` if it has it.
    pub skipped: Option<SkipReason>,
}

impl PeerTrace {
    /// What the peer has to do with two envelopes of the same message together. If one of them
    /// is pending, so is the message.
    pub(crate) fn merged_with(self, other: Self) -> Self {
        let (sent, received) = (self.sent || other.sent, self.received || other.received);
        let skipped = self.skipped.zip(other.skipped).map(|reasons| match reasons {
            (_, next @ (SkipReason::Pending | SkipReason::Announced | SkipReason::Asked)) => next,
            (reason, _) => reason,
        });
        Self { peer: self.peer, sent, received, skipped }
    }
}

/// An envelope in the pool.
#[derive(Debug)]
pub(crate) struct PooledTrace {
    pub(crate) raw: Vec<u8>,
    pub(crate) source: EnvelopeSource,
    /// When it arrived, in seconds since 1970.
    pub(crate) arrived: u32,
    pub(crate) work: f64,
    pub(crate) topic: Topic,
    pub(crate) expiry: u32,
    pub(crate) peers: Vec<PeerTrace>,
}

/// An envelope that was in the pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DepartedTrace {
    pub(crate) source: EnvelopeSource,
    /// When it arrived and when it left, in seconds since 1970.
    pub(crate) arrived: u32,
    pub(crate) left: u32,
    /// Whether it was evicted; otherwise it expired.
    pub(crate) evicted: bool,
}
