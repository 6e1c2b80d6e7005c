//! Decodes a whole input into a value.

use crate::{Decodable, Error, ErrorKind, Item, List};

/// Decodes the whole of `input` as any type with alloy's [`Decodable`].
///
/// The offset of an error is the position of alloy's decoder: at the faulty item, or just after its header.
///
/// # Errors
///
/// `input` is not the canonical encoding of a `T`, or bytes follow it.
///
/// ```
/// use rlp_codec::{ErrorKind, decode};
///
/// assert_eq!(decode::<u64>(&[0x82, 0x04, 0x00]), Ok(1024));
/// assert_eq!(decode::<u64>(&[0x05, 0x05]), Err(ErrorKind::TrailingBytes.at(1)));
/// ```
#[inline]
pub fn decode<T: Decodable>(input: &[u8]) -> Result<T, Error> {
    let mut rest = input;
    let decoded = T::decode(&mut rest);
    let offset = input.len().saturating_sub(rest.len());
    let value = decoded.map_err(|error| ErrorKind::from(error).at(offset))?;
    if rest.is_empty() { Ok(value) } else { Err(ErrorKind::TrailingBytes.at(offset)) }
}

/// Decodes the whole of `input` as one list with exactly the elements that `read` reads.
///
/// # Errors
///
/// `input` is not a list, or bytes follow it; any error of `read`; [`ErrorKind::ExtraItem`] if `read` leaves
/// elements.
#[inline]
pub fn decode_list<'a, T, E: From<Error>>(
    input: &'a [u8],
    read: impl FnOnce(&mut List<'a>) -> Result<T, E>,
) -> Result<T, E> {
    let mut items = List::of(input)?;
    let value = read(&mut items)?;
    items.finish()?;
    Ok(value)
}

/// Decodes the list at the start of `input` according to EIP-8: elements that `read` leaves and bytes after the
/// list are ignored without checks, because a later version of the protocol may have added them.
///
/// # Errors
///
/// `input` does not begin with a list; any error of `read`.
///
/// ```
/// use rlp_codec::{Error, decode_open_list};
///
/// // [1, 2, 3] and a byte of padding, for a reader of two elements.
/// let input = [0xc3, 0x01, 0x02, 0x03, 0x00];
/// let sum = decode_open_list(&input, |list| Ok::<_, Error>(list.uint::<u8>()? + list.uint::<u8>()?));
/// assert_eq!(sum, Ok(3));
/// ```
#[inline]
pub fn decode_open_list<'a, T, E: From<Error>>(
    input: &'a [u8],
    read: impl FnOnce(&mut List<'a>) -> Result<T, E>,
) -> Result<T, E> {
    Item::parse_prefix(input)?.0.open_list(read)
}
