//! What a sub-protocol says and hears, one event a message, for those who asked for it.

use p2p_identity::NodeId;

/// A message that was handed to a sub-protocol or sealed for the wire; see
/// [`Protocol::observe`](crate::Protocol::observe).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObservedMessage {
    /// The peer at the other end.
    pub peer: NodeId,
    /// Which way it went.
    pub direction: Direction,
    /// Its code within the sub-protocol.
    pub code: u64,
    /// The bytes of its payload, not compressed.
    pub length: usize,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer to the sub-protocol.
    In,
    /// From the sub-protocol to the peer.
    Out,
}
