//! The fields of an envelope, decoded.

use std::ops::Range;

use rlp_codec::Item;

use crate::Topic;

/// The fields of an envelope but for its nonce, in the union of both dialects.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    /// Always 0 in shh/6, which has no such field.
    pub(crate) version: u32,
    pub(crate) expiry: u32,
    pub(crate) ttl: u32,
    pub(crate) topic: Topic,
    /// Always `None` in shh/6, where it is part of the data.
    pub(crate) aes_nonce: Option<[u8; 12]>,
    /// Where the data are, from the start of the body.
    pub(crate) data: Range<usize>,
    /// What the fields of variable length have together, the data included.
    pub(crate) variable: usize,
}

impl Fields {
    /// Where the content of a string is in the input that its list was read from.
    pub(crate) const fn span(item: &Item<'_>) -> Range<usize> {
        let end = item.offset() + item.raw().len();
        end - item.payload().len()..end
    }
}
