//! Snappy's block format on the payload of a message (RLPx, "Message Compression"; EIP-706).

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use crate::SnappyError;

/// Maximum expansion: 64 bytes from three. An element of the format has at most 64 bytes, and one of that
/// length has at least three compressed bytes. A payload that declares more is corrupt, and is refused before memory is
/// allocated; otherwise 10 bytes could make the receiver clear 16 MiB.
const MAX_EXPANSION: (usize, usize) = (64, 3);

/// Maximum size of a payload in the reused buffer. Larger ones get a buffer of their own, so that one large
/// message does not stay allocated for as long as the connection lives.
const MAX_POOLED_BYTES: usize = 64 * 1024;

thread_local! {
    /// The compressor: 2 KiB of tables, 32 KiB more after the first large message. It keeps no state between
    /// messages, so all connections of a thread share one.
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

/// Decompresses the payloads of one direction.
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
        let (made, of) = MAX_EXPANSION;
        if declared > compressed.len() * made / of {
            return Err(SnappyError::Corrupt);
        }
        let mut own = BytesMut::new();
        let buffer = if declared > MAX_POOLED_BYTES { &mut own } else { &mut self.buffer };
        buffer.resize(declared, 0);
        match self.decoder.decompress(compressed, buffer) {
            Ok(_) => Ok(buffer.split().freeze()),
            Err(_) => Err(SnappyError::Corrupt),
        }
    }
}

/// Maximum compressed size of a payload of `size` bytes.
pub(crate) fn bound(size: usize) -> usize {
    max_compress_len(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_declared_size_allocates_nothing() {
        let mut inflater = Inflater::default();
        // 60 000 bytes declared, two elements there.
        let claim = [0xe0, 0xd4, 0x03, 0x00, 0xaa, 0xfe, 0x01, 0x00];
        assert_eq!(decompress_len(&claim), Ok(60_000));
        assert_eq!(inflater.inflate(&claim, 60_000), Err(SnappyError::Corrupt));
        assert_eq!(inflater.buffer.capacity(), 0);
    }

    #[test]
    fn a_declared_size_over_the_limit_allocates_nothing() {
        let mut compressed = BytesMut::new();
        deflate(&[0xaa; 60_000], &mut compressed);
        let mut inflater = Inflater::default();
        let refused = SnappyError::Oversized { declared: 60_000, limit: 59_999 };
        assert_eq!(inflater.inflate(&compressed, 59_999), Err(refused));
        assert_eq!(inflater.buffer.capacity(), 0);
        assert_eq!(inflater.inflate(&compressed, 60_000).unwrap(), vec![0xaa; 60_000]);
    }

    #[test]
    fn large_payloads_are_not_kept_in_the_buffer() {
        let mut inflater = Inflater::default();
        for size in [MAX_POOLED_BYTES, MAX_POOLED_BYTES + 1, 1 << 20] {
            let mut compressed = BytesMut::new();
            deflate(&vec![0xaa; size], &mut compressed);
            assert_eq!(inflater.inflate(&compressed, 1 << 20).unwrap(), vec![0xaa; size]);
        }
        inflater.buffer.reserve(1);
        assert!(inflater.buffer.capacity() <= MAX_POOLED_BYTES);
    }
}
