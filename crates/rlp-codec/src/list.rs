//! A cursor over the elements of one RLP list.

use crate::{Decodable, Error, ErrorKind, Item, Uint, decode};

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
    pub(crate) const fn new(rest: &'a [u8], offset: usize) -> Self {
        Self { rest, offset, failed: false }
    }

    /// Whether all elements have been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The encoded elements that have not been read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Where the next element begins (or would begin) in the whole input.
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
    pub fn item(&mut self) -> Result<Item<'a>, Error> {
        self.optional()?.ok_or(ErrorKind::MissingItem.at(self.offset))
    }

    /// The next element, or `None` at the end of the list: for elements that came with a later
    /// version of a protocol.
    ///
    /// # Errors
    ///
    /// What is wrong with the element's header.
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
    pub fn raw(&mut self) -> Result<&'a [u8], Error> {
        Ok(self.item()?.raw())
    }

    /// The next element, see [`Item::bytes`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::bytes`].
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        self.item()?.bytes()
    }

    /// The next element, see [`Item::array`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::array`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.item()?.array()
    }

    /// The next element, see [`Item::uint`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::uint`].
    pub fn uint<T: Uint>(&mut self) -> Result<T, Error> {
        self.item()?.uint()
    }

    /// The next element, see [`Item::bool`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::bool`].
    pub fn bool(&mut self) -> Result<bool, Error> {
        self.item()?.bool()
    }

    /// The next element, see [`Item::str`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::str`].
    pub fn str(&mut self) -> Result<&'a str, Error> {
        self.item()?.str()
    }

    /// The elements of the next element, see [`Item::items`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::items`].
    pub fn items(&mut self) -> Result<Self, Error> {
        self.item()?.items()
    }

    /// The next element, see [`Item::list`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::list`].
    pub fn list<T, E: From<Error>>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.item()?.list(read)
    }

    /// The next element, see [`Item::open_list`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::open_list`].
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
    pub fn decode<T: Decodable>(&mut self) -> Result<T, Error> {
        let item = self.item()?;
        decode(item.raw()).map_err(|error| error.shifted(item.offset()))
    }

    /// Ends a list in which no more elements are allowed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExtraItem`] if one is left, whether it is well formed or not.
    pub const fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(ErrorKind::ExtraItem.at(self.offset)) }
    }
}

impl<'a> Iterator for List<'a> {
    type Item = Result<Item<'a>, Error>;

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
