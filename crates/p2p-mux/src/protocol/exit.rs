//! The errors with which a sub-protocol ends.

use core::fmt;
use std::{error::Error, sync::Arc};

use p2p_identity::causes;

use crate::{DecodeError, DisconnectReason, SendError};

/// Why a sub-protocol ended. All variants except [`Disconnect`](Self::Disconnect) end only its slot,
/// unless its [`OnExit`](crate::OnExit) says otherwise.
///
/// `?` converts every error into it: those of this crate into the variant that fits, all others into
/// [`Failed`](Self::Failed). Therefore it does not implement [`Error`] itself; `?` converts it into a boxed one.
///
/// ```
/// use p2p_mux::{Exit, Protocol};
///
/// let storing = Protocol::new("store", 1, 1, |_peer, mut channel| async move {
///     while let Some(message) = channel.recv().await {
///         let name = String::from_utf8(message.payload.to_vec())?;
///         std::fs::write(name, "")?;
///     }
///     Ok(())
/// });
/// let exit = Exit::from("x".parse::<u8>().unwrap_err());
/// assert_eq!(exit.to_string(), "the sub-protocol failed");
/// assert!(exit.source().is_some());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Exit {
    /// A message of the peer cannot be decoded.
    Decode(rlp_codec::Error),
    /// A message could not be sent.
    Send(SendError),
    /// A message of the peer has a code that is not expected.
    UnexpectedCode(u64),
    /// The whole connection must end for this reason, with all its sub-protocols.
    Disconnect(DisconnectReason),
    /// Any other error.
    Failed(ExitCause),
}

impl Exit {
    /// [`UnexpectedCode`](Self::UnexpectedCode) with this `code`.
    #[must_use]
    pub const fn unexpected(code: u64) -> Self {
        Self::UnexpectedCode(code)
    }

    /// [`Failed`](Self::Failed) with this error or text.
    #[must_use]
    pub fn failed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(ExitCause(cause.into().into()))
    }

    /// The cause, which its text does not contain.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Decode(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::Failed(cause) => Some(&*cause.0),
            Self::UnexpectedCode(_) | Self::Disconnect(_) => None,
        }
    }

    /// Whether the peer is to blame, or the connection has ended. Otherwise the sub-protocol has a fault.
    pub(crate) const fn is_expected(&self) -> bool {
        matches!(
            self,
            Self::Decode(_)
                | Self::UnexpectedCode(_)
                | Self::Disconnect(_)
                | Self::Send(SendError::Closed)
        )
    }

    /// The text and those of all causes.
    pub(crate) fn with_causes(&self) -> String {
        causes(&ExitError(self.clone())).to_string()
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(_) => f.write_str("malformed message"),
            Self::Send(_) => f.write_str("cannot send a message"),
            Self::UnexpectedCode(code) => write!(f, "unexpected message code {code}"),
            Self::Disconnect(reason) => write!(f, "disconnect: {reason}"),
            Self::Failed(_) => f.write_str("the sub-protocol failed"),
        }
    }
}

/// For `?`, after any call.
impl<E: Error + Send + Sync + 'static> From<E> for Exit {
    fn from(error: E) -> Self {
        let error: Box<dyn Error + Send + Sync> = Box::new(error);
        let error = match error.downcast::<SendError>() {
            Ok(error) => return Self::Send(*error),
            Err(error) => error,
        };
        let error = match error.downcast::<rlp_codec::Error>() {
            Ok(error) => return Self::Decode(*error),
            Err(error) => error,
        };
        match error.downcast::<DecodeError>() {
            Ok(error) => match *error {
                DecodeError::UnknownCode(code) => Self::UnexpectedCode(code),
                DecodeError::Payload(error) => Self::Decode(error),
            },
            Err(error) => Self::failed(error),
        }
    }
}

/// For `?` in a function that returns a boxed error.
impl From<Exit> for Box<dyn Error + Send + Sync> {
    fn from(exit: Exit) -> Self {
        Self::from(ExitError(exit))
    }
}

/// For `?` in a function that returns a boxed error.
impl From<Exit> for Box<dyn Error> {
    fn from(exit: Exit) -> Self {
        Self::from(ExitError(exit))
    }
}

/// The error of a sub-protocol with [`Exit::Failed`]. Cheap to clone. Two of them are equal if their texts are.
#[derive(Clone, Debug)]
pub struct ExitCause(Arc<dyn Error + Send + Sync>);

impl ExitCause {
    /// The error.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl PartialEq for ExitCause {
    fn eq(&self, other: &Self) -> bool {
        causes(&*self.0).to_string() == causes(&*other.0).to_string()
    }
}

/// An [`Exit`] as an error.
#[derive(Debug)]
pub(crate) struct ExitError(pub(crate) Exit);

impl fmt::Display for ExitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for ExitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_this_crate_become_the_variant_that_fits() {
        let rlp = rlp_codec::decode::<u64>(&[]).unwrap_err();
        assert_eq!(Exit::from(rlp), Exit::Decode(rlp));
        assert_eq!(Exit::from(DecodeError::Payload(rlp)), Exit::Decode(rlp));
        assert_eq!(Exit::from(DecodeError::UnknownCode(7)), Exit::UnexpectedCode(7));
        assert_eq!(Exit::from(SendError::Full), Exit::Send(SendError::Full));
    }

    #[test]
    fn other_errors_are_kept_as_the_cause() {
        let number = || "x".parse::<u8>().unwrap_err();
        let exit = Exit::from(number());
        assert_eq!(exit, Exit::failed(number()));
        assert_eq!(exit.with_causes(), "the sub-protocol failed: invalid digit found in string");
        let Exit::Failed(cause) = &exit else { panic!("{exit}") };
        assert!(cause.error().is::<std::num::ParseIntError>());
        assert_ne!(exit, Exit::failed("another reason"));
        let boxed: Box<dyn Error> = exit.into();
        assert_eq!(boxed.source().map(ToString::to_string), Some(number().to_string()));
    }

    #[test]
    fn only_faults_of_the_sub_protocol_are_unexpected() {
        let no_such_code = SendError::NoSuchCode { code: 9, length: 2 };
        assert!(Exit::Send(SendError::Closed).is_expected());
        assert!(Exit::unexpected(3).is_expected());
        assert!(!Exit::Send(no_such_code).is_expected());
        assert!(!Exit::failed("full disk").is_expected());
    }
}
