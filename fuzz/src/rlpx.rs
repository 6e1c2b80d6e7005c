//! RLPx: handshake packets and frames, of an unknown sender and of a peer after the handshake.

use bytes::{Bytes, BytesMut};
use p2p_identity::SecretKey;
use rlpx_transport::{HandshakeStep, Recipient, SecSettings};

use crate::{
    fixture,
    handshake::{INITIATOR, opens_what_was_sealed, packet, sessions, split, start},
};

/// An auth packet: first the bytes as they are, then as the body of a packet that opens.
pub fn auth(data: &[u8]) {
    let key = fixture::key(1);
    let raw = recipient(&key, &[data]);
    assert_eq!(
        raw,
        recipient(&key, &split(data)),
        "the result must not depend on the sizes of the reads"
    );
    if let Some(packet) = packet(&key, data) {
        let whole = recipient(&key, &[&packet]);
        assert_eq!(whole, recipient(&key, &split(&packet)));
        assert_ne!(whole, HandshakeOutcome::NeedsMore, "the packet is complete");
    }
}

/// An ack packet, in the same two ways.
pub fn ack(data: &[u8]) {
    let raw = initiator(&[data]);
    assert_eq!(raw, initiator(&split(data)));
    if let Some(packet) = packet(&fixture::key(INITIATOR), data) {
        let whole = initiator(&[&packet]);
        assert_eq!(whole, initiator(&split(&packet)));
        assert_ne!(whole, HandshakeOutcome::NeedsMore, "the packet is complete");
    }
}

/// Only sealed bytes are a frame, in any pieces and without a changed bit.
pub fn frame(data: &[u8]) {
    let changed = opens_what_was_sealed(sessions(&SecSettings::off()), data);
    assert!(changed.is_err(), "a frame with a changed bit: {changed:?}");
}

/// Any bytes as Snappy data: the output is within the limit and within the maximum ratio. Compressed data inflates to
/// the same bytes.
pub fn snappy(data: &[u8]) {
    const LIMIT: usize = 1 << 16;
    let (mut near, mut far) = sessions(&SecSettings::off());
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

fn initiator(parts: &[&[u8]]) -> HandshakeOutcome {
    let (mut machine, _) = start(&SecSettings::off());
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
