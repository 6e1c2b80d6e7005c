//! What is known of a node that is dialled or not, and why.

use std::time::Instant;

use crate::access::Barred;

/// Why a node is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A node that was found, by discovery or in a list: one attempt.
    Found,
    /// An entry point, dialled only while the node has no peer at all.
    Boot,
    /// A node that the operator wants connected, dialled for ever.
    Static,
}

/// What led to the wait that a [`NextAction::Dial`] reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Never tried since it was added, or added again with another address.
    New,
    /// The last attempt failed.
    Failed,
    /// The connection was lost.
    Lost,
}

/// Why a found node is not dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Declined {
    /// It is connected, being dialled, or in the plan already.
    #[error("known already")]
    Known,
    /// It was tried or left lately.
    #[error("tried lately")]
    Recent,
    /// It does not listen on TCP.
    #[error("no TCP port")]
    NoPort,
}

/// What the dialer will do about a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextAction {
    /// Dial it at that time (or as soon after as an attempt is free), after so many failures in a
    /// row.
    Dial {
        /// Not before.
        at: Instant,
        /// Failed attempts and short connections since the last success.
        failures: u32,
        /// What the wait is for.
        why: Why,
    },
    /// An attempt is running.
    Dialling {
        /// When it began.
        since: Instant,
    },
    /// Nothing: it is connected, whoever dialled.
    Connected {
        /// When the connection was made.
        since: Instant,
    },
    /// Nothing: it is a boot node, and the node has peers.
    Idle,
    /// Nothing: this node does not dial.
    Never,
    /// Nothing: the operator keeps it out, and the connection with it ends if there is one.
    Barred(Barred),
}
