//! Fixed-length byte strings written in hexadecimal.

use thiserror::Error;

/// Why a text is not the hexadecimal form of a byte string of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HexError {
    /// Too few or too many digits.
    #[error("{actual} hexadecimal digits instead of {expected}")]
    Length {
        /// Number of digits that are needed.
        expected: usize,
        /// Number of characters in the text, without a leading `0x`.
        actual: usize,
    },
    /// A character that is not a hexadecimal digit.
    #[error("no hexadecimal digit at position {at}")]
    Digit {
        /// Its position, in bytes, in the whole text.
        at: usize,
    },
}

/// Reads `bytes` from `text`: digits of either case, with or without a leading `0x`.
pub(crate) fn decode(text: &str, bytes: &mut [u8]) -> Result<(), HexError> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let prefix = text.len() - digits.len();
    // The digits are checked first: for a mistyped text the first wrong character is more helpful than the
    // length, which may count characters of several bytes.
    if let Some(at) = digits.bytes().position(|digit| !digit.is_ascii_hexdigit()) {
        return Err(HexError::Digit { at: prefix + at });
    }
    hex::decode_to_slice(digits, bytes)
        .map_err(|_| HexError::Length { expected: 2 * bytes.len(), actual: digits.len() })
}
