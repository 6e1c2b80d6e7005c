//! Errors of texts.

use thiserror::Error as ThisError;

/// The error for a text that is not an item: its kind and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[error("{kind} at byte {offset}")]
pub struct TextError {
    /// What is wrong.
    pub kind: TextErrorKind,
    /// Its position in the text, in bytes.
    pub offset: usize,
}

/// The kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum TextErrorKind {
    /// There is no item where one should begin.
    #[error(
        "no item: expected a list in brackets, a string in quotes, bytes after 0x, or a number"
    )]
    NoItem,
    /// An element is followed neither by a comma nor by the end of its list.
    #[error("neither a comma nor the end of the list")]
    NoComma,
    /// The text ends within a list.
    #[error("a list without its end")]
    OpenList,
    /// The text ends within a string.
    #[error("a string without its closing quote")]
    OpenString,
    /// A control character, such as a newline, in a string.
    #[error("a control character in a string: write the whole string in hexadecimal")]
    Control,
    /// A backslash that is not before a quote or a backslash.
    #[error("only a quote or a backslash can follow a backslash")]
    Escape,
    /// An odd number of hexadecimal digits.
    #[error("an odd number of hexadecimal digits")]
    HalfByte,
    /// A number with a leading zero, which RLP integers do not have.
    #[error("a number with a leading zero")]
    LeadingZero,
    /// A number that does not fit into 128 bits.
    #[error("a number too large: write its bytes in hexadecimal")]
    Overflow,
    /// Lists are nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    #[error("lists nested too deep")]
    TooDeep,
    /// More text follows the item.
    #[error("text after the item")]
    Trailing,
}

impl TextErrorKind {
    /// An error of this kind at the byte `offset`.
    pub(super) const fn at(self, offset: usize) -> TextError {
        TextError { kind: self, offset }
    }
}
