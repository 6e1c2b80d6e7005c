//! What can be wrong with an input, and where.

use thiserror::Error as ThisError;

/// An input that is not the RLP that was asked for: what is wrong and at which byte.
///
/// Always the fault of whoever wrote the bytes. Cheap to copy and to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[error("{kind} at byte {offset}")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// The byte of the input given to the outermost call at which the faulty item begins (or at
    /// which something was missing or left over).
    pub offset: usize,
}

/// The ways in which an input can be wrong.
// The tag as wide as a register, which makes it no larger. Beside a narrower one there are bytes that mean nothing,
// and every result that is passed on takes them along in pieces, at the cost of a tenth of a Hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
#[repr(u64)]
pub enum ErrorKind {
    /// The input, or the list around it, ends before the item does.
    #[error("item longer than the bytes there are")]
    Truncated,
    /// The length of a string or list is not in its shortest form.
    #[error("length not in its shortest form")]
    NonCanonicalSize,
    /// A single byte below `0x80` has a string header, which it must not have.
    #[error("single byte with a needless header")]
    NonCanonicalByte,
    /// An integer has a leading zero byte (zero itself is the empty string).
    #[error("integer with a leading zero")]
    LeadingZero,
    /// A byte string stands where a list was expected.
    #[error("byte string instead of a list")]
    ExpectedList,
    /// A list stands where a byte string was expected.
    #[error("list instead of a byte string")]
    ExpectedBytes,
    /// An integer, or a length, does not fit the type that is to hold it.
    #[error("integer too large for its type")]
    Overflow,
    /// A byte string of fixed length has another.
    #[error("{actual} bytes instead of {expected}")]
    WrongLength {
        /// The bytes that the type has.
        expected: usize,
        /// The bytes that were there.
        actual: usize,
    },
    /// A list ends before an element that must be there.
    #[error("list without an element that it must have")]
    MissingItem,
    /// A strict list has more elements than its type.
    #[error("list with an element too many")]
    ExtraItem,
    /// Bytes are left over after the item that should be the whole input.
    #[error("bytes left over")]
    TrailingBytes,
    /// A byte string that is text is not UTF-8.
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// A boolean is neither `0x80` (false) nor `0x01` (true).
    #[error("neither true nor false")]
    NotBool,
    /// Lists are nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH), or than the limit given. Only
    /// what goes through all of an item looks that deep: [`Item::validate`](crate::Item::validate).
    #[error("lists nested too deep")]
    TooDeep,
    /// More items than the limit given to [`Item::parse_within`](crate::Item::parse_within).
    #[error("more items than are allowed")]
    TooManyItems,
    /// More bytes than the limit given to [`Item::parse_within`](crate::Item::parse_within).
    #[error("more bytes than are allowed")]
    TooLong,
    /// The value is sound RLP, but the type's own [`Decodable`](crate::Decodable) refused it.
    #[error("{0}")]
    Refused(&'static str),
}

impl ErrorKind {
    /// This kind of fault at the byte `offset`.
    #[inline]
    #[must_use]
    pub const fn at(self, offset: usize) -> Error {
        Error { kind: self, offset }
    }
}

impl Error {
    /// The same fault in an input that begins `base` bytes into a larger one.
    #[inline]
    #[must_use]
    pub const fn shifted(self, base: usize) -> Self {
        Self { kind: self.kind, offset: self.offset.saturating_add(base) }
    }
}

/// alloy's errors in the words of this crate.
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

/// For types that implement [`Decodable`](crate::Decodable) by way of [`Item`](crate::Item): the
/// offset is lost, because alloy has no place for it.
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
