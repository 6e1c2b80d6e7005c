//! The header of an item: what kind it is and how long.

use crate::ErrorKind;

/// The largest payload whose length is in the first byte of the header.
pub(crate) const SHORT: usize = 55;

/// The item at the start of an input.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) is_list: bool,
    /// Bytes of the header: 0 for a byte that is its own encoding, else 1 to 9.
    pub(crate) header: u8,
    pub(crate) payload: &'a [u8],
    /// What follows the item.
    pub(crate) rest: &'a [u8],
}

/// The item at the start of `input`, its header checked to be canonical and its payload to be there.
///
/// Inlined whatever the compiler thinks of its size: as calls, it and [`long`] cost a Hello a quarter
/// of its time to decode.
#[inline(always)]
pub(crate) fn parse(input: &[u8]) -> Result<Parts<'_>, ErrorKind> {
    let (&first, rest) = input.split_first().ok_or(ErrorKind::Truncated)?;
    let (is_list, length) = match first {
        0x00..=0x7f => {
            let (payload, rest) = input.split_at(1);
            return Ok(Parts { is_list: false, header: 0, payload, rest });
        }
        0x80..=0xb7 => (false, usize::from(first - 0x80)),
        0xc0..=0xf7 => (true, usize::from(first - 0xc0)),
        0xb8..=0xbf => return long(rest, false, first - 0xb7),
        0xf8..=0xff => return long(rest, true, first - 0xf7),
    };
    let (payload, rest) = rest.split_at_checked(length).ok_or(ErrorKind::Truncated)?;
    match payload {
        [0x00..=0x7f] if !is_list => Err(ErrorKind::NonCanonicalByte),
        _ => Ok(Parts { is_list, header: 1, payload, rest }),
    }
}

/// An item whose length is in the first `width` bytes (1 to 8) of `rest`.
#[inline(always)]
fn long(rest: &[u8], is_list: bool, width: u8) -> Result<Parts<'_>, ErrorKind> {
    let (length, rest) = rest.split_at_checked(usize::from(width)).ok_or(ErrorKind::Truncated)?;
    if length[0] == 0 {
        return Err(ErrorKind::NonCanonicalSize);
    }
    let length = match *length {
        [byte] => u64::from(byte),
        [high, low] => u64::from(u16::from_be_bytes([high, low])),
        _ => length.iter().fold(0, |length, &byte| length << 8 | u64::from(byte)),
    };
    // Too long for a `usize` is longer than any input, too.
    let length = usize::try_from(length).map_err(|_| ErrorKind::Truncated)?;
    if length <= SHORT {
        return Err(ErrorKind::NonCanonicalSize);
    }
    let (payload, rest) = rest.split_at_checked(length).ok_or(ErrorKind::Truncated)?;
    Ok(Parts { is_list, header: 1 + width, payload, rest })
}
