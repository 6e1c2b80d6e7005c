//! A message of a sub-protocol.

mod typed_message;

use core::fmt;

use bytes::Bytes;
use rlp_codec::Decodable;
use thiserror::Error;

use crate::MAX_MESSAGE;
pub use typed_message::{DecodeError, TypedMessage};

/// A message of a sub-protocol: a code and a payload, which is RLP by convention.
///
/// `Debug` prints the size of the payload, not its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The code within the sub-protocol, from 0.
    pub code: u64,
    /// The payload.
    pub payload: Bytes,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The slot or the whole connection has ended.
    #[error("the channel is closed")]
    Closed,
    /// The outbound queue is full. Only from methods that do not wait.
    #[error("the outbound queue is full")]
    Full,
    /// The sub-protocol does not have this code: an error of the caller.
    #[error("code {code} of a sub-protocol with {length} codes")]
    NoSuchCode {
        /// The code.
        code: u64,
        /// Number of codes of the sub-protocol.
        length: u64,
    },
    /// The payload is longer than [`MAX_MESSAGE`]: an error of the caller.
    #[error("payload of {length} bytes, the maximum is {MAX_MESSAGE}")]
    TooLarge {
        /// Length of the payload in bytes.
        length: usize,
    },
}

impl Message {
    /// Decodes the whole payload as RLP.
    ///
    /// # Errors
    ///
    /// The payload is not the canonical encoding of a `T`.
    pub fn decode<T: Decodable>(&self) -> Result<T, rlp_codec::Error> {
        rlp_codec::decode(&self.payload)
    }

    /// Whether a sub-protocol of `length` codes can send this message.
    pub(crate) const fn check(&self, length: u64) -> Result<(), SendError> {
        if self.code >= length {
            return Err(SendError::NoSuchCode { code: self.code, length });
        }
        if self.payload.len() > MAX_MESSAGE {
            return Err(SendError::TooLarge { length: self.payload.len() });
        }
        Ok(())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("code", &self.code)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}
