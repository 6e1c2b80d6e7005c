//! The receiving direction.

use std::fmt;

use aes::cipher::StreamCipher;
use bytes::{Buf, Bytes, BytesMut};
use rlp_codec::Item;

use crate::frame::{
    self, HEADER_SIZE, MAX_CODE_SIZE, MAX_FRAME_SIZE, MAX_PAYLOAD, PIECE, SEALED_HEADER_SIZE,
};
use crate::mac::Mac;
use crate::secrets::FrameCipher;
use crate::snappy::{self, Inflater};
use crate::{FrameError, Message};

/// The least room that [`Opener::reserve`] makes: some hundred small messages, one segment of a
/// busy connection.
const READ: usize = 16 * 1024;
/// The most that [`Opener::reserve`] leaves to an empty buffer.
const KEEP: usize = 256 * 1024;

/// Turns frames into messages, in the order in which they come.
///
/// Every error is final: the stream cannot be followed any further, and all that comes later is
/// refused with [`FrameError::Failed`].
pub struct Opener {
    cipher: FrameCipher,
    mac: Mac,
    phase: Phase,
    inflater: Option<Inflater>,
    limit: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Header,
    Body { size: usize },
    Failed,
}

impl Opener {
    pub(crate) const fn new(cipher: FrameCipher, mac: Mac) -> Self {
        Self { cipher, mac, phase: Phase::Header, inflater: None, limit: MAX_PAYLOAD }
    }

    /// Takes the payload of every message from now on for compressed. To be called when the
    /// remote Hello has been opened and has version 5 or higher (EIP-706), before the next
    /// message. There is no way back.
    pub fn enable_snappy(&mut self) {
        self.inflater.get_or_insert_default();
    }

    /// Refuses payloads of more than `max_payload` bytes from now on: as soon as the frame's
    /// header or the compressed payload's declared length says so, before there is memory for
    /// them. At the start it is [`MAX_PAYLOAD`], which is also the most that it can be.
    pub fn set_limit(&mut self, max_payload: usize) {
        self.limit = max_payload.min(MAX_PAYLOAD);
    }

    /// Whether a frame was refused, so that nothing is opened any more.
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        matches!(self.phase, Phase::Failed)
    }

    /// Whether the last frame was complete, so that the peer may stop here with nothing cut off.
    /// (The input must be empty, too.)
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        matches!(self.phase, Phase::Header)
    }

    /// How many bytes `input` must have before [`open`](Self::open) can get any further.
    #[must_use]
    pub const fn needs(&self) -> usize {
        match self.phase {
            Phase::Header | Phase::Failed => SEALED_HEADER_SIZE,
            Phase::Body { size } => frame::sealed(size),
        }
    }

    /// Makes room in `input` for the next read: enough for what is missing, but never more than
    /// as much again as has already come (or 16 KiB), so that a peer that announces 16 MiB gets
    /// them only as it sends them. An empty buffer that has grown beyond 256 KiB is given back.
    pub fn reserve(&self, input: &mut BytesMut) {
        let missing = self.needs().saturating_sub(input.len());
        let room = missing.min(input.len()).max(READ);
        input.reserve(room);
        if input.is_empty() && input.capacity() > KEEP {
            *input = BytesMut::with_capacity(room);
        }
    }

    /// The next message, if all of its frame is in `input`; its bytes are taken away. Decrypts in
    /// place and copies nothing: the payload of the message is a part of `input`'s buffer, unless
    /// it was inflated. Call it until it gives `None`, then read more.
    ///
    /// As long as messages are dropped before more is read, their memory is used again, and none
    /// is asked for. An exception are payloads above 64 KiB that were inflated, and frames for
    /// which [`reserve`](Self::reserve) has to make more room than it leaves to an empty buffer.
    ///
    /// # Errors
    ///
    /// See [`FrameError`]. All of them are the fault of the peer, or of whoever stands between.
    pub fn open(&mut self, input: &mut BytesMut) -> Result<Option<Message>, FrameError> {
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
        self.cipher.apply_keystream(&mut header);
        let (size, limit) = (frame::size(&header), self.frame_limit());
        match size {
            0 => Err(FrameError::Empty),
            _ if size > limit => Err(FrameError::Oversized { size, limit }),
            _ => Ok(size),
        }
    }

    /// The largest body that can hold a payload within the limit.
    fn frame_limit(&self) -> usize {
        let payload = if self.inflater.is_some() { snappy::bound(self.limit) } else { self.limit };
        MAX_FRAME_SIZE.min(MAX_CODE_SIZE + payload)
    }

    /// The message in a body of `size` bytes, given with its padding and tag.
    fn body(&mut self, mut sealed: BytesMut, size: usize) -> Result<Message, FrameError> {
        let (body, tag) = sealed.split_at_mut(frame::padded(size));
        // What is decrypted here before its tag is checked is dropped with the buffer if it is wrong.
        for piece in body.chunks_mut(PIECE) {
            self.mac.absorb(piece);
            self.cipher.apply_keystream(piece);
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

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("phase", &self.phase)
            .field("snappy", &self.inflater.is_some())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Takes the message code from the front of `body`.
///
/// Code 0 is `0x80` in RLP; a byte `0x00`, which is not canonical, is taken for it too, because
/// Parity treats the code as one raw byte.
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
