//! Encoding, in addition to alloy's traits.

use alloc::vec::Vec;

use alloy_rlp::Header;

use crate::{BufMut, Encodable};

/// The encoding of `value`.
///
/// Note: `Vec<u8>` is a list of integers for alloy. A byte string is `[u8]`, `[u8; N]`, `str` or `bytes::Bytes`.
///
/// ```
/// assert_eq!(rlp_codec::encode("dog"), [0x83, b'd', b'o', b'g']);
/// assert_eq!(rlp_codec::encode(&1024u64), [0x82, 0x04, 0x00]);
/// ```
#[inline]
#[must_use]
pub fn encode(value: &(impl Encodable + ?Sized)) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.length());
    value.encode(&mut out);
    out
}

/// Appends a list of `items` of any types to `out`, without an intermediate buffer.
///
/// For optional last elements, pass a shorter slice. Use it with [`list_length`] to implement
/// [`Encodable`].
///
/// ```
/// let (id, extra) = (7u8, None::<u64>);
/// let mut out = Vec::new();
/// match &extra {
///     Some(extra) => rlp_codec::encode_list(&mut out, &[&id, &"name", extra]),
///     None => rlp_codec::encode_list(&mut out, &[&id, &"name"]),
/// }
/// assert_eq!(out, [0xc6, 7, 0x84, b'n', b'a', b'm', b'e']);
/// ```
#[inline]
pub fn encode_list(out: &mut dyn BufMut, items: &[&dyn Encodable]) {
    Header { list: true, payload_length: payload_length(items) }.encode(out);
    for item in items {
        item.encode(out);
    }
}

/// Number of bytes that [`encode_list`] appends for these `items`.
#[inline]
#[must_use]
pub fn list_length(items: &[&dyn Encodable]) -> usize {
    Header { list: true, payload_length: payload_length(items) }.length_with_payload()
}

#[inline]
fn payload_length(items: &[&dyn Encodable]) -> usize {
    items.iter().map(|item| item.length()).sum()
}

/// Encoded RLP, written as it is.
///
/// The bytes are not checked: the output is canonical only if they are.
///
/// ```
/// use rlp_codec::{Raw, encode, encode_list};
///
/// let kept = encode(&vec!["cat", "dog"]);
/// let mut out = Vec::new();
/// encode_list(&mut out, &[&Raw(&kept), &1u8]);
/// assert_eq!(out, [&[0xca][..], &kept, &[1]].concat());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a>(pub &'a [u8]);

impl Encodable for Raw<'_> {
    #[inline]
    fn encode(&self, out: &mut dyn BufMut) {
        out.put_slice(self.0);
    }

    #[inline]
    fn length(&self) -> usize {
        self.0.len()
    }
}

/// An unsigned integer of any size, given as big-endian bytes. Leading zeros are not written. Read one with
/// [`Item::padded`](crate::Item::padded) or [`Item::digits`](crate::Item::digits).
///
/// ```
/// use rlp_codec::{BigEndian, Item, encode};
///
/// let mut work = [0; 32];
/// work[30] = 4;
/// let out = encode(&BigEndian(&work));
/// assert_eq!(out, [0x82, 0x04, 0x00]);
/// assert_eq!(Item::parse(&out)?.padded(), Ok(work));
/// # Ok::<_, rlp_codec::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BigEndian<'a>(pub &'a [u8]);

impl BigEndian<'_> {
    #[inline]
    fn digits(&self) -> &[u8] {
        let zeros = self.0.iter().take_while(|&&byte| byte == 0).count();
        &self.0[zeros..]
    }
}

impl Encodable for BigEndian<'_> {
    #[inline]
    fn encode(&self, out: &mut dyn BufMut) {
        self.digits().encode(out);
    }

    #[inline]
    fn length(&self) -> usize {
        self.digits().length()
    }
}
