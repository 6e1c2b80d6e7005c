//! Packets on the wire: what the dialects of Whisper have in common, and a table for each dialect.
//!
//! A dialect is one constant of type [`Wire`]; code outside this module does not depend on the version. Source: EIP-627
//! and the behavior of go-ethereum 1.8 and 1.9.

pub(crate) mod fault;
pub mod packet;
pub(crate) mod status;

use bytes::Bytes;
use p2p_mux::rlp::{self, Item, List};
use whisper_envelope::{Bloom, Dialect, EnvelopeError, Unhashed};
use whisper_pow::{Policy, Rule, Work};

use crate::{wire::fault::Fault, wire::status::Status};

mod packed;
mod v5;
mod v6;

pub(crate) use packed::PackedEnvelopes;
pub(crate) use v5::V5;
pub(crate) use v6::V6;

/// All dialects, the newest first.
pub(crate) static ALL: [&Wire; 2] = [&V6, &V5];

/// The kinds of packets. Not every dialect has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PacketKind {
    Status,
    Envelopes,
    MinWork,
    Bloom,
    Ack,
    Response,
    Rates,
    SyncRequest,
    SyncResponse,
    /// A mail server has answered a request.
    Completion,
    /// A request to a mail server.
    Request,
    /// A message of a trusted peer to this node, which is not relayed.
    Direct,
}

/// One dialect of Whisper: the codes and formats of its packets.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) dialect: Dialect,
    /// Version of the capability "shh".
    pub(crate) version: u64,
    /// Number of message codes that the capability reserves.
    pub(crate) length: u64,
    pub(crate) codes: &'static [(u64, PacketKind)],
    /// The rule that all nodes of the dialect compute work under; `None` if nodes may differ.
    pub(crate) rule: Option<Rule>,
    pub(crate) encode_status: fn(&Status) -> Bytes,
    pub(crate) decode_status: fn(&[u8]) -> Result<Status, Fault>,
    /// Encodes envelopes as packets: one packet with a list of all, or one packet for each.
    pub(crate) encode_envelopes: fn(PackedEnvelopes) -> Vec<Bytes>,
    /// Reads the envelopes of a packet of kind [`PacketKind::Envelopes`].
    pub(crate) envelopes: fn(&Bytes) -> Result<Envelopes<'_>, rlp::Error>,
}

impl Wire {
    /// The table of a dialect.
    pub(crate) fn of(dialect: Dialect) -> &'static Self {
        match dialect {
            Dialect::V5 => &V5,
            Dialect::V6 => &V6,
        }
    }

    /// The work policy in this dialect. `policy`: the configured one.
    pub(crate) fn policy(&self, policy: &Policy) -> Policy {
        match self.rule {
            Some(rule) => Policy { seal: rule, accept: vec![rule] },
            None => policy.clone(),
        }
    }

    /// The kind of packet with this code; `None` if the code is unknown. Packets with unknown codes are ignored.
    pub(crate) fn kind(&self, code: u64) -> Option<PacketKind> {
        self.codes.iter().find(|(known, _)| *known == code).map(|(_, kind)| *kind)
    }

    /// The code of a kind of packet; `None` if the dialect does not have it.
    pub(crate) fn code(&self, kind: PacketKind) -> Option<u64> {
        self.codes.iter().find(|(_, known)| *known == kind).map(|(code, _)| *code)
    }

    /// Reads the envelopes of a direct message: one envelope (EIP-627, go-ethereum), or a list of envelopes (status-im).
    pub(crate) fn direct<'a>(&self, payload: &'a Bytes) -> Result<Envelopes<'a>, rlp::Error> {
        let (packet, _) = Item::parse_prefix(payload)?;
        let is_batch = match packet.items()?.optional()? {
            Some(first) => first.is_list(),
            None => true,
        };
        let rest = if is_batch { Rest::List(packet.items()?) } else { Rest::One(Some(packet)) };
        Ok(Envelopes { dialect: self.dialect, payload, rest })
    }
}

#[derive(Debug)]
enum Rest<'a> {
    List(List<'a>),
    One(Option<Item<'a>>),
}

/// The envelopes of one packet, decoded one by one, so that the envelopes before a malformed one are not lost. They are
/// hashed later, together.
#[derive(Debug)]
pub(crate) struct Envelopes<'a> {
    dialect: Dialect,
    payload: &'a Bytes,
    rest: Rest<'a>,
}

impl Iterator for Envelopes<'_> {
    type Item = Result<Unhashed, EnvelopeError>;

    /// The envelope shares the packet's buffer. Detach it to keep it.
    fn next(&mut self) -> Option<Self::Item> {
        let item = match &mut self.rest {
            Rest::List(list) => list.next()?,
            Rest::One(item) => Ok(item.take()?),
        };
        let decode =
            |item: Item<'_>| Unhashed::decode(self.dialect, self.payload.slice_ref(item.raw()));
        Some(item.map_err(EnvelopeError::from).and_then(decode))
    }
}

/// Encodes a work requirement: the bits of the floating-point number, as an integer.
pub(crate) fn encode_min_work(min_work: Work) -> Bytes {
    rlp::encode(&min_work.get().to_bits()).into()
}

/// Reads the body of a work requirement. Bytes after it are ignored, as by go-ethereum.
pub(crate) fn decode_min_work(code: u64, payload: &[u8]) -> Result<Work, Fault> {
    let malformed = |source| Fault::MalformedPacket { code, source };
    let (item, _) = Item::parse_prefix(payload).map_err(malformed)?;
    min_work_from_bits(item.uint().map_err(malformed)?)
}

/// Encodes a bloom, always as 64 bytes.
pub(crate) fn encode_bloom(bloom: &Bloom) -> Bytes {
    rlp::encode(&bloom.0[..]).into()
}

/// Reads the body of a bloom. Bytes after it are ignored, as by go-ethereum.
pub(crate) fn decode_bloom(code: u64, payload: &[u8]) -> Result<Bloom, Fault> {
    let malformed = |source| Fault::MalformedPacket { code, source };
    let (item, _) = Item::parse_prefix(payload).map_err(malformed)?;
    bloom_from_bytes(item.bytes().map_err(malformed)?)
}

fn min_work_from_bits(bits: u64) -> Result<Work, Fault> {
    Work::new(f64::from_bits(bits)).ok_or(Fault::BadWork)
}

fn bloom_from_bytes(bytes: &[u8]) -> Result<Bloom, Fault> {
    bytes.try_into().map(Bloom).map_err(|_| Fault::BadBloom { length: bytes.len() })
}

#[cfg(test)]
mod tests;
