//! Errors of reading and making packets.

use p2p_identity::SignatureError;
use thiserror::Error;

use super::MAX_DATAGRAM;

/// Bytes are not a valid packet, or a packet does not fit a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DatagramError {
    /// Too few bytes for a hash, a signature, a kind and a list.
    #[error("{len} bytes are too few for a packet")]
    TooShort {
        /// The number of bytes.
        len: usize,
    },
    /// More bytes than a datagram may have.
    #[error("{len} bytes are more than the maximum of {MAX_DATAGRAM}")]
    TooLong {
        /// The number of bytes.
        len: usize,
    },
    /// The kind is not one of discv4. It may be one of the topic discovery of go-ethereum 1.8.
    #[error("unknown packet kind {0}")]
    Kind(u8),
    /// The hash does not match the rest: the datagram is damaged, or of another protocol.
    #[error("wrong hash")]
    Hash,
    /// The body does not have the form of its kind.
    #[error("invalid packet body")]
    Body(#[from] rlp_codec::Error),
    /// No public key can be recovered from the signature.
    #[error("invalid packet signature")]
    Signature(#[from] SignatureError),
}
