//! A cursor over the elements of one RLP list.

use alloc::vec::Vec;

use crate::{
    Decodable, Error, ErrorKind, Item, Uint, decode,
    header::{self, Parts},
    uint,
};

/// The elements of a list that have not been read yet: a cursor, borrowed from the input.
///
/// Each method that reads takes the next element and moves on; the typed ones
/// ([`uint`](Self::uint), [`bytes`](Self::bytes) …) are shorthands for [`item`](Self::item) and the
/// method of [`Item`] of the same name, and fail as those do. After an error the position is
/// unspecified.
///
/// It is also an [`Iterator`] over items that are not decoded. It ends after the first error (a loop
/// that skips errors ends, too), but the list then still counts as not read to its end.
///
/// ```
/// use rlp_codec::{Item, encode_list};
///
/// let mut out = Vec::new();
/// encode_list(&mut out, &[&7u8, &"seven"]);
/// let mut list = Item::parse(&out)?.items()?;
/// assert_eq!(list.uint::<u64>()?, 7);
/// assert_eq!(list.str()?, "seven");
/// assert_eq!(list.optional()?, None);
/// list.finish()?;
/// # Ok::<_, rlp_codec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct List<'a> {
    rest: &'a [u8],
    offset: usize,
    /// Whether iteration has met an error: where the next element would begin is unknown.
    failed: bool,
}

impl<'a> List<'a> {
    /// The elements encoded in `rest`, which begins at the byte `offset` of the whole input.
    #[inline]
    pub(crate) const fn new(rest: &'a [u8], offset: usize) -> Self {
        Self { rest, offset, failed: false }
    }

    /// Whether all elements have been read.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The encoded elements that have not been read.
    #[inline]
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Where the next element begins (or would begin) in the whole input.
    #[inline]
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The next element.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingItem`] at the end of the list, or what is wrong with the element's
    /// header.
    #[inline]
    pub fn item(&mut self) -> Result<Item<'a>, Error> {
        self.optional()?.ok_or(ErrorKind::MissingItem.at(self.offset))
    }

    /// The next element, or `None` at the end of the list: for elements that came with a later
    /// version of a protocol.
    ///
    /// # Errors
    ///
    /// What is wrong with the element's header.
    #[inline]
    pub fn optional(&mut self) -> Result<Option<Item<'a>>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (item, rest) = Item::parse_at(self.rest, self.offset)?;
        self.offset += item.raw().len();
        self.rest = rest;
        Ok(Some(item))
    }

    /// The next element as it was written, header and content, decoded no further.
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item).
    #[inline]
    pub fn raw(&mut self) -> Result<&'a [u8], Error> {
        Ok(self.item()?.raw())
    }

    /// The next element, see [`Item::bytes`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::bytes`].
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let offset = self.offset;
        let parts = self.take()?;
        if parts.is_list { Err(ErrorKind::ExpectedBytes.at(offset)) } else { Ok(parts.payload) }
    }

    /// The next element in parts: for what need not make an [`Item`] of it.
    #[inline]
    fn take(&mut self) -> Result<Parts<'a>, Error> {
        if self.rest.is_empty() {
            return Err(ErrorKind::MissingItem.at(self.offset));
        }
        let parts = header::parse(self.rest).map_err(|kind| kind.at(self.offset))?;
        self.offset += usize::from(parts.header) + parts.payload.len();
        self.rest = parts.rest;
        Ok(parts)
    }

    /// The next element, see [`Item::array`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::array`].
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        // Of most lengths the header is one known byte.
        if N > 1
            && N <= header::SHORT
            && let Some((&first, rest)) = self.rest.split_first()
            && usize::from(first) == 0x80 + N
            && let Some((array, rest)) = rest.split_first_chunk()
        {
            self.offset += 1 + N;
            self.rest = rest;
            return Ok(*array);
        }
        let offset = self.offset;
        let bytes = self.bytes()?;
        let wrong = ErrorKind::WrongLength { expected: N, actual: bytes.len() };
        bytes.try_into().map_err(|_| wrong.at(offset))
    }

    /// The next element, see [`Item::uint`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::uint`].
    #[inline]
    pub fn uint<T: Uint>(&mut self) -> Result<T, Error> {
        let Some((value, rest)) = uint::short(self.rest) else {
            return self.uint_by_item();
        };
        self.offset += self.rest.len() - rest.len();
        self.rest = rest;
        Ok(value)
    }

    /// The long way, apart so that the short one is small enough to be inlined.
    #[cold]
    #[inline(never)]
    fn uint_by_item<T: Uint>(&mut self) -> Result<T, Error> {
        self.item()?.uint()
    }

    /// The next element, see [`Item::bool`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::bool`].
    #[inline]
    pub fn bool(&mut self) -> Result<bool, Error> {
        self.item()?.bool()
    }

    /// The next element, see [`Item::str`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::str`].
    #[inline]
    pub fn str(&mut self) -> Result<&'a str, Error> {
        let offset = self.offset;
        core::str::from_utf8(self.bytes()?).map_err(|_| ErrorKind::NotUtf8.at(offset))
    }

    /// All elements that are left, each read with `read`.
    ///
    /// The vector grows with what was read, never by what the input claims.
    ///
    /// # Errors
    ///
    /// Whatever `read` says, and [`ErrorKind::ExtraItem`] if it does not read anything.
    ///
    /// ```
    /// use rlp_codec::{Error, List, decode_list};
    ///
    /// let numbers = decode_list(&[0xc3, 7, 8, 9], |list| list.each(List::uint::<u16>));
    /// assert_eq!(numbers, Ok::<_, Error>(vec![7, 8, 9]));
    /// ```
    #[inline]
    pub fn each<T, E: From<Error>>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let mut values = Vec::new();
        while !self.rest.is_empty() {
            let before = self.offset;
            values.push(read(self)?);
            if self.offset == before {
                return Err(ErrorKind::ExtraItem.at(before).into());
            }
        }
        Ok(values)
    }

    /// The elements of the next element, see [`Item::items`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::items`].
    #[inline]
    pub fn items(&mut self) -> Result<Self, Error> {
        let offset = self.offset;
        let parts = self.take()?;
        if !parts.is_list {
            return Err(ErrorKind::ExpectedList.at(offset));
        }
        Ok(Self::new(parts.payload, offset + usize::from(parts.header)))
    }

    /// The next element, see [`Item::list`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::list`].
    #[inline]
    pub fn list<T, E: From<Error>>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut items = self.items()?;
        let value = read(&mut items)?;
        items.finish()?;
        Ok(value)
    }

    /// The next element, see [`Item::open_list`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::open_list`].
    #[inline]
    pub fn open_list<T, E: From<Error>>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.item()?.open_list(read)
    }

    /// The next element as any type that alloy can decode.
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item), and what the type says.
    #[inline]
    pub fn decode<T: Decodable>(&mut self) -> Result<T, Error> {
        let item = self.item()?;
        decode(item.raw()).map_err(|error| error.shifted(item.offset()))
    }

    /// Ends a list in which no more elements are allowed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExtraItem`] if one is left, whether it is well formed or not.
    #[inline]
    pub const fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(ErrorKind::ExtraItem.at(self.offset)) }
    }
}

impl<'a> Iterator for List<'a> {
    type Item = Result<Item<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.optional().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

impl core::iter::FusedIterator for List<'_> {}
