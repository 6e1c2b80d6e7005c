//! An envelope on its way to the filters.

use std::time::Duration;

use p2p_identity::NodeId;
use whisper_envelope::Envelope;
use whisper_pow::Work;

use crate::relay::peer_slot::PeerSlot;

/// Who sent an envelope to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// It was made here.
    Own,
    /// A peer relayed it.
    Peer(PeerSlot),
    /// A trusted peer sent it as a direct message.
    Direct(NodeId),
    /// It is taken from the pool again.
    Pool,
}

impl From<Option<PeerSlot>> for Source {
    fn from(from: Option<PeerSlot>) -> Self {
        from.map_or(Self::Own, Self::Peer)
    }
}

/// An envelope that waits to be opened.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) envelope: Envelope,
    pub(crate) work: Work,
    pub(crate) source: Source,
    /// The uptime at which it arrived; `None` if it was taken from the pool.
    pub(crate) arrived: Option<Duration>,
}

impl Arrival {
    /// Whether it is a direct message of a trusted peer. Only filters that allow direct messages receive it.
    pub(crate) fn is_direct(&self) -> bool {
        matches!(self.source, Source::Direct(_))
    }

    /// Whether it expired. Direct messages may be older than their time to live.
    pub(crate) fn is_expired(&self, now: u32) -> bool {
        !self.is_direct() && self.envelope.expiry() < now
    }
}
