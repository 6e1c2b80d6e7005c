//! The receiving direction.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use rlp_codec::Item;

use crate::frame::{
    self, HEADER_SIZE, MAX_CODE_SIZE, MAX_FRAME_SIZE, MAX_PAYLOAD, PIECE_BYTES, SEALED_HEADER_SIZE,
};
use crate::keystream::Keystream;
use crate::mac::Mac;
use crate::snappy::{self, Inflater};
use crate::{FrameError, Message};

/// Opens frames, in the order in which they arrive.
///
/// Every error is final.
pub(crate) struct FrameOpener {
    keystream: Keystream,
    mac: Mac,
    phase: Phase,
    inflater: Option<Inflater>,
    limit: usize,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Header,
    Body { size: usize },
    Failed,
}

impl FrameOpener {
    pub(crate) const fn new(keystream: Keystream, mac: Mac) -> Self {
        Self { keystream, mac, phase: Phase::Header, inflater: None, limit: MAX_PAYLOAD }
    }

    /// See [`Opener::enable_snappy`](crate::Opener::enable_snappy).
    pub(crate) fn enable_snappy(&mut self) {
        self.inflater.get_or_insert_default();
    }

    /// See [`Opener::set_limit`](crate::Opener::set_limit).
    pub(crate) fn set_limit(&mut self, max_payload: usize) {
        self.limit = max_payload.min(MAX_PAYLOAD);
    }

    /// Whether a frame was refused.
    pub(crate) const fn is_failed(&self) -> bool {
        matches!(self.phase, Phase::Failed)
    }

    /// Whether the last frame was complete.
    pub(crate) const fn is_between_frames(&self) -> bool {
        matches!(self.phase, Phase::Header)
    }

    /// Number of bytes that `input` must have for [`open`](Self::open) to make progress.
    pub(crate) const fn needs(&self) -> usize {
        match self.phase {
            Phase::Header | Phase::Failed => SEALED_HEADER_SIZE,
            Phase::Body { size } => frame::sealed(size),
        }
    }

    /// The next message, if its whole frame is in `input`.
    pub(crate) fn open(&mut self, input: &mut BytesMut) -> Result<Option<Message>, FrameError> {
        let opened = self.step(input);
        if opened.is_err() {
            self.phase = Phase::Failed;
        }
        opened
    }

    fn step(&mut self, input: &mut BytesMut) -> Result<Option<Message>, FrameError> {
        if let Phase::Header = self.phase {
            let Some(sealed) = input.first_chunk() else { return Ok(None) };
            let size = self.header(sealed)?;
            input.advance(SEALED_HEADER_SIZE);
            self.phase = Phase::Body { size };
        }
        let Phase::Body { size } = self.phase else { return Err(FrameError::Failed) };
        if input.len() < frame::sealed(size) {
            return Ok(None);
        }
        let message = self.body(input.split_to(frame::sealed(size)), size)?;
        self.phase = Phase::Header;
        Ok(Some(message))
    }

    /// The size of the body that a header announces.
    fn header(&mut self, sealed: &[u8; SEALED_HEADER_SIZE]) -> Result<usize, FrameError> {
        let mut header = [0; HEADER_SIZE];
        let (encrypted, tag) = sealed.split_at(HEADER_SIZE);
        header.copy_from_slice(encrypted);
        if !self.mac.header(&header).matches(tag) {
            return Err(FrameError::HeaderMac);
        }
        self.keystream.apply(&mut header);
        let (size, limit) = (frame::size(&header), self.frame_limit());
        match size {
            0 => Err(FrameError::Empty),
            _ if size > limit => Err(FrameError::Oversized { size, limit }),
            _ => Ok(size),
        }
    }

    /// Maximum size of a body whose payload is within the limit.
    fn frame_limit(&self) -> usize {
        let payload = if self.inflater.is_some() { snappy::bound(self.limit) } else { self.limit };
        MAX_FRAME_SIZE.min(MAX_CODE_SIZE + payload)
    }

    /// The message in a body of `size` bytes; `sealed` includes its padding and tag.
    fn body(&mut self, mut sealed: BytesMut, size: usize) -> Result<Message, FrameError> {
        let (body, tag) = sealed.split_at_mut(frame::padded(size));
        // Decrypted before the tag is checked; the buffer is dropped if the tag is wrong.
        for piece in body.chunks_mut(PIECE_BYTES) {
            self.mac.absorb(piece);
            self.keystream.apply(piece);
        }
        if !self.mac.body().matches(tag) {
            return Err(FrameError::BodyMac);
        }
        let mut payload = sealed.freeze();
        payload.truncate(size);
        let code = take_code(&mut payload)?;
        let Some(inflater) = &mut self.inflater else {
            if payload.len() > self.limit {
                return Err(FrameError::Oversized { size: payload.len(), limit: self.limit });
            }
            return Ok(Message { code, payload });
        };
        match inflater.inflate(&payload, self.limit) {
            Ok(payload) => Ok(Message { code, payload }),
            Err(cause) => Err(FrameError::Snappy { cause, message: Message { code, payload } }),
        }
    }

    #[cfg(test)]
    pub(crate) const fn mac(&self) -> &Mac {
        &self.mac
    }
}

impl fmt::Debug for FrameOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameOpener")
            .field("phase", &self.phase)
            .field("snappy", &self.inflater.is_some())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Takes the message code from the front of `body`.
///
/// Code 0 is `0x80` in RLP. The byte `0x00`, which is not canonical, is accepted too, because Parity
/// treats the code as one raw byte.
fn take_code(body: &mut Bytes) -> Result<u64, FrameError> {
    if body.first() == Some(&0) {
        body.advance(1);
        return Ok(0);
    }
    let (item, _) = Item::parse_prefix(body).map_err(FrameError::Code)?;
    let (code, size) = (item.uint().map_err(FrameError::Code)?, item.raw().len());
    body.advance(size);
    Ok(code)
}
