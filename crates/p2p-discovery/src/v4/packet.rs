//! The six packets and their bodies.

use bytes::Bytes;
use keccak_lanes::Digest;
use p2p_identity::{NodeId, Record, RecordError};
use rlp_codec::{BufMut, Encodable, Error, Fields, List, Raw, decode_open_list};

use super::{Endpoint, Neighbour, PacketKind};

/// The version of discv4 in pings. Recipients ignore it (EIP-8).
const VERSION: u64 = 4;

/// Maximum number of neighbours that always fit one datagram.
pub const MAX_PER_PACKET: usize = 12;

/// One packet of discv4, without hash and signature.
///
/// `expiration` is a UNIX time in seconds, after which recipients ignore the packet. It keeps attackers
/// from replaying old packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// Asks whether a node is alive.
    Ping(Ping),
    /// Answers a ping.
    Pong(Pong),
    /// Asks for the known nodes nearest to a target.
    FindNode(FindNode),
    /// Answers a find-node packet.
    Neighbours(Neighbours),
    /// Asks for the record of a node.
    EnrRequest(EnrRequest),
    /// Answers a record request.
    EnrResponse(EnrResponse),
}

/// `[version, from, to, expiration, enr-seq?]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The endpoint of the sender, as it believes. Only the TCP port is used.
    pub from: Endpoint,
    /// The endpoint of the recipient, as the sender believes.
    pub to: Endpoint,
    /// UNIX time in seconds.
    pub expiration: u64,
    /// The sequence number of the sender's record, if it has one (EIP-868).
    pub enr_seq: Option<u64>,
}

/// `[to, ping-hash, expiration, enr-seq?]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pong {
    /// The source address of the ping: the external address of its sender.
    pub to: Endpoint,
    /// The hash of the ping that is answered.
    pub ping: Digest,
    /// UNIX time in seconds.
    pub expiration: u64,
    /// The sequence number of the sender's record, if it has one (EIP-868).
    pub enr_seq: Option<u64>,
}

/// `[target, expiration]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindNode {
    /// Any 64 bytes. The answer has the nodes whose hashed ids are nearest to the hash of these bytes.
    pub target: NodeId,
    /// UNIX time in seconds.
    pub expiration: u64,
}

/// `[nodes, expiration]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// The nodes. Up to [`MAX_PER_PACKET`] always fit a datagram.
    pub nodes: Vec<Neighbour>,
    /// UNIX time in seconds.
    pub expiration: u64,
}

/// `[expiration]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnrRequest {
    /// UNIX time in seconds.
    pub expiration: u64,
}

/// `[request-hash, record]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrResponse {
    /// The hash of the request that is answered.
    pub request: Digest,
    /// The RLP of the record, not checked: see [`record`](Self::record).
    pub rlp: Bytes,
}

impl EnrResponse {
    /// Decodes the record. This checks a signature, so call it only for an answer to a request.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the record is not valid.
    pub fn record(&self) -> Result<Record, RecordError> {
        Record::decode(&self.rlp)
    }
}

impl Packet {
    /// The kind of the packet.
    #[must_use]
    pub const fn kind(&self) -> PacketKind {
        match self {
            Self::Ping(_) => PacketKind::Ping,
            Self::Pong(_) => PacketKind::Pong,
            Self::FindNode(_) => PacketKind::FindNode,
            Self::Neighbours(_) => PacketKind::Neighbours,
            Self::EnrRequest(_) => PacketKind::EnrRequest,
            Self::EnrResponse(_) => PacketKind::EnrResponse,
        }
    }

    /// When the packet expires, in UNIX time. `None` for an [`EnrResponse`].
    #[must_use]
    pub const fn expiration(&self) -> Option<u64> {
        match self {
            Self::Ping(ping) => Some(ping.expiration),
            Self::Pong(pong) => Some(pong.expiration),
            Self::FindNode(find) => Some(find.expiration),
            Self::Neighbours(neighbours) => Some(neighbours.expiration),
            Self::EnrRequest(request) => Some(request.expiration),
            Self::EnrResponse(_) => None,
        }
    }

