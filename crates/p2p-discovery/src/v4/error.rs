//! Why a datagram is no packet.

use p2p_identity::SignatureError;
use thiserror::Error;

use super::MAX_DATAGRAM;

/// Why bytes are not a packet, or a packet does not fit a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PacketError {
    /// Too few bytes for a hash, a signature, a kind and a list.
    #[error("{len} bytes, too few for any packet")]
    TooShort {
        /// How many there are.
        len: usize,
    },
    /// More bytes than a datagram may have.
    #[error("{len} bytes, more than {MAX_DATAGRAM}")]
    TooLong {
        /// How many there are, or would be.
        len: usize,
    },
    /// The kind is none of discv4. The topic discovery of go-ethereum 1.8 has some that are.
    #[error("packet of the unknown kind {0}")]
    Kind(u8),
    /// The hash in front is not that of the rest: the datagram is damaged, or of another protocol.
    #[error("wrong hash")]
    Hash,
    /// The body is not the list that the kind has.
    #[error("packet body: {0}")]
    Body(#[from] rlp_codec::Error),
    /// The signature is of nobody.
    #[error("packet signature: {0}")]
    Signature(#[from] SignatureError),
}
