//! The sending direction.

use std::fmt;

use aes::cipher::StreamCipher;
use bytes::{BufMut, BytesMut};
use rlp_codec::Encodable;

use crate::FrameError;
use crate::frame::{
    self, HEADER_SIZE, MAX_CODE_SIZE, MAX_FRAME_SIZE, MAX_PAYLOAD, PIECE, SEALED_HEADER_SIZE,
};
use crate::mac::{Mac, TAG_SIZE};
use crate::secrets::FrameCipher;
use crate::snappy::{self, Deflater};

/// Turns messages into frames, in the order in which they go on the wire.
pub struct Sealer {
    cipher: FrameCipher,
    mac: Mac,
    deflater: Option<Deflater>,
}

impl Sealer {
    pub(crate) const fn new(cipher: FrameCipher, mac: Mac) -> Self {
        Self { cipher, mac, deflater: None }
    }

    /// Compresses the payload of every message from now on. To be called when both Hellos are
    /// exchanged and the remote one has version 5 or higher (EIP-706); Hello itself is never
    /// compressed. There is no way back.
    pub fn enable_snappy(&mut self) {
        self.deflater.get_or_insert_with(Deflater::new);
    }

    /// Appends one frame with the message to `out`: the payload, one to nine bytes of code, and 48
    /// to 63 of frame.
    ///
    /// A frame once sealed must go out, whole and in order: each depends on all before it. Nothing
    /// is allocated if `out` has room (with Snappy, room for the compressed form at its worst, a
    /// sixth more).
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] if the message does not fit a frame of 2^24 − 1 bytes, before or
    /// after compression; then `out` and the sealer are as before.
    pub fn seal(
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
        match &mut self.deflater {
            None => out.extend_from_slice(payload),
            Some(deflater) => deflater.deflate(payload, out),
        }
        let size = out.len() - start - SEALED_HEADER_SIZE;
        if size > MAX_FRAME_SIZE {
            out.truncate(start);
            return too_large(size, MAX_FRAME_SIZE);
        }
        out.put_bytes(0, frame::sealed(size) - size);
        self.encrypt(size, &mut out[start..]);
        Ok(())
    }

    /// The most that a frame with a payload of `size` bytes takes while it is made.
    fn room(&self, size: usize) -> usize {
        let size = if self.deflater.is_some() { snappy::bound(size) } else { size };
        SEALED_HEADER_SIZE + frame::sealed(MAX_CODE_SIZE + size)
    }

    /// Fills in the header and the tags of a `frame` whose body has `size` bytes.
    pub(super) fn encrypt(&mut self, size: usize, frame: &mut [u8]) {
        let (head, rest) = frame.split_at_mut(SEALED_HEADER_SIZE);
        let mut header = frame::header(size);
        self.cipher.apply_keystream(&mut header);
        head[..HEADER_SIZE].copy_from_slice(&header);
        head[HEADER_SIZE..].copy_from_slice(self.mac.header(&header).bytes());

        let (body, tag) = rest.split_at_mut(rest.len() - TAG_SIZE);
        for piece in body.chunks_mut(PIECE) {
            self.cipher.apply_keystream(piece);
            self.mac.absorb(piece);
        }
        tag.copy_from_slice(self.mac.body().bytes());
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

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("snappy", &self.deflater.is_some()).finish_non_exhaustive()
    }
}