    /// Whether the packet has expired when the clock shows `unix`. An [`EnrResponse`] never expires.
    ///
    /// As in go-ethereum, the expiration is a signed number: one of 2^63 or more is before 1970.
    #[must_use]
    pub fn is_expired(&self, unix: u64) -> bool {
        self.expiration().is_some_and(|expiration| is_negative(expiration) || expiration < unix)
    }

    /// Appends the body, which is one list. [`seal`](Self::seal) makes a whole datagram.
    pub fn encode_body(&self, out: &mut dyn BufMut) {
        match self {
            Self::Ping(ping) => match ping.enr_seq {
                Some(seq) => {
                    Fields((VERSION, ping.from, ping.to, ping.expiration, seq)).encode(out);
                }
                None => Fields((VERSION, ping.from, ping.to, ping.expiration)).encode(out),
            },
            Self::Pong(pong) => match pong.enr_seq {
                Some(seq) => Fields((pong.to, pong.ping, pong.expiration, seq)).encode(out),
                None => Fields((pong.to, pong.ping, pong.expiration)).encode(out),
            },
            Self::FindNode(find) => Fields((find.target, find.expiration)).encode(out),
            Self::Neighbours(some) => Fields((&some.nodes, some.expiration)).encode(out),
            Self::EnrRequest(request) => Fields((request.expiration,)).encode(out),
            Self::EnrResponse(response) => {
                Fields((response.request, Raw(&response.rlp))).encode(out);
            }
        }
    }

    /// Reads the body of a packet of this `kind`. By EIP-8, the version, further elements and bytes
    /// after the list are ignored.
    pub(super) fn decode_body(kind: PacketKind, body: &[u8]) -> Result<Self, Error> {
        decode_open_list(body, |list| {
            Ok(match kind {
                PacketKind::Ping => Self::Ping(Ping::read(list)?),
                PacketKind::Pong => Self::Pong(Pong::read(list)?),
                PacketKind::FindNode => Self::FindNode(FindNode {
                    target: NodeId(list.array()?),
                    expiration: list.uint()?,
                }),
                PacketKind::Neighbours => Self::Neighbours(Neighbours {
                    nodes: list.items()?.each(Neighbour::read)?,
                    expiration: list.uint()?,
                }),
                PacketKind::EnrRequest => Self::EnrRequest(EnrRequest { expiration: list.uint()? }),
                PacketKind::EnrResponse => Self::EnrResponse(EnrResponse {
                    request: list.array()?,
                    rlp: Bytes::copy_from_slice(list.raw()?),
                }),
            })
        })
    }
}

impl Ping {
    fn read(list: &mut List<'_>) -> Result<Self, Error> {
        let _version: u64 = list.uint()?;
        Ok(Self {
            from: list.open_list(Endpoint::read)?,
            to: list.open_list(Endpoint::read)?,
            expiration: list.uint()?,
            enr_seq: enr_seq(list),
        })
    }
}

impl Pong {
    fn read(list: &mut List<'_>) -> Result<Self, Error> {
        Ok(Self {
            to: list.open_list(Endpoint::read)?,
            ping: list.array()?,
            expiration: list.uint()?,
            enr_seq: enr_seq(list),
        })
    }
}

/// Whether a UNIX time is negative when it is read as a signed number.
pub(crate) const fn is_negative(unix: u64) -> bool {
    unix.cast_signed() < 0
}

/// Reads the sequence number at the end, if there is one. Another element there is not an error: nodes
/// without EIP-868 may send any extra element (the test vectors of EIP-8 have a list).
fn enr_seq(list: &mut List<'_>) -> Option<u64> {
    list.item().and_then(|item| item.uint()).ok()
}
