//! shh/5, as go-ethereum up to 1.8 speaks it.
//!
//! It has no words for requirements: nobody says what it wants, and everybody is sent everything.
//! What has too little work is dropped by its nodes without a word.

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

/// The version alone, not even in a list.
fn encode_status(_: &Status) -> Bytes {
    rlp::encode(&VERSION).into()
}

/// Bytes after the version are ignored, as by go-ethereum.
fn decode_status(payload: &[u8]) -> Result<Status, Fault> {
    let (packet, _) = Item::parse_prefix(payload).map_err(Fault::MalformedStatus)?;
    let theirs = packet.uint().map_err(Fault::MalformedStatus)?;
    if theirs != VERSION {
        return Err(Fault::WrongVersion { theirs, ours: VERSION });
    }
    Ok(Status::default())
}

/// One envelope, bare. Bytes after it are ignored, as by go-ethereum.
fn envelopes(payload: &Bytes) -> Result<Envelopes<'_>, rlp::Error> {
    let (packet, _) = Item::parse_prefix(payload)?;
    Ok(Envelopes { dialect: Dialect::V5, payload, rest: Rest::One(Some(packet)) })
}
