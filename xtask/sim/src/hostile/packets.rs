//! Packets of shh/6 as an honest node would not send them.

use std::time::UNIX_EPOCH;

use bytes::{Bytes, BytesMut};
use p2p_server::mux::rlp::{self, Encodable, Item};
use p2p_world::{World, rng};
use whisper_envelope::{Dialect, Envelope, Topic, Unsealed};

use crate::members::TOPICS;

pub(super) const STATUS: u64 = 0;
pub(super) const ENVELOPES: u64 = 1;
pub(super) const MIN_WORK: u64 = 2;
pub(super) const BLOOM: u64 = 3;
pub(super) const REQUEST: u64 = 126;
pub(super) const DIRECT: u64 = 127;
pub(super) const LAST_CODE: u64 = 127;

/// The largest envelope that a node accepts by default.
const MAX_SIZE: usize = 1024 * 1024;

/// How far in the future an envelope may be.
const TOLERANCE: u32 = 10;

/// A time to live that is short, so that what is accepted does not stay.
const SHORT: u32 = 20;

/// A status that wants everything.
pub(super) fn status(confirmations: bool) -> Bytes {
    let fields: [&dyn Encodable; 5] =
        [&6_u64, &0_u64, &&[][..] as &dyn Encodable, &false, &confirmations];
    let mut out = BytesMut::new();
    rlp::encode_list(&mut out, &fields);
    out.freeze()
}

pub(super) fn unix_seconds(world: &dyn World) -> u32 {
    let time = world.unix_time().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

/// Envelopes just inside and just outside of each limit.
pub(super) fn edges(now: u32) -> Bytes {
    let size = |length: usize| vec![0; length];
    let mut envelopes: Vec<(u32, u32, Vec<u8>)> = [
        (now, SHORT),
        (now.saturating_sub(1), SHORT),
        (now + SHORT, SHORT),
        (now + SHORT + TOLERANCE, SHORT),
        (now + SHORT + TOLERANCE + 1, SHORT),
        (now + SHORT, 0),
        (now + SHORT, 1),
        (now + SHORT, u32::MAX),
        (u32::MAX, SHORT),
        (0, 0),
        (0, u32::MAX),
    ]
    .map(|(expiry, ttl)| (expiry, ttl, size(100)))
    .into();
    envelopes.push((now + SHORT, SHORT, size(0)));
    // Large ones are rare: they cost the simulation much.
    if now.is_multiple_of(10) {
        let most = MAX_SIZE - 20;
        envelopes.extend([most, most + 1].map(|length| (now + 2, 2, size(length))));
    }
    list(envelopes.iter().map(|(expiry, ttl, data)| {
        let topic = Topic(TOPICS[0].0.map(|byte| byte ^ rng().bytes::<1>()[0]));
        Unsealed::v6(*expiry, *ttl, topic, data).seal(rng().number())
    }))
}

/// Envelopes that were sent hours ago, or will be.
pub(super) fn at_wrong_times(now: u32) -> Bytes {
    list((0..8).map(|_| {
        let [high, low] = rng().bytes::<2>();
        let by = u32::from(u16::from_be_bytes([high, low])) % 7200;
        let expiry = (now + SHORT + by).saturating_sub(3600);
        Unsealed::v6(expiry, SHORT, TOPICS[0], &rng().bytes::<64>()).seal(rng().number())
    }))
}

/// The same messages with other nonces.
pub(super) fn reseal(payload: &Bytes) -> Bytes {
    let items = Item::parse(payload).and_then(|packet| packet.items());
    let items: Vec<Item<'_>> = items.into_iter().flatten().filter_map(Result::ok).collect();
    let envelopes = items
        .iter()
        .filter_map(|item| Envelope::decode(Dialect::V6, payload.slice_ref(item.raw())).ok());
    let resealed = envelopes.map(|envelope| {
        let (expiry, ttl, topic) = (envelope.expiry(), envelope.ttl(), envelope.topic());
        Unsealed::v6(expiry, ttl, topic, envelope.data()).seal(rng().number())
    });
    list(resealed)
}

/// A bloom of all topics, of none, of some, or of a wrong length.
pub(super) fn bloom(draw: u64) -> Bytes {
    let bloom: Vec<u8> = match draw % 16 {
        0..4 => vec![0; 64],
        4..8 => vec![0xff; 64],
        8..15 => rng().bytes::<64>().into(),
        _ => vec![0; 63],
    };
    rlp::encode(&bloom[..]).into()
}

/// A work requirement that is low, high, or no number.
pub(super) fn min_work(draw: u64) -> Bytes {
    let work = match draw % 16 {
        0..8 => 0.0,
        8..12 => 1e300,
        12..15 => 0.002,
        _ => f64::NAN,
    };
    rlp::encode(&f64::to_bits(work)).into()
}

fn list(envelopes: impl Iterator<Item = Envelope>) -> Bytes {
    let raw: Vec<Bytes> = envelopes.map(|envelope| envelope.raw().clone()).collect();
    let mut out = BytesMut::new();
    let payload_length = raw.iter().map(Bytes::len).sum();
    rlp::Header { list: true, payload_length }.encode(&mut out);
    raw.iter().for_each(|raw| out.extend_from_slice(raw));
    out.freeze()
}
