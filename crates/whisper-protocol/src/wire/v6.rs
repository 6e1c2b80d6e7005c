//! shh/6, as go-ethereum and its kin speak it.

use bytes::{Bytes, BytesMut};
use p2p_mux::rlp::{self, Item, List};
use whisper_envelope::{Bloom, Dialect};

use super::{Envelopes, PacketKind, Rest, Wire, bloom_from_bytes, min_work_from_bits};
use crate::{wire::fault::Fault, wire::packet::Rates, wire::status::Status};

const VERSION: u64 = 6;

/// The table of shh/6.
pub(crate) static V6: Wire = Wire {
    dialect: Dialect::V6,
    version: VERSION,
    length: 128,
    codes: &[
        (0, PacketKind::Status),
        (1, PacketKind::Envelopes),
        (2, PacketKind::MinWork),
        (3, PacketKind::Bloom),
        (11, PacketKind::Ack),
        (12, PacketKind::Response),
        (20, PacketKind::Rates),
        (123, PacketKind::SyncRequest),
        (124, PacketKind::SyncResponse),
        (125, PacketKind::Completion),
        (126, PacketKind::Request),
        (127, PacketKind::Direct),
    ],
    rule: None,
    encode_status,
    decode_status,
    // One list of all envelopes.
    encode_envelopes: |envelopes| vec![envelopes.into_list()],
    envelopes,
};

/// `[6, bits of the work requirement, bloom, light client]`; the bloom of a node that wants
/// everything is empty. Where it is of use, status-im's extensions follow:
/// `confirmations, [rate limits]`.
fn encode_status(status: &Status) -> Bytes {
    let bloom = if status.bloom == Bloom::FULL { &[][..] } else { &status.bloom.0[..] };
    let mut out = BytesMut::new();
    let bits = status.min_work.get().to_bits();
    let rates = status.rates.unwrap_or_default();
    let fields: [&dyn rlp::Encodable; 6] =
        [&VERSION, &bits, &bloom, &status.light, &status.confirmations, &rates];
    let known = match status {
        Status { rates: Some(_), .. } => 6,
        Status { confirmations: true, .. } => 5,
        _ => 4,
    };
    rlp::encode_list(&mut out, &fields[..known]);
    out.freeze()
}

/// Only the version is mandatory. As in go-ethereum, what is missing or of another type than
/// expected has its default (no work required, every topic, no light client, no extensions), and so
/// has all that follows it; further elements are ignored.
fn decode_status(payload: &[u8]) -> Result<Status, Fault> {
    let (packet, _) = Item::parse_prefix(payload).map_err(Fault::MalformedStatus)?;
    let mut list = packet.items().map_err(Fault::MalformedStatus)?;
    if list.is_empty() {
        return Err(Fault::EmptyStatus);
    }
    let theirs = list.uint().map_err(Fault::MalformedStatus)?;
    if theirs != VERSION {
        return Err(Fault::WrongVersion { theirs, ours: VERSION });
    }
    let mut status = Status::default();
    let Some(bits) = next(&mut list).and_then(|item| item.uint().ok()) else { return Ok(status) };
    status.min_work = min_work_from_bits(bits)?;
    let Some(bloom) = next(&mut list).and_then(|item| item.bytes().ok()) else { return Ok(status) };
    if !bloom.is_empty() {
        status.bloom = bloom_from_bytes(bloom)?;
    }
    let Some(light) = next(&mut list).and_then(|item| item.bool().ok()) else { return Ok(status) };
    status.light = light;
    let Some(confirmations) = next(&mut list).and_then(|item| item.bool().ok()) else {
        return Ok(status);
    };
    status.confirmations = confirmations;
    let rates = next(&mut list).and_then(|item| item.items().ok());
    status.rates = rates.and_then(|list| Rates::read(list).ok());
    Ok(status)
}

fn next<'a>(list: &mut List<'a>) -> Option<Item<'a>> {
    list.optional().ok().flatten()
}

/// Bytes after the list are ignored, as by go-ethereum.
fn envelopes(payload: &Bytes) -> Result<Envelopes<'_>, rlp::Error> {
    let (packet, _) = Item::parse_prefix(payload)?;
    Ok(Envelopes { dialect: Dialect::V6, payload, rest: Rest::List(packet.items()?) })
}
