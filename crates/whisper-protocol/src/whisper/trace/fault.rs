//! Violations of `trace/1` by a peer.

use super::wire::TraceMessageError;

/// A violation of `trace/1` by a peer. It ends the sub-protocol, not the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TraceFault {
    #[error("malformed message")]
    Malformed(#[from] TraceMessageError),
    #[error("a message before the status")]
    NoStatus,
    #[error("a second status")]
    SecondStatus,
    #[error("the peer asks, and does not read the answers")]
    Flood,
}
