//! An event for each sub-protocol that fails, for observers.

use p2p_identity::NodeId;

use crate::{Capability, SlotEndReason};

/// A sub-protocol failed or panicked on one connection ([`Protocol::observe_ends`](crate::Protocol::observe_ends)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProtocolEnd {
    /// The other end of the connection.
    pub peer: NodeId,
    /// The sub-protocol.
    pub capability: Capability,
    /// [`SlotEndReason::Failed`] or [`SlotEndReason::Panicked`].
    pub reason: SlotEndReason,
    /// The error with all its causes, or what the panic says.
    pub error: String,
}
