//! The fields of an envelope, decoded.

use std::ops::Range;

use rlp_codec::Item;

use crate::Topic;

/// The fields of an envelope except its nonce, of both dialects.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    /// Always 0 in shh/6, which has no such field.
    pub(crate) version: u32,
    pub(crate) expiry: u32,
    pub(crate) ttl: u32,
    pub(crate) topic: Topic,
    /// Always `None` in shh/6, where the nonce is part of the data.
    pub(crate) aes_nonce: Option<[u8; 12]>,
    /// Position of the data in the body.
    pub(crate) data: Range<usize>,
    /// Sum of the lengths of the fields of variable length, including the data.
    pub(crate) variable: usize,
}

impl Fields {
    /// Position of the content of a string in the input of its list.
    pub(crate) const fn span(item: &Item<'_>) -> Range<usize> {
        let end = item.offset() + item.raw().len();
        end - item.payload().len()..end
    }
}
