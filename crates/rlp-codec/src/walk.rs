//! One pass over the content of an item, without recursion.

use crate::{Error, ErrorKind, Item, Limits, List, MAX_DEPTH};

/// A part of an item, in the order of the bytes.
#[derive(Clone, Copy)]
pub(crate) enum Token<'a> {
    /// A byte string.
    Bytes(&'a [u8]),
    /// A list begins.
    Open,
    /// The innermost list ends.
    Close,
}

/// Calls `visit` for each token of `item`. Checks every header and the `limits`, except that of bytes.
///
/// The stack has a fixed size: nothing is allocated, and no input makes it overflow.
pub(crate) fn walk<'a>(
    item: Item<'a>,
    limits: Limits,
    mut visit: impl FnMut(Token<'a>),
) -> Result<(), Error> {
    // The unread rest of each list around the current position, the innermost last.
    let mut open: [List<'_>; MAX_DEPTH] = core::array::from_fn(|_| List::new(&[], 0));
    let mut depth = 0;
    let mut items = 0;
    let mut next = Some(item);
    loop {
        if let Some(item) = next {
            items += 1;
            if items > limits.items {
                return Err(item.error(ErrorKind::TooManyItems));
            }
            if item.is_list() {
                if depth >= limits.depth {
                    return Err(item.error(ErrorKind::TooDeep));
                }
                *open.get_mut(depth).ok_or(item.error(ErrorKind::TooDeep))? = item.items()?;
                depth += 1;
                visit(Token::Open);
            } else {
                visit(Token::Bytes(item.bytes()?));
            }
        } else {
            depth -= 1;
            visit(Token::Close);
        }
        if depth == 0 {
            return Ok(());
        }
        next = open[depth - 1].optional()?;
    }
}
