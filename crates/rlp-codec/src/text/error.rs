//! What can be wrong with a text.

use thiserror::Error as ThisError;

/// A text that is not an item: what is wrong and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[error("{kind} at byte {offset}")]
pub struct TextError {
    /// What is wrong.
    pub kind: TextErrorKind,
    /// The byte of the text at which it is.
    pub offset: usize,
}

/// The ways in which a text can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum TextErrorKind {
    /// Where an item should begin stands something else, or nothing.
    #[error(
        "no item: a list in brackets, a string in quotes, bytes after 0x or a number is wanted"
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
    /// A control character, a line end for one, in a string.
    #[error("a control character in a string: write it in hexadecimal, all of the string")]
    Control,
    /// A backslash before something else than a quote or a backslash.
    #[error("only a quote or a backslash can follow a backslash")]
    Escape,
    /// An odd number of hexadecimal digits.
    #[error("half a byte: an odd number of hexadecimal digits")]
    HalfByte,
    /// A number with a leading zero, which it does not have in RLP.
    #[error("a number with a leading zero")]
    LeadingZero,
    /// A number that does not fit 128 bits.
    #[error("a number too large: write its bytes in hexadecimal")]
    Overflow,
    /// Lists are nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    #[error("lists nested too deep")]
    TooDeep,
    /// Something follows the item.
    #[error("something after the item")]
    Trailing,
}

impl TextErrorKind {
    /// This kind of fault at the byte `offset`.
    pub(super) const fn at(self, offset: usize) -> TextError {
        TextError { kind: self, offset }
    }
}
