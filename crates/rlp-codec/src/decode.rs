//! From a whole input to a value.

use crate::{Decodable, Error, ErrorKind, Item, List};

/// Decodes `input`, all of it, as any type that alloy can decode.
///
/// The offset of an error is where alloy's decoder stood: at the faulty item, or just behind its
/// header.
///
/// # Errors
///
/// If `input` is not the canonical encoding of a `T`, or bytes follow it.
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

/// Decodes `input`, all of it, as one list of exactly the elements that `read` reads.
///
/// # Errors
///
/// If `input` is no list or bytes follow it, whatever `read` says, and
/// [`ErrorKind::ExtraItem`] if `read` leaves elements.
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

/// Decodes the list at the start of `input` as EIP-8 asks for it: elements that `read` leaves and
/// bytes after the list are ignored, because a later version of the protocol may have put them
/// there. They are not looked at.
///
/// # Errors
///
/// If `input` does not begin with a list, and whatever `read` says.
///
/// ```
/// use rlp_codec::{Error, decode_open_list};
///
/// // [1, 2, 3] and a byte of padding, for a reader that knows of two elements.
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
