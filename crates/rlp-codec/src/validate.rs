//! A look at everything inside an item, for bytes that are kept or passed on without being read.

use crate::{Error, ErrorKind, Item, List};

/// How deep [`Item::validate`] lets lists nest. No devp2p or Whisper message nests deeper than 4.
pub const MAX_DEPTH: usize = 32;

impl Item<'_> {
    /// Checks that everything inside this item is canonical RLP, however deep.
    ///
    /// One walk over the bytes with a stack of fixed size; nothing is allocated.
    ///
    /// # Errors
    ///
    /// The first fault found, or [`ErrorKind::TooDeep`] at a list that has [`MAX_DEPTH`] lists
    /// around it.
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
        if !self.is_list() {
            return Ok(());
        }
        // The unread rest of each list around the current position, the innermost last.
        let mut open: [List<'_>; MAX_DEPTH] = core::array::from_fn(|_| List::new(&[], 0));
        open[0] = self.items()?;
        let mut depth = 1;
        while depth > 0 {
            match open[depth - 1].optional()? {
                None => depth -= 1,
                Some(item) if item.is_list() => {
                    let slot = open.get_mut(depth).ok_or(item.error(ErrorKind::TooDeep))?;
                    *slot = item.items()?;
                    depth += 1;
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
