//! What became of one envelope in the relay, found out when somebody asks: from the pool, from what
//! is known of each peer, and from the pool's memory of what left it.

use p2p_identity::NodeId;
use whisper_envelope::Topic;

use crate::{drops::history::Source, relay::peer::NotSent};

/// Who brought an envelope first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bringer {
    /// It was posted or injected here.
    Here,
    /// A peer.
    Peer(NodeId),
    /// A peer that left so long ago that its id is forgotten.
    Forgotten,
}

/// What passed of an envelope between this node and a connected peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerTrace {
    /// The peer.
    pub peer: NodeId,
    /// Whether the peer was sent it.
    pub sent: bool,
    /// Whether the peer sent it, first or again.
    pub received: bool,
    /// Why the peer was not sent it; `None` where it has it.
    pub not_sent: Option<NotSent>,
}

/// An envelope in the pool.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) raw: Vec<u8>,
    pub(crate) bringer: Bringer,
    pub(crate) source: Source,
    pub(crate) work: f64,
    pub(crate) topic: Topic,
    pub(crate) expiry: u32,
    pub(crate) peers: Vec<PeerTrace>,
}

/// An envelope that was in the pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Past {
    pub(crate) bringer: Bringer,
    pub(crate) source: Source,
    pub(crate) at: u32,
    pub(crate) evicted: bool,
}
