//! Checks of whole items, for bytes that are stored or passed on without reading them.

use crate::{Error, ErrorKind, Item, Limits, walk::walk};

impl<'a> Item<'a> {
    /// Parses the whole of `input` as one item, and checks its content as [`validate`](Self::validate) does and
    /// within `limits`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse) and [`validate`](Self::validate);
    /// [`ErrorKind::TooLong`], before anything is read; [`ErrorKind::TooManyItems`] at the first item over the
    /// limit; [`ErrorKind::TooDeep`] at the first list over the limit.
    pub fn parse_within(input: &'a [u8], limits: Limits) -> Result<Self, Error> {
        if input.len() > limits.bytes {
            return Err(ErrorKind::TooLong.at(limits.bytes));
        }
        let item = Self::parse(input)?;
        walk(item, limits, |_| ())?;
        Ok(item)
    }

    /// Checks that the whole content of this item is canonical RLP.
    ///
    /// One pass over the bytes with a stack of fixed size; nothing is allocated.
    ///
    /// # Errors
    ///
    /// The first fault found, or [`ErrorKind::TooDeep`] at a list that has
    /// [`MAX_DEPTH`](crate::MAX_DEPTH) lists around it.
    ///
    /// ```
    /// use rlp_codec::{ErrorKind, Item};
    ///
    /// // [[0x05 with a header that it must not have]]
    /// let item = Item::parse(&[0xc3, 0xc2, 0x81, 0x05])?;
    /// assert_eq!(item.validate(), Err(ErrorKind::NonCanonicalByte.at(2)));
    /// # Ok::<_, rlp_codec::Error>(())
    /// ```
    pub fn validate(&self) -> Result<(), Error> {
        walk(*self, Limits::default(), |_| ())
    }
}
