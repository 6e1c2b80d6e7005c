//! Violations of `archive/1` by a peer.

use super::wire::ArchiveMessageError;

/// A violation of `archive/1` by a peer. It ends the sub-protocol, not the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ArchiveFault {
    #[error("malformed message")]
    Malformed(#[from] ArchiveMessageError),
    #[error("a message before the status")]
    NoStatus,
    #[error("a second status")]
    SecondStatus,
    #[error("the peer asks, and does not read that it is refused")]
    Flood,
    #[error("a page or refusal for query {id}, which was never asked")]
    NeverAsked { id: u64 },
    #[error("a page of {bytes} bytes for query {id}, which has no credit")]
    Overrun { id: u64, bytes: usize },
    #[error("a page for query {id} with an envelope that was not asked for")]
    NotWanted { id: u64 },
    #[error("a page for query {id} that ends at {end}, before the page before it")]
    Backwards { id: u64, end: u64 },
}
