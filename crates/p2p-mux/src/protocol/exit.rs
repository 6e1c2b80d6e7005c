//! Why a sub-protocol gave up on a peer.

use thiserror::Error;

use crate::{DisconnectReason, SendError};

/// Why a sub-protocol ended. All but [`Disconnect`](Self::Disconnect) end its slot alone, unless
/// its [`OnExit`](crate::OnExit) says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Exit {
    /// A message of the peer cannot be read.
    #[error("message that cannot be read: {0}")]
    Decode(#[from] rlp_codec::Error),
    /// A message could not be sent.
    #[error("message that cannot be sent: {0}")]
    Send(#[from] SendError),
    /// A message of the peer has a code that is not expected, now or ever.
    #[error("unexpected message code {0}")]
    UnexpectedCode(u64),
    /// That part of this program for which the sub-protocol works is gone.
    #[error("nobody is interested any more")]
    Abandoned,
    /// The whole connection is to end, with all its sub-protocols, for this reason.
    #[error("disconnect: {0}")]
    Disconnect(DisconnectReason),
}

impl Exit {
    /// A message had a `code` that is not expected.
    #[must_use]
    pub const fn unexpected(code: u64) -> Self {
        Self::UnexpectedCode(code)
    }
}

/// So that `?` works on handing something to the rest of the program.
impl<T> From<tokio::sync::mpsc::error::SendError<T>> for Exit {
    fn from(_: tokio::sync::mpsc::error::SendError<T>) -> Self {
        Self::Abandoned
    }
}
