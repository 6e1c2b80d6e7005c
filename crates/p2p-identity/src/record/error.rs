//! Why something is no record.

use rlp_codec::Error as RlpError;
use thiserror::Error;

/// Why bytes or a text are not a node record, or a content cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Longer than [`MAX_RECORD`](crate::MAX_RECORD).
    #[error("a record of {len} bytes, more than 300")]
    TooLong {
        /// How many bytes there were, or would be.
        len: usize,
    },
    /// Not the RLP of a record; at which byte.
    #[error("not the RLP of a record")]
    Rlp(#[from] RlpError),
    /// The names are not in ascending order, or one is there twice; the name at this byte.
    #[error("the name at byte {offset} is not behind the one before it")]
    Order {
        /// Where the name begins.
        offset: usize,
    },
    /// The identity scheme is missing or not `v4`.
    #[error("not of the identity scheme v4")]
    Scheme,
    /// There is no public key.
    #[error("no public key (secp256k1)")]
    NoKey,
    /// The public key is not a point on the curve in the compressed form.
    #[error("the public key is not a point on the curve")]
    NotOnCurve,
    /// The signature is not one of this content by this key.
    #[error("wrong signature")]
    Signature,
    /// The text begins with neither `enr:` nor `0x`.
    #[error("a record begins with enr: (or 0x, in hexadecimal)")]
    Prefix,
    /// The text after `enr:` is not base64 of the URL alphabet.
    #[error("after enr: comes something else than base64 of the URL alphabet (A-Z a-z 0-9 - _)")]
    Base64,
    /// The text after `0x` is not hexadecimal, or has an odd number of digits.
    #[error("after 0x comes something else than pairs of hexadecimal digits")]
    Hex,
    /// The record to be updated was signed by another key.
    #[error("the record is of another key")]
    ForeignKey,
    /// The sequence number of the record to be updated is the last there is.
    #[error("there is no higher sequence number")]
    LastSequence,
}
