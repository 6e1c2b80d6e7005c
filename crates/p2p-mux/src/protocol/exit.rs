//! The errors with which a sub-protocol ends.

use thiserror::Error;

use crate::{DisconnectReason, SendError};

/// Why a sub-protocol ended. All variants except [`Disconnect`](Self::Disconnect) end only its slot,
/// unless its [`OnExit`](crate::OnExit) says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Exit {
    /// A message of the peer cannot be decoded.
    #[error("malformed message")]
    Decode(#[from] rlp_codec::Error),
    /// A message could not be sent.
    #[error("cannot send a message")]
    Send(#[from] SendError),
    /// A message of the peer has a code that is not expected.
    #[error("unexpected message code {0}")]
    UnexpectedCode(u64),
    /// The part of this program that receives from the sub-protocol has ended.
    #[error("the receiver in this program has ended")]
    Abandoned,
    /// The whole connection must end for this reason, with all its sub-protocols.
    #[error("disconnect: {0}")]
    Disconnect(DisconnectReason),
}

impl Exit {
    /// [`UnexpectedCode`](Self::UnexpectedCode) with this `code`.
    #[must_use]
    pub const fn unexpected(code: u64) -> Self {
        Self::UnexpectedCode(code)
    }
}

/// For `?` after sending to another part of the program.
impl<T> From<tokio::sync::mpsc::error::SendError<T>> for Exit {
    fn from(_: tokio::sync::mpsc::error::SendError<T>) -> Self {
        Self::Abandoned
    }
}
