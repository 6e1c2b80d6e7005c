//! Why a connection is refused, and the part of these reasons that the operator sets.

use p2p_mux::DisconnectReason;

use crate::observed::{counter, reasons};

reasons! {
    /// Why a connection may not become a peer.
    pub enum RefuseReason counted by RefuseStats
        in "refused" as counter("p2p_refused_total", "Refused connections, by reason") =>
    {
        /// The address is outside the allowed networks.
        #[error("the address is outside the allowed networks")]
        Restricted = "restricted",
        /// The node or its address is banned.
        #[error("banned")]
        Banned = "banned",
        /// The operator listed the nodes that may be peers, and this node is not on the list.
        #[error("not on the list of allowed nodes")]
        NotAllowed = "not_allowed",
        /// The address connected a moment ago.
        #[error("the address connects too often")]
        Throttled = "throttled",
        /// Too many handshakes are in progress: the oldest one was evicted by a newer one.
        #[error("too many handshakes in progress")]
        TooManyPending = "too_many_pending",
        /// Too many handshakes from one address are in progress.
        #[error("too many handshakes in progress from one address")]
        TooManyPendingPerIp = "too_many_pending_per_ip",
        /// The node is this node itself.
        #[error("it is this node itself")]
        SelfConnect = "self_connect",
        /// The node is connected already, and that connection stays.
        #[error("already connected")]
        AlreadyConnected = "already_connected",
        /// All peer slots are taken.
        #[error("too many peers")]
        TooManyPeers = "too_many_peers",
        /// All peer slots for inbound peers are taken.
        #[error("too many inbound peers")]
        TooManyInbound = "too_many_inbound",
        /// All peer slots for found nodes that this node dials are taken. The name has the spelling of the published
        /// metric.
        #[error("too many dialed peers")]
        TooManyDialed = "too_many_dialled",
        /// The node was removed while it was being dialed.
        #[error("no longer wanted")]
        Unwanted = "unwanted",
        /// The server is stopping.
        #[error("the server is stopping")]
        Stopping = "stopping",
    }
}

impl RefuseReason {
    /// The reason in the Disconnect message to the other end.
    #[must_use]
    pub const fn disconnect_reason(self) -> DisconnectReason {
        match self {
            Self::SelfConnect => DisconnectReason::SelfConnect,
            Self::AlreadyConnected => DisconnectReason::AlreadyConnected,
            Self::TooManyPending
            | Self::TooManyPendingPerIp
            | Self::Throttled
            | Self::TooManyPeers
            | Self::TooManyInbound
            | Self::TooManyDialed => DisconnectReason::TooManyPeers,
            Self::Restricted | Self::Banned | Self::NotAllowed | Self::Unwanted => {
                DisconnectReason::Requested
            }
            Self::Stopping => DisconnectReason::Quitting,
        }
    }
}

/// Which rule of the operator excludes a node or an address.
///
/// Exhaustive on purpose: a caller that names every rule learns of a new one from the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExclusionReason {
    /// The address is outside the allowed networks.
    Restricted,
    /// The node is not on the list of allowed nodes.
    NotAllowed,
    /// The node or its address is banned.
    Banned,
}

impl From<ExclusionReason> for RefuseReason {
    fn from(reason: ExclusionReason) -> Self {
        match reason {
            ExclusionReason::Restricted => Self::Restricted,
            ExclusionReason::NotAllowed => Self::NotAllowed,
            ExclusionReason::Banned => Self::Banned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_reasons_are_listed_once_in_order() {
        for (index, reason) in RefuseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }

    #[test]
    fn each_reason_has_a_reason_on_the_wire() {
        for (reason, sent) in [
            (RefuseReason::TooManyPeers, DisconnectReason::TooManyPeers),
            (RefuseReason::TooManyInbound, DisconnectReason::TooManyPeers),
            (RefuseReason::SelfConnect, DisconnectReason::SelfConnect),
            (RefuseReason::AlreadyConnected, DisconnectReason::AlreadyConnected),
            (RefuseReason::Stopping, DisconnectReason::Quitting),
        ] {
            assert_eq!(reason.disconnect_reason(), sent);
        }
    }
}
