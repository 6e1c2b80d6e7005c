//! The plaintext of a message: flags, lengths, payload, padding, signature.
//!
//! The first byte holds flags, the same in both dialects: the two lowest bits say how many bytes the
//! length after it has, the next that a signature ends the plaintext, the others mean nothing. What
//! lies between is the [`Layout`] of a dialect.

use std::ops::Range;

use crate::error::{DraftError, OpenError};

pub(crate) mod v5;
pub(crate) mod v6;

/// Bits of the flags: how many bytes the length has.
const WIDTH: u8 = 0b11;
/// Bit of the flags: signed.
const SIGNED: u8 = 0b100;
/// Bytes of a signature: r, s and the recovery id.
pub(crate) const SIGNATURE_LEN: usize = 65;
/// What automatic padding makes the length of a plaintext a multiple of.
pub(crate) const BLOCK: usize = 256;
/// The largest length that three bytes can hold.
pub(crate) const MAX_LENGTH: usize = 0xff_ffff;

/// Where payload and padding stand in the plaintext of one dialect.
pub(crate) struct Layout {
    /// How much padding brings a plaintext to the next multiple of [`BLOCK`], from the lengths of
    /// payload and signature. `None` where there shall not even be a length of it.
    pub(crate) automatic: fn(usize, usize) -> Option<usize>,
    /// The plaintext up to the signature, with flags that do not speak of one yet.
    write: Write,
    /// Finds both in a plaintext that is not empty and whose signature has been cut off.
    read: fn(&[u8]) -> Result<Spans, OpenError>,
}

/// From payload and padding to a plaintext.
type Write = fn(&[u8], Option<&[u8]>) -> Result<Vec<u8>, DraftError>;

/// Where the parts of a message stand in its plaintext.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spans {
    pub(crate) payload: Range<usize>,
    pub(crate) padding: Range<usize>,
}

impl Layout {
    /// The plaintext of a message; `sign`, if given, makes the signature over all before it.
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

    /// The parts of a plaintext; the signature, if there is one, is over all before it and has not
    /// been looked at.
    pub(crate) fn parse<'a>(
        &self,
        plaintext: &'a [u8],
    ) -> Result<(Spans, Option<&'a [u8; SIGNATURE_LEN]>), OpenError> {
        let flags = plaintext.first().ok_or(OpenError::Empty)?;
        if flags & SIGNED == 0 {
            return Ok(((self.read)(plaintext)?, None));
        }
        match plaintext.split_last_chunk() {
            // A signature over the flags alone is no message: go-ethereum refuses it, too.
            Some((signed, signature)) if signed.len() > 1 => {
                Ok(((self.read)(signed)?, Some(signature)))
            }
            _ => Err(OpenError::SignatureCut),
        }
    }
}

/// How many bytes `length` needs, at least 1: for the two lowest bits of the flags.
fn width(length: usize) -> usize {
    (usize::BITS - length.leading_zeros()).div_ceil(8).max(1) as usize
}

/// A plaintext that begins with flags and a length of `width` bytes, at most 3.
fn begin(length: usize, width: usize, capacity: usize) -> Vec<u8> {
    let mut plaintext = Vec::with_capacity(1 + width + capacity + SIGNATURE_LEN);
    plaintext.push(width.to_le_bytes()[0] & WIDTH);
    plaintext.extend_from_slice(&length.to_le_bytes()[..width]);
    plaintext
}

/// How many bytes the length has, and the length.
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
