//! Errors of decoding, with their position.

use thiserror::Error as ThisError;

/// The error for an input that is not the expected RLP: its kind and its position.
///
/// The author of the input is at fault. Cheap to copy and to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[error("{kind} at byte {offset}")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// The byte at which the faulty item begins, or at which something is missing or left over. It counts from
    /// the start of the input of the outermost call.
    pub offset: usize,
}

/// The kinds of errors.
// The tag is as wide as a register. This does not make the type larger, and avoids padding bytes after the tag, which are
// copied in pieces with every result: decoding a Hello was a tenth slower with a narrow tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
#[repr(u64)]
pub enum ErrorKind {
    /// The input, or the list around it, ends before the item does.
    #[error("item longer than the available bytes")]
    Truncated,
    /// The length of a string or list is not in its shortest form.
    #[error("length not in its shortest form")]
    NonCanonicalSize,
    /// A single byte below `0x80` has a string header.
    #[error("single byte with an unnecessary header")]
    NonCanonicalByte,
    /// An integer has a leading zero byte (zero itself is the empty string).
    #[error("integer with a leading zero")]
    LeadingZero,
    /// A byte string where a list was expected.
    #[error("byte string instead of a list")]
    ExpectedList,
    /// A list where a byte string was expected.
    #[error("list instead of a byte string")]
    ExpectedBytes,
    /// An integer or a length does not fit into its type.
    #[error("integer too large for its type")]
    Overflow,
    /// A byte string does not have the fixed length of its type.
    #[error("{actual} bytes instead of {expected}")]
    WrongLength {
        /// The length of the type.
        expected: usize,
        /// The length of the byte string.
        actual: usize,
    },
    /// A list ends before a mandatory element.
    #[error("list without a mandatory element")]
    MissingItem,
    /// A strict list has more elements than its type.
    #[error("list with an extra element")]
    ExtraItem,
    /// Bytes follow the item that should be the whole input.
    #[error("bytes left over")]
    TrailingBytes,
    /// A text is not UTF-8.
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// A boolean is neither `0x80` (false) nor `0x01` (true).
    #[error("neither true nor false")]
    NotBool,
    /// Lists are nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH) or the given limit. Only checks of a whole item
    /// return it, such as [`Item::validate`](crate::Item::validate).
    #[error("lists nested too deep")]
    TooDeep,
    /// More items than the limit given to [`Item::parse_within`](crate::Item::parse_within).
    #[error("more items than are allowed")]
    TooManyItems,
    /// More bytes than the limit given to [`Item::parse_within`](crate::Item::parse_within).
    #[error("more bytes than are allowed")]
    TooLong,
    /// The item is valid RLP, but the [`Decodable`](crate::Decodable) of the type refused it.
    #[error("{0}")]
    Refused(&'static str),
}

impl ErrorKind {
    /// An error of this kind at the byte `offset`.
    #[inline]
    #[must_use]
    pub const fn at(self, offset: usize) -> Error {
        Error { kind: self, offset }
    }
}

impl Error {
    /// The same error, for an input that begins at byte `base` of a larger one.
    #[inline]
    #[must_use]
    pub const fn shifted(self, base: usize) -> Self {
        Self { kind: self.kind, offset: self.offset.saturating_add(base) }
    }
}

/// Converts alloy's errors.
impl From<alloy_rlp::Error> for ErrorKind {
    fn from(error: alloy_rlp::Error) -> Self {
        use alloy_rlp::Error as E;
        match error {
            E::Overflow => Self::Overflow,
            E::LeadingZero => Self::LeadingZero,
            E::InputTooShort => Self::Truncated,
            E::NonCanonicalSingleByte => Self::NonCanonicalByte,
            E::NonCanonicalSize => Self::NonCanonicalSize,
            E::UnexpectedLength => Self::Refused("wrong length"),
            E::UnexpectedString => Self::ExpectedList,
            E::UnexpectedList => Self::ExpectedBytes,
            E::ListLengthMismatch { expected, got } => Self::WrongLength { expected, actual: got },
            E::Custom(reason) => Self::Refused(reason),
        }
    }
}

/// For types that implement [`Decodable`](crate::Decodable) with [`Item`](crate::Item). The offset is lost, because
/// alloy's error has none.
impl From<Error> for alloy_rlp::Error {
    fn from(error: Error) -> Self {
        match error.kind {
            ErrorKind::Truncated => Self::InputTooShort,
            ErrorKind::NonCanonicalSize => Self::NonCanonicalSize,
            ErrorKind::NonCanonicalByte => Self::NonCanonicalSingleByte,
            ErrorKind::LeadingZero => Self::LeadingZero,
            ErrorKind::ExpectedList => Self::UnexpectedString,
            ErrorKind::ExpectedBytes => Self::UnexpectedList,
            ErrorKind::Overflow => Self::Overflow,
            ErrorKind::WrongLength { .. } => Self::UnexpectedLength,
            ErrorKind::MissingItem => Self::Custom("missing list element"),
            ErrorKind::ExtraItem => Self::Custom("extra list element"),
            ErrorKind::TrailingBytes => Self::Custom("trailing bytes"),
            ErrorKind::NotUtf8 => Self::Custom("not UTF-8"),
            ErrorKind::NotBool => Self::Custom("neither true nor false"),
            ErrorKind::TooDeep => Self::Custom("lists nested too deep"),
            ErrorKind::TooManyItems => Self::Custom("too many items"),
            ErrorKind::TooLong => Self::Custom("too many bytes"),
            ErrorKind::Refused(reason) => Self::Custom(reason),
        }
    }
}
