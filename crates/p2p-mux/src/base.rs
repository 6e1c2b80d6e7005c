//! The messages that belong to the connection itself: Disconnect, Ping, Pong.

use bytes::Bytes;

use crate::DisconnectReason;

/// Hello, the first message of each end.
pub const HELLO: u64 = 0x00;
/// Disconnect, the last one.
pub const DISCONNECT: u64 = 0x01;
/// A question whether the peer is there.
pub const PING: u64 = 0x02;
/// The answer to a ping.
pub const PONG: u64 = 0x03;
/// How many message ids the base protocol keeps for itself; the first sub-protocol begins here.
pub const LENGTH: u64 = 0x10;

/// The payload of Ping and Pong. An empty list and not nothing: there are clients that refuse a
/// frame of a single byte.
pub(crate) const EMPTY_LIST: Bytes = Bytes::from_static(&[0xc0]);

/// A base message that arrives after Hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Disconnect(DisconnectReason),
    Ping,
    Pong,
    /// A second Hello, or one of the twelve codes without a meaning: ignored, as everybody does.
    Other,
}

impl Base {
    /// Total: the bodies of Ping and Pong do not matter, and a Disconnect has always some reason.
    pub(crate) fn decode(code: u64, payload: &[u8]) -> Self {
        match code {
            DISCONNECT => Self::Disconnect(DisconnectReason::decode(payload)),
            PING => Self::Ping,
            PONG => Self::Pong,
            _ => Self::Other,
        }
    }
}
