//! The next action of the dialer about a node, and its reasons.

use std::time::Instant;

use crate::access::Exclusion;

/// Why a node is planned, in ascending order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeKind {
    /// A found node, from discovery or from a list: dialed once.
    Found,
    /// A boot node: dialed only while this node has no peer at all.
    Boot,
    /// A static node: dialed without end.
    Static,
}

/// Why a [`NextAction::Dial`] is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialReason {
    /// The node has not been dialed since it was added, or added again with another address.
    New,
    /// The last attempt failed.
    Failed,
    /// The connection was lost.
    Lost,
}

/// Why a found node is not added to the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// The node is connected, being dialed, or already planned.
    #[error("known already")]
    Known,
    /// The node was dialed or lost lately.
    #[error("dialed lately")]
    Recent,
    /// The node does not listen on TCP.
    #[error("no TCP port")]
    NoPort,
}

/// What the dialer will do about a node.
///
/// Exhaustive on purpose: a caller that names every action learns of a new one from the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAction {
    /// Dials the node.
    Dial {
        /// The earliest time. The attempt waits longer if no attempt is free.
        at: Instant,
        /// Failed attempts and short connections since the last success.
        failures: u32,
        /// Why the node is dialed then.
        reason: DialReason,
    },
    /// An attempt is running.
    Dialing {
        /// When it began.
        since: Instant,
    },
    /// Nothing: the node is connected, in either direction.
    Connected {
        /// When the connection was made.
        since: Instant,
    },
    /// Nothing: it is a boot node, and this node has peers.
    Idle,
    /// Nothing: this node does not dial.
    Never,
    /// Nothing: an access rule excludes the node. A connection with it ends.
    Excluded(Exclusion),
}
