//! The errors of `sec/1`.

use thiserror::Error;

/// Why the peer's part of a key agreement was refused. The peer is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecError {
    /// Its element has another size than the specification says.
    #[error("an element of {size} bytes for sec/1, {expected} were expected")]
    Size {
        /// The size in bytes.
        size: usize,
        /// The right size in bytes.
        expected: usize,
    },
    /// It names an algorithm that does not exist, or that cannot be the agreed one.
    #[error("unknown or unexpected suite {0} of sec/1")]
    Suite(u8),
    /// Its X25519 share is a point of low order, or its ML-KEM key or ciphertext is invalid.
    #[error("invalid key share of sec/1")]
    Share,
    /// The peer has no `sec/1`, and [`SecPolicy::Require`](crate::SecPolicy::Require) applies.
    #[error("the peer has no sec/1, which is required")]
    Required,
    /// This program was built without `sec/1`, and [`SecPolicy::Require`](crate::SecPolicy::Require) applies.
    #[error("this program was built without sec/1, which is required")]
    Unavailable,
}

/// What is wrong with the pieces in a record. The record is authentic, so the peer is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PieceError {
    /// The directory of the record is cut off, or its sizes do not add up.
    #[error("malformed directory of a record")]
    Directory,
    /// The record has no piece.
    #[error("a record without pieces")]
    NoPieces,
    /// A piece that must have data has none, or one that must not has some.
    #[error("a piece of {size} bytes in the wrong place")]
    Data {
        /// The size in bytes.
        size: usize,
    },
    /// A message begins, in pieces, with all of its bytes or more.
    #[error("more bytes than announced, message code {code}")]
    Overrun {
        /// The message code.
        code: u64,
    },
    /// A message begins before another one is complete. Only where whole messages are read
    /// ([`Opener::open`](crate::Opener::open)).
    #[error("message code {code} begins inside another message")]
    Unfinished {
        /// The code of the second message.
        code: u64,
    },
    /// A piece of a message that has not begun.
    #[error("a piece of a message that has not begun, message code {code}")]
    NotBegun {
        /// The message code.
        code: u64,
    },
}
