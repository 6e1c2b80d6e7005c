//! One message, as it goes into a frame and comes out of one.

use std::fmt;

use bytes::Bytes;

/// One RLPx message: a code and a payload, one frame on the wire.
///
/// `Debug` shows the size of the payload, not its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The message's number on this connection: 0 to 15 belong to the base protocol, the rest to
    /// the capabilities that both ends have. On the wire an RLP integer, so of any size.
    pub code: u64,
    /// The bytes after the code, inflated where Snappy is on. Usually RLP, but nothing here checks
    /// that. At most the [`Opener`](crate::Opener)'s limit.
    ///
    /// It shares the buffer in which it arrived (no copy was made), and keeps all of that buffer
    /// alive: who keeps a small payload for long should keep a copy.
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
