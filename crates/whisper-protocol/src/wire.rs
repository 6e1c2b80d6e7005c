//! Packets on the wire: what the dialects of Whisper have in common, and the table in which they
//! differ.
//!
//! A dialect is one constant of type [`Wire`]; nothing outside this module asks for a version.
//! Source: EIP-627 and the behaviour of go-ethereum 1.8 and 1.9.

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

/// What a packet is for, in every dialect that has it.
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
    /// From a mail server.
    Completion,
    /// For a mail server.
    Request,
    /// From a trusted peer to this node alone.
    Direct,
}

/// One dialect of Whisper: its codes and the forms of its packets.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) dialect: Dialect,
    /// Version of the capability "shh".
    pub(crate) version: u64,
    /// How many message codes the capability reserves.
    pub(crate) length: u64,
    pub(crate) codes: &'static [(u64, PacketKind)],
    /// The rule by which all of its nodes compute work, where there is but one.
    pub(crate) rule: Option<Rule>,
    pub(crate) encode_status: fn(&Status) -> Bytes,
    pub(crate) decode_status: fn(&[u8]) -> Result<Status, Fault>,
    /// Packets for these envelopes: one list of all of them, or one each.
    pub(crate) encode_envelopes: fn(PackedEnvelopes) -> Vec<Bytes>,
    /// The envelopes of one packet of kind [`PacketKind::Envelopes`].
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

    /// Which rules of work hold in this dialect, where the node's choice is `policy`.
    pub(crate) fn policy(&self, policy: &Policy) -> Policy {
        match self.rule {
            Some(rule) => Policy { seal: rule, accept: vec![rule] },
            None => policy.clone(),
        }
    }

    /// What a code stands for; `None` for codes that this node does not know, which are to be
    /// ignored.
    pub(crate) fn kind(&self, code: u64) -> Option<PacketKind> {
        self.codes.iter().find(|(known, _)| *known == code).map(|(_, kind)| *kind)
    }

    /// The code of a kind of packet; `None` where the dialect has none.
    pub(crate) fn code(&self, kind: PacketKind) -> Option<u64> {
        self.codes.iter().find(|(_, known)| *known == kind).map(|(code, _)| *code)
    }

    /// The envelopes of a direct message: one alone, as EIP-627 and go-ethereum have it, or a list
    /// of them, as Status sends more than one.
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

/// The envelopes of one packet, decoded one by one: a malformed one does not take away those before
/// it. They are hashed later, together.
#[derive(Debug)]
pub(crate) struct Envelopes<'a> {
    dialect: Dialect,
    payload: &'a Bytes,
    rest: Rest<'a>,
}

impl Iterator for Envelopes<'_> {
    type Item = Result<Unhashed, EnvelopeError>;

    /// The envelope shares the packet's buffer: whoever keeps it must detach it.
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

/// The body of a work requirement: the bits of the number, as an integer.
pub(crate) fn encode_min_work(min_work: Work) -> Bytes {
    rlp::encode(&min_work.get().to_bits()).into()
}

/// Reads the body of a work requirement. Bytes after it are ignored, as by go-ethereum.
pub(crate) fn decode_min_work(code: u64, payload: &[u8]) -> Result<Work, Fault> {
    let malformed = |error| Fault::MalformedPacket { code, error };
    let (item, _) = Item::parse_prefix(payload).map_err(malformed)?;
    min_work_from_bits(item.uint().map_err(malformed)?)
}

/// The body of a bloom: always all of its 64 bytes.
pub(crate) fn encode_bloom(bloom: &Bloom) -> Bytes {
    rlp::encode(&bloom.0[..]).into()
}

/// Reads the body of a bloom. Bytes after it are ignored, as by go-ethereum.
pub(crate) fn decode_bloom(code: u64, payload: &[u8]) -> Result<Bloom, Fault> {
    let malformed = |error| Fault::MalformedPacket { code, error };
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
