//! Cursors over the elements of RLP lists.

use alloc::vec::Vec;

use crate::{Decodable, Error, ErrorKind, Item, Uint, decode, header, uint};

/// A cursor over the elements of a list, borrowed from the input.
///
/// Each reading method takes the next element and advances. The typed ones ([`uint`](Self::uint),
/// [`bytes`](Self::bytes) …) are shorthands for [`item`](Self::item) and the method of [`Item`] with the same name,
/// and return its errors. After an error the position is unspecified.
///
/// It is also an [`Iterator`] over items. The iterator ends after the first error, so a loop that skips errors ends
/// too; the list then counts as not completely read.
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
    /// End of the list in the whole input. Only `rest` changes from element to element.
    end: usize,
    /// Whether iteration has failed: the position of the next element is then unknown.
    failed: bool,
}

impl<'a> List<'a> {
    /// The elements encoded in `rest`, which begins at byte `offset` of the whole input.
    #[inline]
    pub(crate) const fn new(rest: &'a [u8], offset: usize) -> Self {
        Self { rest, end: offset + rest.len(), failed: false }
    }

    /// The elements of the list that is the whole of `input`.
    #[inline]
    pub(crate) fn of(input: &'a [u8]) -> Result<Self, Error> {
        match header::list(input) {
            Some((items, [])) => Ok(Self::new(items, input.len() - items.len())),
            _ => Item::parse(input)?.items(),
        }
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

    /// Position of the next element in the whole input.
    #[inline]
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The next element.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingItem`] at the end of the list, or an error in the element's header.
    #[inline]
    pub fn item(&mut self) -> Result<Item<'a>, Error> {
        self.optional()?.ok_or(ErrorKind::MissingItem.at(self.end))
    }

    /// The next element, or `None` at the end of the list: for elements that a later version of a protocol
    /// added.
    ///
    /// # Errors
    ///
    /// An error in the element's header.
    #[inline]
    pub fn optional(&mut self) -> Result<Option<Item<'a>>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (item, rest) = Item::parse_at(self.rest, self.offset())?;
        self.rest = rest;
        Ok(Some(item))
    }

    /// The next encoded element, header and content.
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
    #[inline(always)]
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let (bytes, rest) = match header::string(self.rest) {
            Some(parts) => parts,
            None => by_item(self.rest, self.offset(), |item| item.bytes())?,
        };
        self.rest = rest;
        Ok(bytes)
    }

    /// The next element, see [`Item::array`].
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item) and [`Item::array`].
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        if let Some((array, rest)) = header::array(self.rest) {
            self.rest = rest;
            return Ok(*array);
        }
        let offset = self.offset();
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
        let (value, rest) = match uint::short(self.rest) {
            Some(parts) => parts,
            None => by_item(self.rest, self.offset(), |item| item.uint())?,
        };
        self.rest = rest;
        Ok(value)
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
    #[inline(always)]
    pub fn str(&mut self) -> Result<&'a str, Error> {
        let offset = self.offset();
        core::str::from_utf8(self.bytes()?).map_err(|_| ErrorKind::NotUtf8.at(offset))
    }

    /// Reads all remaining elements with `read`.
    ///
    /// The vector is allocated once for the number of elements that there are if all are as long as the first, but
    /// with at most two bytes per remaining byte of input. It grows further only with elements that were read.
    ///
    /// # Errors
    ///
    /// Any error of `read`; [`ErrorKind::ExtraItem`] if it reads nothing.
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
            let before = self.rest.len();
            let value = read(self)?;
            let length = before - self.rest.len();
            if length == 0 {
                return Err(ErrorKind::ExtraItem.at(self.offset()).into());
            }
            if values.is_empty() {
                values.reserve(1 + self.rest.len() / length.max(size_of::<T>() / 2));
            }
            values.push(value);
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
        let (items, rest) = match header::list(self.rest) {
            Some((items, rest)) => (Self::new(items, self.end - rest.len() - items.len()), rest),
            None => by_item(self.rest, self.offset(), |item| item.items())?,
        };
        self.rest = rest;
        Ok(items)
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
        read(&mut self.items()?)
    }

    /// The next element as any type that alloy can decode.
    ///
    /// # Errors
    ///
    /// As [`item`](Self::item), and any error of the type.
    #[inline]
    pub fn decode<T: Decodable>(&mut self) -> Result<T, Error> {
        let item = self.item()?;
        decode(item.raw()).map_err(|error| error.shifted(item.offset()))
    }

    /// Ends a list that may have no more elements.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ExtraItem`] if an element is left, valid or not.
    #[inline]
    pub const fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(ErrorKind::ExtraItem.at(self.offset())) }
    }
}

/// Reads the element at the start of `rest` on the slow path, which finds errors.
///
/// A function of its own, so that the fast path is small enough to be inlined. It takes its arguments by value, so that a
/// [`List`] can stay in registers.
#[cold]
#[inline(never)]
fn by_item<'a, T>(
    rest: &'a [u8],
    offset: usize,
    read: fn(Item<'a>) -> Result<T, Error>,
) -> Result<(T, &'a [u8]), Error> {
    if rest.is_empty() {
        return Err(ErrorKind::MissingItem.at(offset));
    }
    let (item, rest) = Item::parse_at(rest, offset)?;
    Ok((read(item)?, rest))
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
