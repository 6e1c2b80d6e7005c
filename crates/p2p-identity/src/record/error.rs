//! Errors of node records.

use rlp_codec::Error as RlpError;
use thiserror::Error;

/// Why bytes or a text are not a node record, or why content cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Longer than [`MAX_RECORD`](crate::MAX_RECORD).
    #[error("node record of {len} bytes, at most 300 are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not the RLP of a record.
    #[error("not the RLP of a node record")]
    Rlp(#[from] RlpError),
    /// The names are not in ascending order, or one occurs twice.
    #[error("the name at byte {offset} is not greater than the one before it")]
    Order {
        /// Byte at which the name begins.
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
    /// The signature does not match the content and the key.
    #[error("wrong signature")]
    Signature,
    /// The text begins with neither `enr:` nor `0x`.
    #[error("a record begins with enr: (or 0x, in hexadecimal)")]
    Prefix,
    /// The text after `enr:` is not base64 of the URL alphabet.
    #[error("the text after enr: is not base64 with the URL alphabet (A-Z a-z 0-9 - _)")]
    Base64,
    /// The text after `0x` is not hexadecimal, or has an odd number of digits.
    #[error("the text after 0x is not pairs of hexadecimal digits")]
    Hex,
    /// The record to be updated was signed by another key.
    #[error("the record is of another key")]
    ForeignKey,
    /// The record to be updated has the highest possible sequence number.
    #[error("there is no higher sequence number")]
    LastSequence,
}
