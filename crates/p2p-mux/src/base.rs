//! The messages of the base protocol: Hello, Disconnect, Ping, Pong.

use bytes::Bytes;

use crate::DisconnectReason;

/// Message id of Hello, the first message of each end.
pub const HELLO: u64 = 0x00;
/// Message id of Disconnect, the last message.
pub const DISCONNECT: u64 = 0x01;
/// Message id of Ping, to which the peer answers with Pong.
pub const PING: u64 = 0x02;
/// Message id of Pong, the answer to Ping.
pub const PONG: u64 = 0x03;
/// Number of message ids of the base protocol, and so the id at which the first sub-protocol begins.
pub const LENGTH: u64 = 0x10;

/// The payload of Ping and Pong: an empty list, because some clients refuse a frame of one byte.
pub(crate) const EMPTY_LIST: Bytes = Bytes::from_static(&[0xc0]);

/// A base message that arrives after Hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Disconnect(DisconnectReason),
    Ping,
    Pong,
    /// A second Hello, or one of the twelve unassigned codes. It is ignored, as in other clients.
    Other,
}

impl Base {
    /// Never fails: the payloads of Ping and Pong are ignored, and every payload of Disconnect has a
    /// reason.
    pub(crate) fn decode(code: u64, payload: &[u8]) -> Self {
        match code {
            DISCONNECT => Self::Disconnect(DisconnectReason::decode(payload)),
            PING => Self::Ping,
            PONG => Self::Pong,
            _ => Self::Other,
        }
    }
}
