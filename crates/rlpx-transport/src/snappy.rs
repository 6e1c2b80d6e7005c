//! Snappy's block format on the payload of a message (RLPx, "Message Compression"; EIP-706).

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

/// The compressing half, for one direction. Holds 2 KiB of tables, 32 KiB more after the first
/// large message.
pub(crate) struct Deflater(Box<Encoder>);

impl Deflater {
    pub(crate) fn new() -> Self {
        Self(Box::new(Encoder::new()))
    }

    /// Appends the compressed form of `payload`, which has at most
    /// [`MAX_PAYLOAD`](crate::MAX_PAYLOAD) bytes, to `out`.
    pub(crate) fn deflate(&mut self, payload: &[u8], out: &mut BytesMut) {
        let start = out.len();
        out.resize(start + max_compress_len(payload.len()), 0);
        // It fails only above 4 GiB, or where the output is smaller than asked for above.
        let size = self.0.compress(payload, &mut out[start..]).unwrap_or(0);
        out.truncate(start + size);
    }
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
