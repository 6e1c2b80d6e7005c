//! RLPx: handshake packets and frames, of an unknown sender and of a peer after the handshake.

use bytes::{Bytes, BytesMut};
use p2p_identity::{SecretKey, ecies};
use rlpx_transport::{HandshakeStep, Initiator, MAX_HANDSHAKE_SIZE, Recipient, Session};

use crate::fixture;

/// An auth packet: first the bytes as they are, then as the body of a packet that opens.
pub fn auth(data: &[u8]) {
    let key = fixture::key(1);
    let raw = recipient(&key, &[data]);
    assert_eq!(
        raw,
        recipient(&key, &pieces(data)),
        "the result must not depend on the sizes of the reads"
    );
    if let Some(packet) = packet(&key, data) {
        let whole = recipient(&key, &[&packet]);
        assert_eq!(whole, recipient(&key, &pieces(&packet)));
        assert_ne!(whole, HandshakeOutcome::NeedsMore, "the packet is complete");
    }
}

/// An ack packet, in the same two ways.
pub fn ack(data: &[u8]) {
    let (key, peer) = (fixture::key(1), fixture::key(2));
    let raw = initiator(&key, &peer, &[data]);
    assert_eq!(raw, initiator(&key, &peer, &pieces(data)));
    if let Some(packet) = packet(&key, data) {
        let whole = initiator(&key, &peer, &[&packet]);
        assert_eq!(whole, initiator(&key, &peer, &pieces(&packet)));
        assert_ne!(whole, HandshakeOutcome::NeedsMore, "the packet is complete");
    }
}

/// Bytes that were not sealed are refused. A sealed message arrives in any pieces; the next one does not with one bit
/// changed. One connection is used for all, because the handshake is slow.
pub fn frame(data: &[u8]) {
    let (mut near, mut far) = sessions();
    let mut input = BytesMut::from(data);
    assert!(
        matches!(far.opener.open(&mut input), Ok(None) | Err(_)),
        "these bytes were not sealed"
    );

    let code = u64::from(data.first().copied().unwrap_or_default());
    let mut wire = BytesMut::new();
    far.sealer
        .seal(code, data, &mut wire)
        .unwrap_or_else(|error| panic!("a payload within the limit: {error}"));
    let mut input = BytesMut::new();
    let mut arrived = None;
    for part in pieces(&wire) {
        assert!(arrived.is_none(), "the frame was not complete");
        input.extend_from_slice(part);
        arrived =
            near.opener.open(&mut input).unwrap_or_else(|error| panic!("a sealed frame: {error}"));
    }
    let arrived = arrived.unwrap_or_else(|| panic!("the frame was complete"));
    assert_eq!((arrived.code, &arrived.payload[..]), (code, data));

    wire.clear();
    far.sealer
        .seal(code, data, &mut wire)
        .unwrap_or_else(|error| panic!("a payload within the limit: {error}"));
    let bit = fixture::position(data, 8 * wire.len());
    wire[bit / 8] ^= 1 << (bit % 8);
    assert!(near.opener.open(&mut wire).is_err(), "bit {bit}");
}

/// Any bytes as Snappy data: the output is within the limit and within the maximum ratio. Compressed data inflates to
/// the same bytes.
pub fn snappy(data: &[u8]) {
    const LIMIT: usize = 1 << 16;
    let (mut near, mut far) = sessions();
    near.opener.enable_snappy();
    near.opener.set_limit(LIMIT);
    let mut wire = BytesMut::new();
    far.sealer
        .seal(16, data, &mut wire)
        .unwrap_or_else(|error| panic!("a payload within the limit: {error}"));
    if let Ok(message) = near.opener.open(&mut wire) {
        let message = message.unwrap_or_else(|| panic!("the frame was complete"));
        assert!(message.payload.len() <= LIMIT);
        assert!(
            message.payload.len() <= 64 * data.len(),
            "too much output from {} bytes",
            data.len()
        );
    }

    near.sealer.enable_snappy();
    far.opener.enable_snappy();
    let mut wire = BytesMut::new();
    near.sealer
        .seal(16, data, &mut wire)
        .unwrap_or_else(|error| panic!("a payload within the limit: {error}"));
    let message =
        far.opener.open(&mut wire).unwrap_or_else(|error| panic!("a sealed frame: {error}"));
    assert_eq!(message.map(|message| message.payload), Some(Bytes::copy_from_slice(data)));
}

/// The outcome of a handshake.
#[derive(Debug, PartialEq)]
enum HandshakeOutcome {
    NeedsMore,
    Finished,
    Refused(String),
}

fn recipient(key: &SecretKey, parts: &[&[u8]]) -> HandshakeOutcome {
    let mut machine = Recipient::new(key);
    let mut input = BytesMut::new();
    for part in parts {
        input.extend_from_slice(part);
        machine = match machine.handle(&mut input, &mut fixture::rng()) {
            Ok(HandshakeStep::NeedMore(machine)) => machine,
            Ok(HandshakeStep::Done(_)) => return HandshakeOutcome::Finished,
            Err(error) => return HandshakeOutcome::Refused(error.to_string()),
        };
    }
    HandshakeOutcome::NeedsMore
}

fn initiator(key: &SecretKey, peer: &SecretKey, parts: &[&[u8]]) -> HandshakeOutcome {
    let (mut machine, _) = start(key, peer);
    let mut input = BytesMut::new();
    for part in parts {
        input.extend_from_slice(part);
        machine = match machine.handle(&mut input) {
            Ok(HandshakeStep::NeedMore(machine)) => machine,
            Ok(HandshakeStep::Done(_)) => return HandshakeOutcome::Finished,
            Err(error) => return HandshakeOutcome::Refused(error.to_string()),
        };
    }
    HandshakeOutcome::NeedsMore
}

fn start(key: &SecretKey, peer: &SecretKey) -> (Initiator, Vec<u8>) {
    Initiator::start(key, &peer.public_key(), &mut fixture::rng())
}

/// An EIP-8 packet to `key` with `body` inside; none if it would be too long.
fn packet(key: &SecretKey, body: &[u8]) -> Option<Vec<u8>> {
    let size = body.len() + ecies::OVERHEAD;
    let prefix = u16::try_from(size).ok().filter(|_| size <= MAX_HANDSHAKE_SIZE)?.to_be_bytes();
    let sealed = ecies::seal_with(&fixture::key(3), [4; 16], &key.public_key(), body, &prefix);
    Some([&prefix[..], &sealed].concat())
}

/// The two ends of one connection, the same in every run.
pub(crate) fn sessions() -> (Session, Session) {
    let (near, far) = (fixture::key(1), fixture::key(2));
    let (initiator, auth) = start(&near, &far);
    let Ok(HandshakeStep::Done(accepted)) =
        Recipient::new(&far).handle(&mut BytesMut::from(&auth[..]), &mut fixture::rng())
    else {
        panic!("the auth packet is valid")
    };
    let Ok(HandshakeStep::Done(session)) = initiator.handle(&mut BytesMut::from(&accepted.ack[..]))
    else {
        panic!("the ack packet is valid")
    };
    (session, accepted.session)
}

/// The bytes in two pieces, split at a position that depends on them.
fn pieces(data: &[u8]) -> [&[u8]; 2] {
    let (first, second) = data.split_at(fixture::position(data, data.len()));
    [first, second]
}
