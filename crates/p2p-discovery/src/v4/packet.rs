//! The six packets and their bodies.

use bytes::Bytes;
use keccak_lanes::Digest;
use p2p_identity::{NodeId, Record, RecordError};
use rlp_codec::{BufMut, Encodable, Error, Fields, List, Raw, decode_open_list};

use super::{Endpoint, Neighbour, PacketKind};

/// The version of discv4 that pings announce. Nobody looks at it (EIP-8).
const VERSION: u64 = 4;

/// How many nodes fit one datagram whatever their addresses are.
pub const MAX_PER_PACKET: usize = 12;

/// One packet of discv4, without hash and signature.
///
/// `expiration` is a UNIX time in seconds, after which the packet is to be ignored: a packet that
/// somebody kept cannot be used later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// Are you there?
    Ping(Ping),
    /// Yes.
    Pong(Pong),
    /// Whom do you know near this target?
    FindNode(FindNode),
    /// These.
    Neighbours(Neighbours),
    /// What is your record?
    EnrRequest(EnrRequest),
    /// This.
    EnrResponse(EnrResponse),
}

/// `[version, from, to, expiration, enr-seq?]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Where the sender believes to be. Only its TCP port is of use.
    pub from: Endpoint,
    /// Where the sender believes the recipient to be.
    pub to: Endpoint,
    /// UNIX time.
    pub expiration: u64,
    /// The sequence number of the sender's record, if it has one (EIP-868).
    pub enr_seq: Option<u64>,
}

/// `[to, ping-hash, expiration, enr-seq?]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pong {
    /// Where the ping came from: how its sender looks from outside.
    pub to: Endpoint,
    /// The hash in front of the ping.
    pub ping: Digest,
    /// UNIX time.
    pub expiration: u64,
    /// The sequence number of the sender's record, if it has one (EIP-868).
    pub enr_seq: Option<u64>,
}

/// `[target, expiration]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindNode {
    /// Any 64 bytes: nodes whose ids' hashes are near the hash of these are wanted.
    pub target: NodeId,
    /// UNIX time.
    pub expiration: u64,
}

/// `[nodes, expiration]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// At most [`MAX_PER_PACKET`] if the packet is to fit a datagram whatever they are.
    pub nodes: Vec<Neighbour>,
    /// UNIX time.
    pub expiration: u64,
}

/// `[expiration]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnrRequest {
    /// UNIX time.
    pub expiration: u64,
}

/// `[request-hash, record]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrResponse {
    /// The hash in front of the request.
    pub request: Digest,
    /// The record's RLP, not looked at: see [`record`](Self::record).
    pub rlp: Bytes,
}

impl EnrResponse {
    /// The record.
    ///
    /// # Errors
    ///
    /// If it is none. Costs a signature check, so only an answer to what was asked should be read.
    pub fn record(&self) -> Result<Record, RecordError> {
        Record::decode(&self.rlp)
    }
}

impl Packet {
    /// Which of the six it is.
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

    /// Until when the packet counts, in UNIX time. An [`EnrResponse`] does not say.
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

    /// Appends the body: one list, neither hashed nor signed. [`seal`](Self::seal) does all that a packet
    /// needs to be sent.
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

    /// Reads the body of a packet of this `kind`. As EIP-8 asks for, the version, further elements
    /// and bytes behind the list are ignored.
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

/// The sequence number at the end, if there is one. What stands there before EIP-868 was thought of
/// (EIP-8's own test vectors have a list) is somebody's extra element, not an error.
fn enr_seq(list: &mut List<'_>) -> Option<u64> {
    list.item().and_then(|item| item.uint()).ok()
}
