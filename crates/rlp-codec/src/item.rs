//! RLP items, borrowed from the input.

use crate::{BufMut, Encodable, Error, ErrorKind, List, Uint, header, uint};

/// One RLP item (a byte string or a list), borrowed from the input.
///
/// Its header was checked: the length is canonical and all bytes are present. The content of a list was not
/// checked. It is `Copy` and has four words.
///
/// An item [encodes](Encodable) to exactly the bytes from which it was parsed, so a part of a message can be
/// passed on without reading it.
///
/// ```
/// use rlp_codec::{ErrorKind, Item};
///
/// let item = Item::parse(&[0xc4, 0x83, b'd', b'o', b'g'])?;
/// assert!(item.is_list());
/// let dog = item.items()?.item()?;
/// assert_eq!(dog.bytes()?, b"dog");
/// assert_eq!((dog.offset(), dog.raw()), (1, &[0x83, b'd', b'o', b'g'][..]));
/// assert_eq!(dog.uint::<u16>().unwrap_err(), ErrorKind::Overflow.at(1));
/// # Ok::<_, rlp_codec::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    raw: &'a [u8],
    offset: usize,
    /// Length of the header, at most that of `raw`.
    header: u8,
    is_list: bool,
}

impl<'a> Item<'a> {
    /// Parses the whole of `input` as one item.
    ///
    /// # Errors
    ///
    /// There is no item, its length is not canonical, or bytes follow it.
    #[inline]
    pub fn parse(input: &'a [u8]) -> Result<Self, Error> {
        let (item, rest) = Self::parse_prefix(input)?;
        if rest.is_empty() { Ok(item) } else { Err(ErrorKind::TrailingBytes.at(item.raw.len())) }
    }

    /// Parses the item at the start of `input`. Also returns the bytes after it.
    ///
    /// # Errors
    ///
    /// There is no item, or its length is not canonical.
    #[inline]
    pub fn parse_prefix(input: &'a [u8]) -> Result<(Self, &'a [u8]), Error> {
        Self::parse_at(input, 0)
    }

    /// As [`parse_prefix`](Self::parse_prefix), for an `input` that begins at the byte `offset` of
    /// the whole.
    #[inline]
    pub(crate) fn parse_at(input: &'a [u8], offset: usize) -> Result<(Self, &'a [u8]), Error> {
        let header::Parts { is_list, header, rest, .. } =
            header::parse(input).map_err(|kind| kind.at(offset))?;
        let raw = &input[..input.len() - rest.len()];
        Ok((Self { raw, offset, header, is_list }, rest))
    }

    /// The encoded item: header and content.
    #[inline]
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The content: the bytes of a string, or the encoded elements of a list.
    #[inline]
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.raw.split_at(self.header as usize).1
    }

    /// Position of the item in the whole input.
    #[inline]
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Whether this is a list rather than a byte string.
    #[inline]
    #[must_use]
    pub const fn is_list(&self) -> bool {
        self.is_list
    }

    /// An error of this `kind` at the position of this item, for checks of the caller.
    #[inline]
    #[must_use]
    pub const fn error(&self, kind: ErrorKind) -> Error {
        kind.at(self.offset)
    }

    /// The byte string.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExpectedBytes`] for a list.
    #[inline]
    pub fn bytes(&self) -> Result<&'a [u8], Error> {
        if self.is_list { Err(self.error(ErrorKind::ExpectedBytes)) } else { Ok(self.payload()) }
    }

    /// A byte string of exactly `N` bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExpectedBytes`] for a list, [`ErrorKind::WrongLength`].
    #[inline]
    pub fn array<const N: usize>(&self) -> Result<[u8; N], Error> {
        let bytes = self.bytes()?;
        bytes
            .try_into()
            .map_err(|_| self.error(ErrorKind::WrongLength { expected: N, actual: bytes.len() }))
    }

    /// An unsigned integer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExpectedBytes`] for a list, [`ErrorKind::LeadingZero`] (zero is the empty
    /// string), [`ErrorKind::Overflow`].
    #[inline]
    pub fn uint<T: Uint>(&self) -> Result<T, Error> {
        uint::uint(self.bytes()?).map_err(|kind| self.error(kind))
    }

    /// An unsigned integer of any size, as big-endian bytes without a leading zero. Zero is empty.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExpectedBytes`] for a list, [`ErrorKind::LeadingZero`].
    #[inline]
    pub fn digits(&self) -> Result<&'a [u8], Error> {
        uint::digits(self.bytes()?).map_err(|kind| self.error(kind))
    }

    /// An unsigned integer below 2^(8N), big-endian and padded with zeros on the left.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExpectedBytes`] for a list, [`ErrorKind::LeadingZero`],
    /// [`ErrorKind::Overflow`].
    #[inline]
    pub fn padded<const N: usize>(&self) -> Result<[u8; N], Error> {
        let digits = self.digits()?;
        let mut padded = [0; N];
        let start = N.checked_sub(digits.len()).ok_or(self.error(ErrorKind::Overflow))?;
        padded[start..].copy_from_slice(digits);
        Ok(padded)
    }

    /// A boolean: the integer 0 or 1.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExpectedBytes`] for a list, [`ErrorKind::NotBool`].
    #[inline]
    pub fn bool(&self) -> Result<bool, Error> {
        match self.bytes()? {
            [] => Ok(false),
            [1] => Ok(true),
            _ => Err(self.error(ErrorKind::NotBool)),
        }
    }

    /// A UTF-8 string.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExpectedBytes`] for a list, [`ErrorKind::NotUtf8`].
    #[inline]
    pub fn str(&self) -> Result<&'a str, Error> {
        core::str::from_utf8(self.bytes()?).map_err(|_| self.error(ErrorKind::NotUtf8))
    }

    /// The elements of a list, to be read one by one. Call [`List::finish`] at the end if no more elements are
    /// allowed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExpectedList`] for a byte string.
    #[inline]
    pub fn items(&self) -> Result<List<'a>, Error> {
        if !self.is_list {
            return Err(self.error(ErrorKind::ExpectedList));
        }
        Ok(List::new(self.payload(), self.offset + usize::from(self.header)))
    }

    /// Reads a list with `read`, which must read all its elements.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExpectedList`] for a byte string; any error of `read`; [`ErrorKind::ExtraItem`] if `read`
    /// leaves elements.
    #[inline]
    pub fn list<T, E: From<Error>>(
        &self,
        read: impl FnOnce(&mut List<'a>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut items = self.items()?;
        let value = read(&mut items)?;
        items.finish()?;
        Ok(value)
    }

    /// Reads a list with `read`, which may leave elements that a later version of the protocol added (EIP-8).
    /// They are not checked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExpectedList`] for a byte string; any error of `read`.
    #[inline]
    pub fn open_list<T, E: From<Error>>(
        &self,
        read: impl FnOnce(&mut List<'a>) -> Result<T, E>,
    ) -> Result<T, E> {
        read(&mut self.items()?)
    }
}

impl Encodable for Item<'_> {
    fn encode(&self, out: &mut dyn BufMut) {
        out.put_slice(self.raw);
    }

    fn length(&self) -> usize {
        self.raw.len()
    }
}
