//! Headers of items: the kind and the length.

use crate::ErrorKind;

/// The largest payload whose length is in the first byte of the header.
pub(crate) const MAX_SHORT_LEN: usize = 55;

/// The item at the start of an input.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) is_list: bool,
    /// Length of the header: 0 for a byte that is its own encoding, otherwise 1 to 9.
    pub(crate) header: u8,
    /// What follows the item.
    pub(crate) rest: &'a [u8],
}

/// The item at the start of `input`, its header checked to be canonical and its payload to be there.
#[inline]
pub(crate) fn parse(input: &[u8]) -> Result<Parts<'_>, ErrorKind> {
    let (&first, rest) = input.split_first().ok_or(ErrorKind::Truncated)?;
    let (is_list, length) = match first {
        0x00..=0x7f => {
            return Ok(Parts { is_list: false, header: 0, rest });
        }
        0x80..=0xb7 => (false, usize::from(first - 0x80)),
        0xc0..=0xf7 => (true, usize::from(first - 0xc0)),
        0xb8..=0xbf => return long(rest, false, first - 0xb7),
        0xf8..=0xff => return long(rest, true, first - 0xf7),
    };
    let (payload, rest) = rest.split_at_checked(length).ok_or(ErrorKind::Truncated)?;
    match payload {
        [0x00..=0x7f] if !is_list => Err(ErrorKind::NonCanonicalByte),
        _ => Ok(Parts { is_list, header: 1, rest }),
    }
}

/// An item whose length is in the first `width` bytes (1 to 8) of `rest`.
#[inline]
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
    // A length over `usize` is longer than any input.
    let length = usize::try_from(length).map_err(|_| ErrorKind::Truncated)?;
    if length <= MAX_SHORT_LEN {
        return Err(ErrorKind::NonCanonicalSize);
    }
    let rest = rest.get(length..).ok_or(ErrorKind::Truncated)?;
    Ok(Parts { is_list, header: 1 + width, rest })
}

/// The payload of the string at the start of `input`, and the bytes after it. `None` if it is invalid or its length
/// takes more than two bytes: [`parse`] then finds the error.
#[inline(always)]
pub(crate) fn string(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = input.split_first()?;
    if first < 0x80 {
        return Some(input.split_at(1));
    }
    match split(rest, first - 0x80)? {
        ([0x00..=0x7f], _) => None,
        parts => Some(parts),
    }
}

/// The same for a string of `N` bytes. For most lengths the header is known and compared at once.
#[inline(always)]
pub(crate) fn array<const N: usize>(input: &[u8]) -> Option<(&[u8; N], &[u8])> {
    let (known, rest) = match N {
        2..=MAX_SHORT_LEN => {
            let (&first, rest) = input.split_first()?;
            (usize::from(first) == 0x80 + N, rest)
        }
        56..=0xff => {
            let (&[first, length], rest) = input.split_first_chunk()?;
            (first == 0xb8 && usize::from(length) == N, rest)
        }
        _ => return None,
    };
    rest.split_first_chunk().filter(|_| known)
}

/// The same for a list.
#[inline(always)]
pub(crate) fn list(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = input.split_first()?;
    split(rest, first.checked_sub(0xc0)?)
}

/// The payload after the first byte of a header, and the bytes after it. `size` is that byte minus that of an empty
/// item.
#[inline(always)]
fn split(rest: &[u8], size: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match size {
        0..=55 => (usize::from(size), rest),
        56 => {
            let (&length, rest) = rest.split_first().filter(|(length, _)| **length > 55)?;
            (usize::from(length), rest)
        }
        57 => {
            let (length, rest) = rest.split_first_chunk().filter(|(length, _)| length[0] > 0)?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
