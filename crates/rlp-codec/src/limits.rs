//! How much an item may be, for bytes that are kept or read whole.

/// How deep [`Item::validate`](crate::Item::validate) lets lists nest. No devp2p or Whisper message
/// nests deeper than 4.
pub const MAX_DEPTH: usize = 32;

/// How much an item may be: for [`Item::parse_within`](crate::Item::parse_within).
///
/// A reader that goes through an input needs none of it: what it reads is bounded by the bytes there
/// are. Limits are for bytes that are kept, passed on, or turned into values that are larger than
/// their encoding: a list of `n` bytes can have `n` elements.
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
    /// Most bytes of the whole encoding. By default as many as there are.
    pub bytes: usize,
    /// Most items, lists and byte strings, the outermost included. By default any number.
    pub items: usize,
    /// Most lists around one another, the outermost included. Never more than [`MAX_DEPTH`], which
    /// is the default.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: usize::MAX, items: usize::MAX, depth: MAX_DEPTH }
    }
}
