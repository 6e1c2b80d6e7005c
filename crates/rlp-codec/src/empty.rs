//! A value without content.

/// A value without content: the empty list. Such as a response that only says that a request was carried out. `()` does
/// not have the traits.
///
/// ```
/// use rlp_codec::{Empty, decode, encode};
///
/// assert_eq!(encode(&Empty), [0xc0]);
/// assert_eq!(decode(&[0xc0]), Ok(Empty));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Empty;

crate::rlp_list!(
    struct Empty {}
);
