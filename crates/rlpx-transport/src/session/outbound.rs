//! The sending direction, over frames or over records.

use std::fmt;

use bytes::BytesMut;

use super::FrameSealer;
use crate::sec::RecordSealer;
use crate::{FrameError, Link, Part};

/// Seals messages, in the order in which they are sent: into the frames of RLPx, or the records of `sec/1`.
///
/// What it appends must be sent, completely and in order: each frame or record depends on all before it.
pub struct Sealer(Kind);

/// In boxes, because their sizes differ.
enum Kind {
    Frames(Box<FrameSealer>),
    Records(Box<RecordSealer>),
}

impl Sealer {
    /// How it encrypts.
    #[must_use]
    pub const fn link(&self) -> Link {
        match &self.0 {
            Kind::Frames(_) => Link::Rlpx,
            Kind::Records(sealer) => Link::Sec(sealer.suite()),
        }
    }

    /// Compresses the payloads of all later messages. Call it when both Hellos are exchanged and the remote
    /// one has version 5 or higher (EIP-706). It cannot be turned off. With `sec/1` it does nothing: nothing is
    /// compressed there.
    pub const fn enable_snappy(&mut self) {
        if let Kind::Frames(sealer) = &mut self.0 {
            sealer.enable_snappy();
        }
    }

    /// Appends the message to `out`: with RLPx in one frame, which adds 49 to 72 bytes, and with `sec/1` in records,
    /// which have everything that was [put](Self::put) before.
    ///
    /// Nothing is allocated if `out` has room (with Snappy, for the worst case of a compressed payload, a sixth more).
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] if the message does not fit into a frame of 2^24 − 1 bytes, before or
    /// after compression. `out` and the sealer are then unchanged.
    pub fn seal(
        &mut self,
        code: u64,
        payload: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), FrameError> {
        self.put(code, payload, out)?;
        self.finish(out);
        Ok(())
    }

    /// Same as [`seal`](Self::seal), but with `sec/1` a message may wait for others, to share a record with them.
    /// [`finish`](Self::finish) appends it at the latest.
    ///
    /// # Errors
    ///
    /// As those of [`seal`](Self::seal).
    pub fn put(&mut self, code: u64, payload: &[u8], out: &mut BytesMut) -> Result<(), FrameError> {
        match &mut self.0 {
            Kind::Frames(sealer) => sealer.seal(code, payload, out),
            Kind::Records(sealer) => sealer.put(code, payload, out),
        }
    }

    /// Adds a piece of a message, of at most [`MAX_PIECE`](crate::MAX_PIECE) bytes. It waits like a message that was
    /// [put](Self::put).
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] for more bytes, and if the link is not `sec/1`: a frame has a whole message. Nothing
    /// was added.
    pub fn put_piece(
        &mut self,
        code: u64,
        part: Part,
        data: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), FrameError> {
        match &mut self.0 {
            Kind::Records(sealer) if data.len() <= crate::MAX_PIECE => {
                sealer.put_piece(code, part, data, out);
                Ok(())
            }
            Kind::Records(_) => {
                Err(FrameError::TooLarge { size: data.len(), limit: crate::MAX_PIECE })
            }
            Kind::Frames(_) => Err(FrameError::TooLarge { size: data.len(), limit: 0 }),
        }
    }

    /// Appends what waits to `out`.
    pub fn finish(&mut self, out: &mut BytesMut) {
        if let Kind::Records(sealer) = &mut self.0 {
            sealer.finish(out);
        }
    }

    /// Whether something waits for [`finish`](Self::finish).
    #[must_use]
    pub fn has_unfinished(&self) -> bool {
        matches!(&self.0, Kind::Records(sealer) if sealer.has_unfinished())
    }

    /// Number of records that were sealed; 0 with RLPx.
    #[must_use]
    pub const fn records(&self) -> u64 {
        match &self.0 {
            Kind::Frames(_) => 0,
            Kind::Records(sealer) => sealer.records(),
        }
    }

    /// Frees the memory that it keeps for the next record, if nothing waits: 16 KiB on a connection that was busy.
    pub fn shrink(&mut self) {
        if let Kind::Records(sealer) = &mut self.0 {
            sealer.shrink();
        }
    }

    #[cfg(test)]
    pub(crate) fn frames(&self) -> &FrameSealer {
        match &self.0 {
            Kind::Frames(sealer) => sealer,
            Kind::Records(_) => panic!("records"),
        }
    }

    #[cfg(test)]
    pub(crate) fn frames_mut(&mut self) -> &mut FrameSealer {
        match &mut self.0 {
            Kind::Frames(sealer) => sealer,
            Kind::Records(_) => panic!("records"),
        }
    }
}

impl From<FrameSealer> for Sealer {
    fn from(sealer: FrameSealer) -> Self {
        Self(Kind::Frames(Box::new(sealer)))
    }
}

impl From<RecordSealer> for Sealer {
    fn from(sealer: RecordSealer) -> Self {
        Self(Kind::Records(Box::new(sealer)))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("link", &self.link()).finish_non_exhaustive()
    }
}
