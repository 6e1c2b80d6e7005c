//! The receiving direction, over frames or over records.

use std::fmt;

use bytes::BytesMut;

use super::FrameOpener;
use crate::sec::RecordOpener;
use crate::{FrameError, Message, Part, Piece};

/// Minimum room that [`Opener::reserve`] makes: about a hundred small messages.
const MIN_READ_BYTES: usize = 16 * 1024;
/// Maximum capacity that [`Opener::reserve`] leaves to an empty buffer.
const MAX_IDLE_BUFFER_BYTES: usize = 256 * 1024;

/// Opens the frames of RLPx or the records of `sec/1`, in the order in which they arrive.
///
/// Every error is final: frames and records depend on all before them, so all later ones are refused with
/// [`FrameError::Failed`].
pub struct Opener(Kind);

/// In boxes, because their sizes differ.
enum Kind {
    Frames(Box<FrameOpener>),
    Records(Box<RecordOpener>),
}

impl Opener {
    /// Decompresses the payloads of all later messages. Call it when the remote Hello was opened and has
    /// version 5 or higher (EIP-706), before the next message. It cannot be turned off. With `sec/1` it does nothing.
    pub fn enable_snappy(&mut self) {
        if let Kind::Frames(opener) = &mut self.0 {
            opener.enable_snappy();
        }
    }

    /// Refuses payloads of more than `max_payload` bytes from now on: when the frame's header, the declared length of a
    /// compressed payload or the first piece has been read, before memory is allocated. The default and the maximum
    /// are [`MAX_PAYLOAD`](crate::MAX_PAYLOAD).
    pub fn set_limit(&mut self, max_payload: usize) {
        match &mut self.0 {
            Kind::Frames(opener) => opener.set_limit(max_payload),
            Kind::Records(opener) => opener.set_limit(max_payload),
        }
    }

    /// Whether a frame or record was refused, so that no more are opened.
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        match &self.0 {
            Kind::Frames(opener) => opener.is_failed(),
            Kind::Records(opener) => opener.is_failed(),
        }
    }

    /// Whether the last message was complete. If the input is empty as well, the peer may close the connection
    /// here.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        match &self.0 {
            Kind::Frames(opener) => opener.is_between_frames(),
            Kind::Records(opener) => opener.is_between_messages(),
        }
    }

    /// Number of bytes that `input` must have for [`open`](Self::open) to make progress.
    #[must_use]
    pub fn needs(&self, input: &[u8]) -> usize {
        match &self.0 {
            Kind::Frames(opener) => opener.needs(),
            Kind::Records(opener) => opener.needs(input),
        }
    }

    /// Number of records that were opened; 0 with RLPx.
    #[must_use]
    pub const fn records(&self) -> u64 {
        match &self.0 {
            Kind::Frames(_) => 0,
            Kind::Records(opener) => opener.records(),
        }
    }

    /// Makes room in `input` for the next read: as many bytes as are missing, but at most as many as have
    /// arrived (or 16 KiB), so that a frame that announces 16 MiB gets memory only as its bytes arrive. An empty
    /// buffer of more than 256 KiB is freed.
    pub fn reserve(&self, input: &mut BytesMut) {
        let missing = self.needs(input).saturating_sub(input.len());
        let room = missing.min(input.len()).max(MIN_READ_BYTES);
        input.reserve(room);
        if input.is_empty() && input.capacity() > MAX_IDLE_BUFFER_BYTES {
            *input = BytesMut::with_capacity(room);
        }
    }

    /// The next message, if all of it is in `input`; its bytes are removed. Decrypts in place and
    /// copies nothing: the payload is a part of `input`'s buffer, unless it was decompressed or came in several pieces.
    /// Call it until it returns `None`, then read more.
    ///
    /// If messages are dropped before more is read, their memory is used again and none is allocated. The
    /// exceptions are decompressed payloads over 64 KiB, messages in several pieces, and frames for which
    /// [`reserve`](Self::reserve) makes more room than it leaves to an empty buffer.
    ///
    /// # Errors
    ///
    /// See [`FrameError`]. The peer is at fault, or an attacker who changed the bytes.
    pub fn open(&mut self, input: &mut BytesMut) -> Result<Option<Message>, FrameError> {
        match &mut self.0 {
            Kind::Frames(opener) => opener.open(input),
            Kind::Records(opener) => opener.open(input),
        }
    }

    /// The next piece of a message, for an owner that joins pieces itself. A frame is one piece.
    ///
    /// # Errors
    ///
    /// As those of [`open`](Self::open).
    pub fn open_piece(&mut self, input: &mut BytesMut) -> Result<Option<Piece>, FrameError> {
        let whole = |message: Message| Piece {
            code: message.code,
            part: Part::Whole,
            data: message.payload,
        };
        match &mut self.0 {
            Kind::Frames(opener) => Ok(opener.open(input)?.map(whole)),
            Kind::Records(opener) => opener.open_piece(input),
        }
    }

    #[cfg(test)]
    pub(crate) fn frames(&self) -> &FrameOpener {
        match &self.0 {
            Kind::Frames(opener) => opener,
            Kind::Records(_) => panic!("records"),
        }
    }
}

impl From<FrameOpener> for Opener {
    fn from(opener: FrameOpener) -> Self {
        Self(Kind::Frames(Box::new(opener)))
    }
}

impl From<RecordOpener> for Opener {
    fn from(opener: RecordOpener) -> Self {
        Self(Kind::Records(Box::new(opener)))
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Frames(opener) => f.debug_tuple("Opener").field(opener).finish(),
            Kind::Records(opener) => {
                f.debug_struct("Opener").field("records", &opener.records()).finish_non_exhaustive()
            }
        }
    }
}
