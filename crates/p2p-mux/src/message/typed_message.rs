//! A sub-protocol's messages as one type, instead of codes and bytes.

use bytes::Bytes;
use thiserror::Error;

/// All messages of a sub-protocol: an enum, as a rule, with a variant for each code.
///
/// ```
/// use bytes::Bytes;
/// use p2p_mux::{DecodeError, TypedMessage, rlp};
///
/// #[derive(Debug, PartialEq)]
/// enum Chat {
///     Name(String),
///     Line(String),
/// }
///
/// impl TypedMessage for Chat {
///     const LENGTH: u64 = 2;
///
///     fn encode(&self) -> (u64, Bytes) {
///         match self {
///             Self::Name(name) => (0, rlp::encode(name).into()),
///             Self::Line(line) => (1, rlp::encode(line).into()),
///         }
///     }
///
///     fn decode(code: u64, payload: &[u8]) -> Result<Self, DecodeError> {
///         match code {
///             0 => Ok(Self::Name(rlp::decode(payload)?)),
///             1 => Ok(Self::Line(rlp::decode(payload)?)),
///             code => Err(DecodeError::UnknownCode(code)),
///         }
///     }
/// }
///
/// let (code, payload) = Chat::Line("hello".into()).encode();
/// assert_eq!(Chat::decode(code, &payload), Ok(Chat::Line("hello".into())));
/// assert_eq!(Chat::decode(9, &payload), Err(DecodeError::UnknownCode(9)));
/// ```
pub trait TypedMessage: Sized {
    /// How many codes there are, used or not. Both ends must agree on it.
    const LENGTH: u64;

    /// The code, below [`LENGTH`](Self::LENGTH), and the payload.
    fn encode(&self) -> (u64, Bytes);

    /// Reads the payload of a message with that code.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]. The bytes are the peer's: anything may be in them.
    fn decode(code: u64, payload: &[u8]) -> Result<Self, DecodeError>;
}

/// A message of the peer that has no meaning in the [`TypedMessage`]: the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is no message with this code.
    #[error("no message has code {0}")]
    UnknownCode(u64),
    /// There is, but its payload is not what it should be.
    #[error("{0}")]
    Payload(#[from] rlp_codec::Error),
}
