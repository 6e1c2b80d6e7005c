//! Limits for items that are stored or checked as a whole.

/// Maximum depth of nested lists in [`Item::validate`](crate::Item::validate). Messages of devp2p and Whisper have a
/// depth of at most 4.
pub const MAX_DEPTH: usize = 32;

/// Limits for [`Item::parse_within`](crate::Item::parse_within).
///
/// Code that only reads an input needs no limits, because the input is bounded. Limits are for bytes that are stored,
/// passed on, or converted into values that are larger than their encoding: a list of `n` bytes can have
/// `n` elements.
///
/// ```
/// use rlp_codec::{ErrorKind, Item, Limits};
///
/// let few = Limits { items: 3, ..Limits::default() };
/// // [1, 2, 3] is a list and three elements.
/// let refused = Item::parse_within(&[0xc3, 1, 2, 3], few);
/// assert_eq!(refused, Err(ErrorKind::TooManyItems.at(3)));
/// assert!(Item::parse_within(&[0xc2, 1, 2], few).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum length of the encoding in bytes. Unlimited by default.
    pub bytes: usize,
    /// Maximum number of items, lists and byte strings, including the outermost. Unlimited by default.
    pub items: usize,
    /// Maximum depth of nested lists, including the outermost. [`MAX_DEPTH`] is the default and the
    /// maximum.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: usize::MAX, items: usize::MAX, depth: MAX_DEPTH }
    }
}
