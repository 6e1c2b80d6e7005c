//! The errors of the handshake and of frames.

use p2p_identity::ecies::EciesError;
use p2p_identity::{KeyError, SignatureError};
use thiserror::Error;

use crate::{ForeignProtocol, Message, PieceError, SecError};

/// Why a handshake packet was refused.
///
/// The peer is at fault, or an attacker who changed the packet. End the connection without sending
/// anything: an answer could tell an attacker which of its guesses was right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The first bytes of the peer are those of another protocol: there is another service at its port, or the
    /// peer expects one at ours.
    #[error("the peer speaks {0}, not RLPx")]
    Foreign(ForeignProtocol),
    /// The size prefix of an EIP-8 packet exceeds [`MAX_HANDSHAKE_SIZE`](crate::MAX_HANDSHAKE_SIZE).
    #[error("not RLPx: a handshake packet of {size} bytes, {limit} are allowed")]
    Oversized {
        /// The announced size in bytes.
        size: usize,
        /// Maximum size in bytes.
        limit: usize,
    },
    /// The size prefix of an EIP-8 packet is too small for a handshake message.
    #[error("not RLPx: a handshake packet of {size} bytes, which is too small")]
    Undersized {
        /// The announced size in bytes.
        size: usize,
    },
    /// The packet cannot be decrypted with our key: it is for another key (the peer expected another
    /// node here), it was changed, or the peer does not speak RLPx.
    #[error("the handshake packet is not for this node's key, or is not RLPx")]
    Sealed(#[from] EciesError),
    /// The packet was decrypted, but is not the expected message.
    #[error("malformed handshake message")]
    Message(#[from] rlp_codec::Error),
    /// A key in the message is not a point on the curve.
    #[error("invalid key in a handshake message")]
    Key(#[from] KeyError),
    /// No ephemeral key can be recovered from the signature in an auth message.
    #[error("invalid signature in a handshake message")]
    Signature(#[from] SignatureError),
    /// The hash of the ephemeral key in a plain auth message is not that of the key that signed it.
    #[error("the signature in a plain auth message is by another ephemeral key")]
    EphemeralKey,
    /// The key agreement of `sec/1` failed, or is required and was not offered.
    #[error("no agreement about sec/1")]
    Sec(#[from] SecError),
}

/// Why a message could not be sealed, or why a frame was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The caller's fault: the message does not fit into a frame. Nothing was sealed, and the
    /// [`Sealer`](crate::Sealer) can be used further.
    #[error("message of {size} bytes to be sent, {limit} fit a frame")]
    TooLarge {
        /// The size of the payload, or of the frame after Snappy, in bytes.
        size: usize,
        /// Maximum size in bytes.
        limit: usize,
    },
    /// The header's MAC is wrong: the frame was changed, bytes were lost, or the peer has other secrets
    /// (it does not have the key that it claimed in the handshake).
    #[error("wrong MAC of a frame header")]
    HeaderMac,
    /// The body's MAC is wrong.
    #[error("wrong MAC of a frame body")]
    BodyMac,
    /// The peer announced a frame without content, not even a message code.
    #[error("empty frame")]
    Empty,
    /// The peer announced a frame or sent a payload over the limit.
    #[error("frame of {size} bytes, {limit} are allowed")]
    Oversized {
        /// The announced size of the frame, or the size of its payload, in bytes.
        size: usize,
        /// Maximum size in bytes.
        limit: usize,
    },
    /// The body does not begin with an RLP integer of at most 64 bits.
    #[error("invalid message code")]
    Code(#[source] rlp_codec::Error),
    /// The payload should be compressed, but cannot be decompressed.
    #[error("cannot decompress the payload of message {}", message.code)]
    Snappy {
        /// What is wrong with the payload.
        #[source]
        cause: SnappyError,
        /// The message with the payload as received. A peer that disconnects before it received our
        /// Hello does not compress yet: the payload of a Disconnect may be plain.
        message: Message,
    },
    /// A record of `sec/1` cannot be opened: it was changed, lost, repeated or moved, or the peer has other secrets.
    /// Which of these is not known.
    #[error("broken record")]
    Record,
    /// A record of `sec/1` is authentic, but its content is malformed.
    #[error("malformed record")]
    Pieces(#[from] PieceError),
    /// This [`Opener`](crate::Opener) refused an earlier frame, and opens no more.
    #[error("an earlier frame was refused")]
    Failed,
}

/// Why a payload cannot be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnappyError {
    /// The declared size exceeds the limit. Nothing was decompressed.
    #[error("{declared} bytes declared, {limit} are allowed")]
    Oversized {
        /// The declared size in bytes.
        declared: usize,
        /// Maximum size in bytes.
        limit: usize,
    },
    /// It is not Snappy's block format, or the declared size is wrong.
    #[error("corrupt")]
    Corrupt,
}
