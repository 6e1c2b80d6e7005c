//! Violations of `lazy/1` by a peer.

use crate::relay::lazy::wire::LazyMessageError;

/// A violation of `lazy/1` by a peer. It ends the sub-protocol, not the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LazyFault {
    #[error("malformed message")]
    Malformed(#[from] LazyMessageError),
    #[error("no START arrived in time")]
    NoStart,
    #[error("the first message has code {code} and is not START")]
    NotStart { code: u64 },
    #[error("a second START")]
    SecondStart,
    #[error("the peer exceeded its limits more often than is tolerated")]
    OverLimit,
}
