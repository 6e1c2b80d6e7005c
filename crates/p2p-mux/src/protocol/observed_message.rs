//! An event for each message of a sub-protocol, for observers.

use p2p_identity::NodeId;

/// A message that was delivered to a sub-protocol or encrypted
/// ([`Protocol::observe`](crate::Protocol::observe)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObservedMessage {
    /// The other end of the connection.
    pub peer: NodeId,
    /// Whether it was received or sent.
    pub direction: Direction,
    /// The code within the sub-protocol.
    pub code: u64,
    /// Length of the uncompressed payload, in bytes.
    pub length: usize,
}

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer to the sub-protocol.
    In,
    /// From the sub-protocol to the peer.
    Out,
}
