//! shh/6, as in go-ethereum and compatible nodes.

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

/// Encodes the status: `[6, bits of the work requirement, bloom, light client]`. A bloom of all topics is encoded as
/// empty. If they are set, status-im's extensions follow: `confirmations, [rate limits]`.
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

/// Reads a status. Only the version is mandatory. As in go-ethereum, from the first element that is missing or of another
/// type on, the elements have their defaults (no work required, all topics, not a light client, no extensions). Further
/// elements are ignored.
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
    let extension = next(&mut list);
    status.is_extended = extension.is_some();
    let Some(confirmations) = extension.and_then(|item| item.bool().ok()) else {
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

/// Reads a packet with a list of envelopes. Bytes after the list are ignored, as by go-ethereum.
fn envelopes(payload: &Bytes) -> Result<Envelopes<'_>, rlp::Error> {
    let (packet, _) = Item::parse_prefix(payload)?;
    Ok(Envelopes { dialect: Dialect::V6, payload, rest: Rest::List(packet.items()?) })
}
