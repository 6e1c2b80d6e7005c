//! The header of an item: what kind it is and how long.

use crate::ErrorKind;

/// The largest payload whose length is in the first byte of the header.
pub(crate) const SHORT: usize = 55;

/// What stands before a payload, and how long the payload is. Both lie within the input.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) is_list: bool,
    /// 0 for a byte that is its own encoding, else 1 to 9.
    pub(crate) header: u8,
    pub(crate) payload: usize,
}

/// The item at the start of `input`, its header checked to be canonical and its payload to be there.
#[inline]
pub(crate) fn parse(input: &[u8]) -> Result<Extent, ErrorKind> {
    let (&first, rest) = input.split_first().ok_or(ErrorKind::Truncated)?;
    let extent = match first {
        0x00..=0x7f => return Ok(Extent { is_list: false, header: 0, payload: 1 }),
        0x80..=0xb7 => Extent { is_list: false, header: 1, payload: usize::from(first - 0x80) },
        0xc0..=0xf7 => Extent { is_list: true, header: 1, payload: usize::from(first - 0xc0) },
        0xb8..=0xbf => return long(rest, false, first - 0xb7),
        0xf8..=0xff => return long(rest, true, first - 0xf7),
    };
    match rest.get(..extent.payload) {
        None => Err(ErrorKind::Truncated),
        Some([0x00..=0x7f]) if !extent.is_list => Err(ErrorKind::NonCanonicalByte),
        Some(_) => Ok(extent),
    }
}

/// An item whose length is in the first `width` bytes (1 to 8) of `rest`.
#[inline]
fn long(rest: &[u8], is_list: bool, width: u8) -> Result<Extent, ErrorKind> {
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
    let payload = usize::try_from(length).map_err(|_| ErrorKind::Truncated)?;
    if payload <= SHORT {
        return Err(ErrorKind::NonCanonicalSize);
    }
    if payload > rest.len() {
        return Err(ErrorKind::Truncated);
    }
    Ok(Extent { is_list, header: 1 + width, payload })
}
