//! What can go wrong, a variant for each cause.

use p2p_identity::ecies::EciesError;
use p2p_identity::{KeyError, SignatureError};
use thiserror::Error;

use crate::Message;

/// A handshake packet that was refused.
///
/// The peer is to blame for each of them, or whoever stands between. The peer is told nothing: end
/// the connection without a word, so that it cannot learn from us which of its guesses was right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The size in front of an EIP-8 packet is beyond [`MAX_HANDSHAKE_SIZE`](crate::MAX_HANDSHAKE_SIZE).
    #[error("handshake packet of {size} bytes, {limit} are allowed")]
    Oversized {
        /// The announced size in bytes.
        size: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The size in front of an EIP-8 packet is too small for any.
    #[error("handshake packet of {size} bytes, too few for any")]
    Undersized {
        /// The announced size in bytes.
        size: usize,
    },
    /// The packet cannot be opened with our key: it was sealed for another (the peer expected
    /// another node here), it was changed on the way, or the peer does not speak RLPx.
    #[error("cannot open the handshake packet")]
    Sealed(#[from] EciesError),
    /// The packet could be opened, but is not the message that it should be.
    #[error("malformed handshake message")]
    Message(#[from] rlp_codec::Error),
    /// A key in the message is not a point on the curve.
    #[error("invalid key in a handshake message")]
    Key(#[from] KeyError),
    /// No ephemeral key can be recovered from the signature in an auth message.
    #[error("invalid signature in a handshake message")]
    Signature(#[from] SignatureError),
    /// The ephemeral key in a plain auth message is not the one that signed it.
    #[error("the signature in a plain auth message is by another ephemeral key")]
    EphemeralKey,
}

/// A message that could not be sealed, or a frame that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Ours: the message does not fit a frame. Nothing was sealed; the [`Sealer`](crate::Sealer)
    /// can go on.
    #[error("message of {size} bytes to be sent, {limit} fit a frame")]
    TooLarge {
        /// The size of the payload, or of the frame after Snappy, in bytes.
        size: usize,
        /// The most that fits.
        limit: usize,
    },
    /// The header's MAC is wrong: the frame was changed on the way, bytes were lost, or the peer
    /// has other secrets than we (its key is not what it said in the handshake).
    #[error("wrong MAC of a frame header")]
    HeaderMac,
    /// The body's MAC is wrong.
    #[error("wrong MAC of a frame body")]
    BodyMac,
    /// The peer announces a frame with nothing in it, not even a message code.
    #[error("empty frame")]
    Empty,
    /// The peer announces a frame, or sent a payload, beyond the limit.
    #[error("frame of {size} bytes, {limit} are allowed")]
    Oversized {
        /// The announced size of the frame, or the size of its payload, in bytes.
        size: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The body does not begin with an RLP integer of at most 64 bits.
    #[error("invalid message code")]
    Code(#[source] rlp_codec::Error),
    /// The payload should be compressed, but cannot be inflated.
    #[error("cannot decompress the payload of message {}", message.code)]
    Snappy {
        /// What is wrong with the payload.
        #[source]
        cause: SnappyError,
        /// The message with its payload as it came. A peer that says goodbye before it has seen
        /// our Hello does not compress yet: where the code is that of Disconnect, the payload may
        /// be plain.
        message: Message,
    },
    /// This [`Opener`](crate::Opener) has refused a frame before, and opens nothing any more.
    #[error("an earlier frame was refused")]
    Failed,
}

/// A payload that cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnappyError {
    /// It declares more than the limit. Nothing was inflated.
    #[error("{declared} bytes declared, {limit} are allowed")]
    Oversized {
        /// The declared size in bytes.
        declared: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// It is not Snappy's block format, or declares another size than it has.
    #[error("corrupt")]
    Corrupt,
}
