//! The plaintext of a message: flags, lengths, payload, padding, signature.
//!
//! The first byte holds flags, the same in both dialects: the two lowest bits are the size of the length field
//! after it, the next says that a signature ends the plaintext, the others have no meaning. The order of the
//! other parts is the [`Layout`] of a dialect.

use std::ops::Range;

use crate::error::{DraftError, OpenError};

pub(crate) mod v5;
pub(crate) mod v6;

/// Bits of the flags: size of the length field in bytes.
const WIDTH: u8 = 0b11;
/// Bit of the flags: the message is signed.
const SIGNED: u8 = 0b100;
/// Length of a signature in bytes: r, s and the recovery id.
pub(crate) const SIGNATURE_LEN: usize = 65;
/// Automatic padding makes the length of a plaintext a multiple of this.
pub(crate) const BLOCK: usize = 256;
/// Maximum of a length field of three bytes.
pub(crate) const MAX_LENGTH: usize = 0xff_ffff;

/// The layout of payload and padding in the plaintext of one dialect.
pub(crate) struct Layout {
    /// Length of automatic padding, from the lengths of payload and signature: it extends the plaintext to
    /// the next multiple of [`BLOCK`]. `None` if even the length field is left out.
    pub(crate) automatic: fn(usize, usize) -> Option<usize>,
    /// Writes the plaintext up to the signature, without the flag for it.
    write: Write,
    /// Finds payload and padding in a plaintext without signature. It must not be empty.
    read: fn(&[u8]) -> Result<Spans, OpenError>,
}

/// Makes a plaintext from payload and padding.
type Write = fn(&[u8], Option<&[u8]>) -> Result<Vec<u8>, DraftError>;

/// The positions of the parts of a message in its plaintext.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spans {
    pub(crate) payload: Range<usize>,
    pub(crate) padding: Range<usize>,
}

impl Layout {
    /// The plaintext of a message; `sign`, if given, signs everything before the signature.
    pub(crate) fn assemble(
        &self,
        payload: &[u8],
        padding: Option<&[u8]>,
        sign: Option<impl FnOnce(&[u8]) -> [u8; SIGNATURE_LEN]>,
    ) -> Result<Vec<u8>, DraftError> {
        let mut plaintext = (self.write)(payload, padding)?;
        if let Some(sign) = sign {
            plaintext[0] |= SIGNED;
            let signature = sign(&plaintext);
            plaintext.extend_from_slice(&signature);
        }
        Ok(plaintext)
    }

    /// The parts of a plaintext. The signature, if there is one, is over everything before it and is not
    /// checked.
    pub(crate) fn parse<'a>(
        &self,
        plaintext: &'a [u8],
    ) -> Result<(Spans, Option<&'a [u8; SIGNATURE_LEN]>), OpenError> {
        let flags = plaintext.first().ok_or(OpenError::Empty)?;
        if flags & SIGNED == 0 {
            return Ok(((self.read)(plaintext)?, None));
        }
        match plaintext.split_last_chunk() {
            // A signed message with flags only is refused, as in go-ethereum.
            Some((signed, signature)) if signed.len() > 1 => {
                Ok(((self.read)(signed)?, Some(signature)))
            }
            _ => Err(OpenError::SignatureCut),
        }
    }
}

/// Number of bytes that `length` needs, at least 1: the two lowest bits of the flags.
fn width(length: usize) -> usize {
    (usize::BITS - length.leading_zeros()).div_ceil(8).max(1) as usize
}

/// The beginning of a plaintext: flags and a length of `width` bytes, at most 3.
fn begin(length: usize, width: usize, capacity: usize) -> Vec<u8> {
    let mut plaintext = Vec::with_capacity(1 + width + capacity + SIGNATURE_LEN);
    plaintext.push(width.to_le_bytes()[0] & WIDTH);
    plaintext.extend_from_slice(&length.to_le_bytes()[..width]);
    plaintext
}

/// The size of the length field, and the length.
fn length(plaintext: &[u8]) -> Result<(usize, usize), OpenError> {
    let width = usize::from(plaintext[0] & WIDTH);
    let bytes = plaintext.get(1..=width).ok_or(OpenError::LengthCut)?;
    let length = bytes.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
    Ok((width, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_is_the_bytes_needed() {
        let needed = [0, 1, 255, 256, 65535, 65536, MAX_LENGTH].map(width);
        assert_eq!(needed, [1, 1, 1, 2, 2, 3, 3]);
    }
}
