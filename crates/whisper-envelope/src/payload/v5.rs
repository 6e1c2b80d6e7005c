//! shh/5: flags, length of the padding, padding, payload to the end.
//!
//! The length includes the length field, which may be missing.

use super::{BLOCK, Layout, MAX_LENGTH, Spans, begin, length, width};
use crate::error::{DraftError, OpenError};

pub(crate) static LAYOUT: Layout = Layout { automatic, write, read };

/// No padding if the plaintext is aligned; otherwise 0 to 254 bytes after a length field of one byte.
fn automatic(payload: usize, signature: usize) -> Option<usize> {
    match (1 + payload + signature) % BLOCK {
        0 => None,
        rest => Some(BLOCK - rest - 1),
    }
}

fn write(payload: &[u8], padding: Option<&[u8]>) -> Result<Vec<u8>, DraftError> {
    let Some(padding) = padding else {
        let mut plaintext = begin(0, 0, payload.len());
        plaintext.extend_from_slice(payload);
        return Ok(plaintext);
    };
    let len = padding.len();
    // The length includes its own bytes, so 255 bytes of padding need a length field of two. (go-ethereum
    // writes one byte, and cannot read the result.)
    let width = (1..=3).find(|&bytes| width(len + bytes) <= bytes);
    let Some(width) = width else {
        return Err(DraftError::PaddingTooLong { len, max: MAX_LENGTH - 3 });
    };
    let mut plaintext = begin(len + width, width, len + payload.len());
    plaintext.extend_from_slice(padding);
    plaintext.extend_from_slice(payload);
    Ok(plaintext)
}

fn read(plaintext: &[u8]) -> Result<Spans, OpenError> {
    let (width, claimed) = length(plaintext)?;
    if claimed < width {
        return Err(OpenError::LengthBelowItself { claimed, width });
    }
    let available = plaintext.len() - 1;
    if claimed > available {
        return Err(OpenError::LengthBeyondEnd { claimed, available });
    }
    let (start, end) = (1 + width, 1 + claimed);
    Ok(Spans { padding: start..end, payload: end..plaintext.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crashes_go_ethereum_is_an_error() {
        assert_eq!(read(&[0x01]), Err(OpenError::LengthCut));
        assert_eq!(read(&[0x03, 0x01]), Err(OpenError::LengthCut));
        let beyond = OpenError::LengthBeyondEnd { claimed: 3, available: 2 };
        assert_eq!(read(&[0x01, 0x03, 0xaa]), Err(beyond));
    }

    #[test]
    fn length_smaller_than_the_length_field() {
        let below = OpenError::LengthBelowItself { claimed: 1, width: 2 };
        assert_eq!(read(&[0x02, 0x01, 0x00, 0xaa]), Err(below));
        let zero = OpenError::LengthBelowItself { claimed: 0, width: 1 };
        assert_eq!(read(&[0x01, 0x00]), Err(zero));
    }

    #[test]
    fn length_may_be_missing_or_include_no_padding() {
        assert_eq!(read(&[0x00, 7]), Ok(Spans { padding: 1..1, payload: 1..2 }));
        assert_eq!(read(&[0x01, 0x01, 7]), Ok(Spans { padding: 2..2, payload: 2..3 }));
        assert_eq!(automatic(255, 0), None);
        assert_eq!(automatic(254, 0), Some(0));
        assert_eq!(automatic(0, 0), Some(254));
        assert_eq!(automatic(190, 65), None);
    }

    #[test]
    fn width_of_a_length_that_includes_its_field() {
        for (padding, width) in [(0, 1), (254, 1), (255, 2), (65533, 2), (65534, 3)] {
            let plaintext = write(b"payload", Some(&vec![0; padding])).unwrap();
            assert_eq!(plaintext[0], width, "{padding}");
            assert_eq!(read(&plaintext).unwrap().padding.len(), padding);
        }
        let len = MAX_LENGTH - 2;
        let too_long = DraftError::PaddingTooLong { len, max: MAX_LENGTH - 3 };
        assert_eq!(write(b"", Some(&vec![0; len])), Err(too_long));
    }
}
