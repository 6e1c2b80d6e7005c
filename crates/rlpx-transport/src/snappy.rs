//! Snappy's block format on the payload of a message (RLPx, "Message Compression"; EIP-706).

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use crate::SnappyError;

/// No element of the format makes more than 64 bytes, and none that makes so many has fewer than
/// three. A payload that declares more than that is corrupt, and need not be given memory to find
/// out: else 10 bytes could make us clear 16 MiB.
const MOST: (usize, usize) = (64, 3);

/// Inflated payloads above this get a buffer of their own, so that one large message does not make
/// a connection hold its size for ever.
const POOLED: usize = 64 * 1024;

thread_local! {
    /// The compressing half: 2 KiB of tables, 32 KiB more after the first large message. Nothing in
    /// them outlives a message, so one for all connections of a thread will do.
    static ENCODER: RefCell<Encoder> = RefCell::new(Encoder::new());
}

/// Appends the compressed form of `payload`, which has at most
/// [`MAX_PAYLOAD`](crate::MAX_PAYLOAD) bytes, to `out`.
pub(crate) fn deflate(payload: &[u8], out: &mut BytesMut) {
    let start = out.len();
    out.resize(start + max_compress_len(payload.len()), 0);
    // It fails only above 4 GiB, or where the output is smaller than asked for above.
    let compress = |encoder: &RefCell<Encoder>| {
        encoder.borrow_mut().compress(payload, &mut out[start..]).unwrap_or(0)
    };
    let size = ENCODER.with(compress);
    out.truncate(start + size);
}

/// The inflating half, for one direction.
#[derive(Default)]
pub(crate) struct Inflater {
    decoder: Decoder,
    buffer: BytesMut,
}

impl Inflater {
    /// The payload that `compressed` holds, of at most `limit` bytes.
    pub(crate) fn inflate(
        &mut self,
        compressed: &[u8],
        limit: usize,
    ) -> Result<Bytes, SnappyError> {
        let declared = decompress_len(compressed).map_err(|_| SnappyError::Corrupt)?;
        if declared > limit {
            return Err(SnappyError::Oversized { declared, limit });
        }
        let (made, of) = MOST;
        if declared > compressed.len() * made / of {
            return Err(SnappyError::Corrupt);
        }
        let mut own = BytesMut::new();
        let buffer = if declared > POOLED { &mut own } else { &mut self.buffer };
        buffer.resize(declared, 0);
        match self.decoder.decompress(compressed, buffer) {
            Ok(_) => Ok(buffer.split().freeze()),
            Err(_) => Err(SnappyError::Corrupt),
        }
    }
}

/// The most that a payload of `size` bytes can have when it is compressed.
pub(crate) fn bound(size: usize) -> usize {
    max_compress_len(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_the_bytes_cannot_hold_gets_no_memory() {
        let mut inflater = Inflater::default();
        // 60 000 bytes declared, two elements there.
        let claim = [0xe0, 0xd4, 0x03, 0x00, 0xaa, 0xfe, 0x01, 0x00];
        assert_eq!(decompress_len(&claim), Ok(60_000));
        assert_eq!(inflater.inflate(&claim, 60_000), Err(SnappyError::Corrupt));
        assert_eq!(inflater.buffer.capacity(), 0);
    }

    #[test]
    fn a_claim_beyond_the_limit_gets_no_memory() {
        let mut compressed = BytesMut::new();
        deflate(&[0xaa; 60_000], &mut compressed);
        let mut inflater = Inflater::default();
        let refused = SnappyError::Oversized { declared: 60_000, limit: 59_999 };
        assert_eq!(inflater.inflate(&compressed, 59_999), Err(refused));
        assert_eq!(inflater.buffer.capacity(), 0);
        assert_eq!(inflater.inflate(&compressed, 60_000).unwrap(), vec![0xaa; 60_000]);
    }

    #[test]
    fn large_payloads_do_not_stay() {
        let mut inflater = Inflater::default();
        for size in [POOLED, POOLED + 1, 1 << 20] {
            let mut compressed = BytesMut::new();
            deflate(&vec![0xaa; size], &mut compressed);
            assert_eq!(inflater.inflate(&compressed, 1 << 20).unwrap(), vec![0xaa; size]);
        }
        inflater.buffer.reserve(1);
        assert!(inflater.buffer.capacity() <= POOLED);
    }
}
