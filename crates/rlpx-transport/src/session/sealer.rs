//! The sending direction.

use std::fmt;

use bytes::{BufMut, BytesMut};
use rlp_codec::Encodable;

use crate::FrameError;
use crate::frame::{
    self, HEADER_SIZE, MAX_CODE_SIZE, MAX_FRAME_SIZE, MAX_PAYLOAD, PIECE_BYTES, SEALED_HEADER_SIZE,
};
use crate::keystream::Keystream;
use crate::mac::Mac;
use crate::snappy::{self, deflate};

/// Seals messages into frames, in the order in which they are sent.
pub(crate) struct FrameSealer {
    keystream: Keystream,
    mac: Mac,
    snappy: bool,
}

impl FrameSealer {
    pub(crate) const fn new(keystream: Keystream, mac: Mac) -> Self {
        Self { keystream, mac, snappy: false }
    }

    /// See [`Sealer::enable_snappy`](crate::Sealer::enable_snappy).
    pub(crate) const fn enable_snappy(&mut self) {
        self.snappy = true;
    }

    /// Appends one frame with the message to `out`: the payload, one to nine bytes of code, and 48 to 63
    /// bytes of header, padding and tags.
    ///
    /// Nothing is allocated if `out` has room (with Snappy, for the worst case of a compressed payload, a sixth more).
    pub(crate) fn seal(
        &mut self,
        code: u64,
        payload: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), FrameError> {
        let too_large = |size, limit| Err(FrameError::TooLarge { size, limit });
        if payload.len() > MAX_PAYLOAD {
            return too_large(payload.len(), MAX_PAYLOAD);
        }
        let start = out.len();
        out.reserve(self.room(payload.len()));
        out.put_bytes(0, SEALED_HEADER_SIZE);
        code.encode(out);
        let mut rest = payload;
        if self.snappy {
            deflate(payload, out);
            rest = &[];
        }
        let size = out.len() - start - SEALED_HEADER_SIZE + rest.len();
        if size > MAX_FRAME_SIZE {
            out.truncate(start);
            return too_large(size, MAX_FRAME_SIZE);
        }
        self.frame(start, size, rest, out);
        Ok(())
    }

    /// Maximum number of bytes that a frame with a payload of `size` bytes takes while it is made.
    fn room(&self, size: usize) -> usize {
        let size = if self.snappy { snappy::bound(size) } else { size };
        SEALED_HEADER_SIZE + frame::sealed(MAX_CODE_SIZE + size)
    }

    /// Makes a frame. From `start` on, `out` has room for the header and then the beginning of a body of `size`
    /// bytes; `rest` is the rest of that body.
    pub(super) fn frame(&mut self, start: usize, size: usize, rest: &[u8], out: &mut BytesMut) {
        let mut header = frame::header(size);
        self.keystream.apply(&mut header);
        let body = start + SEALED_HEADER_SIZE;
        out[start..start + HEADER_SIZE].copy_from_slice(&header);
        out[start + HEADER_SIZE..body].copy_from_slice(self.mac.header(&header).bytes());

        // A small body is one piece, with its padding.
        let room = PIECE_BYTES.saturating_sub(out.len() - body);
        let (first, rest) = rest.split_at(rest.len().min(room));
        out.extend_from_slice(first);
        let padding = frame::padded(size) - size;
        if rest.is_empty() {
            out.put_bytes(0, padding);
        }
        self.encrypt(&mut out[body..]);
        if !rest.is_empty() {
            // Encrypted directly from the payload into the output, without a copy.
            for piece in rest.chunks(PIECE_BYTES) {
                let at = out.len();
                out.put_bytes(0, piece.len());
                self.keystream.apply_to(piece, &mut out[at..]);
                self.mac.absorb(&out[at..]);
            }
            let at = out.len();
            out.put_bytes(0, padding);
            self.encrypt(&mut out[at..]);
        }
        out.extend_from_slice(self.mac.body().bytes());
    }

    /// Encrypts and hashes a part of a body.
    fn encrypt(&mut self, part: &mut [u8]) {
        for piece in part.chunks_mut(PIECE_BYTES) {
            self.keystream.apply(piece);
            self.mac.absorb(piece);
        }
    }

    #[cfg(test)]
    pub(crate) const fn mac(&self) -> &Mac {
        &self.mac
    }

    #[cfg(test)]
    pub(super) const fn mac_mut(&mut self) -> &mut Mac {
        &mut self.mac
    }
}

impl fmt::Debug for FrameSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameSealer").field("snappy", &self.snappy).finish_non_exhaustive()
    }
}
