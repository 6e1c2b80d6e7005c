//! The messages of a sub-protocol as values of one type.

use bytes::Bytes;
use thiserror::Error;

/// The messages of a sub-protocol as one type, usually an enum with a variant for each code.
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
    /// Number of message codes, including unused ones. Both ends must agree on it.
    const LENGTH: u64;

    /// The code, below [`LENGTH`](Self::LENGTH), and the payload of the message.
    fn encode(&self) -> (u64, Bytes);

    /// Decodes the payload of a message with this code.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]. The payload comes from the peer and may contain any bytes.
    fn decode(code: u64, payload: &[u8]) -> Result<Self, DecodeError>;
}

/// Why a message of the peer is not a value of the [`TypedMessage`]: an error of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No message has this code.
    #[error("no message has code {0}")]
    UnknownCode(u64),
    /// The payload is not valid for this code.
    #[error("malformed payload")]
    Payload(#[from] rlp_codec::Error),
}
