//! Messages, the content of frames.

use std::fmt;

use bytes::Bytes;

/// One RLPx message: a code and a payload. It is one frame on the wire.
///
/// `Debug` shows the size of the payload, not its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The message's code on this connection: 0 to 15 belong to the base protocol, the others to the
    /// capabilities of both sides. An RLP integer on the wire.
    pub code: u64,
    /// The bytes after the code, decompressed if Snappy is on. Usually RLP, which is not checked here. At most
    /// the [`Opener`](crate::Opener)'s limit.
    ///
    /// It is a part of the receive buffer, without a copy, and keeps the whole buffer in memory. Copy a small
    /// payload that is stored for long.
    pub payload: Bytes,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("code", &self.code)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}
