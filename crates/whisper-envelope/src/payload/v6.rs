//! shh/6: flags, length of the payload, payload, padding to the end.

use super::{BLOCK, Layout, MAX_LENGTH, Spans, begin, length, width};
use crate::error::{DraftError, OpenError};

pub(crate) static LAYOUT: Layout = Layout { automatic, write, read };

/// 1 to 256 bytes: an aligned plaintext gets a whole block.
fn automatic(payload: usize, signature: usize) -> Option<usize> {
    let rest = (1 + width(payload) + payload + signature) % BLOCK;
    Some(BLOCK - rest)
}

fn write(payload: &[u8], padding: Option<&[u8]>) -> Result<Vec<u8>, DraftError> {
    let len = payload.len();
    if len > MAX_LENGTH {
        return Err(DraftError::PayloadTooLong { len, max: MAX_LENGTH });
    }
    let padding = padding.unwrap_or_default();
    let mut plaintext = begin(len, width(len), len + padding.len());
    plaintext.extend_from_slice(payload);
    plaintext.extend_from_slice(padding);
    Ok(plaintext)
}

/// Without a length field there is no payload: all bytes are padding.
fn read(plaintext: &[u8]) -> Result<Spans, OpenError> {
    let (width, claimed) = length(plaintext)?;
    let start = 1 + width;
    let available = plaintext.len() - start;
    if claimed > available {
        return Err(OpenError::LengthBeyondEnd { claimed, available });
    }
    let end = start + claimed;
    Ok(Spans { payload: start..end, padding: end..plaintext.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crashes_go_ethereum_is_an_error() {
        assert_eq!(read(&[0x01]), Err(OpenError::LengthCut));
        assert_eq!(read(&[0x03, 0x01]), Err(OpenError::LengthCut));
        let beyond = OpenError::LengthBeyondEnd { claimed: 2, available: 1 };
        assert_eq!(read(&[0x01, 0x02, 0xaa]), Err(beyond));
        let largest = OpenError::LengthBeyondEnd { claimed: MAX_LENGTH, available: 0 };
        assert_eq!(read(&[0x03, 0xff, 0xff, 0xff]), Err(largest));
    }

    #[test]
    fn no_length_means_no_payload() {
        assert_eq!(read(&[0x00]), Ok(Spans { payload: 1..1, padding: 1..1 }));
        assert_eq!(read(&[0xf8, 9]), Ok(Spans { payload: 1..1, padding: 1..2 }));
    }

    #[test]
    fn aligned_gets_a_whole_block() {
        assert_eq!(automatic(253, 0), Some(1));
        assert_eq!(automatic(254, 0), Some(256));
        assert_eq!(automatic(189, 65), Some(256));
    }
}
