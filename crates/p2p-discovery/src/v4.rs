//! The wire format of discv4: six kinds of packets, each signed and in one datagram.

mod datagram;
mod endpoint;
mod error;
mod kind;
mod packet;

pub use datagram::{Datagram, MAX_DATAGRAM, SealedPacket};
pub use endpoint::{Endpoint, Neighbour};
pub use error::DatagramError;
pub use kind::PacketKind;
pub(crate) use packet::is_negative;
pub use packet::{
    EnrRequest, EnrResponse, FindNode, MAX_PER_PACKET, Neighbours, Packet, Ping, Pong,
};
