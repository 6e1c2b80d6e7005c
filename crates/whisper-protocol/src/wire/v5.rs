//! shh/5, as in go-ethereum up to 1.8.
//!
//! The dialect has no messages for requirements: every node is sent all envelopes, and drops those with too little work
//! without reporting it.

use bytes::Bytes;
use p2p_mux::rlp::{self, Item};
use whisper_envelope::Dialect;
use whisper_pow::Rule;

use super::{Envelopes, PackedEnvelopes, PacketKind, Rest, Wire};
use crate::{wire::fault::Fault, wire::status::Status};

const VERSION: u64 = 5;

/// The table of shh/5.
pub(crate) static V5: Wire = Wire {
    dialect: Dialect::V5,
    version: VERSION,
    length: 64,
    codes: &[
        (0, PacketKind::Status),
        (1, PacketKind::Envelopes),
        (2, PacketKind::Direct),
        (3, PacketKind::Request),
    ],
    rule: Some(Rule::GETH_1_8),
    encode_status,
    decode_status,
    // One packet for each envelope.
    encode_envelopes: PackedEnvelopes::into_each,
    envelopes,
};

/// Encodes the status: only the version, without a list.
fn encode_status(_: &Status) -> Bytes {
    rlp::encode(&VERSION).into()
}

/// Reads a status. Bytes after the version are ignored, as by go-ethereum.
fn decode_status(payload: &[u8]) -> Result<Status, Fault> {
    let (packet, _) = Item::parse_prefix(payload).map_err(Fault::MalformedStatus)?;
    let theirs = packet.uint().map_err(Fault::MalformedStatus)?;
    if theirs != VERSION {
        return Err(Fault::WrongVersion { theirs, ours: VERSION });
    }
    Ok(Status::default())
}

/// Reads a packet of one envelope, which is not in a list. Bytes after it are ignored, as by go-ethereum.
fn envelopes(payload: &Bytes) -> Result<Envelopes<'_>, rlp::Error> {
    let (packet, _) = Item::parse_prefix(payload)?;
    Ok(Envelopes { dialect: Dialect::V5, payload, rest: Rest::One(Some(packet)) })
}
