//! RLPx: handshake packets and frames from a stranger, and from a peer that has finished the handshake.

use bytes::{Bytes, BytesMut};
use p2p_identity::{SecretKey, ecies};
use rlpx_transport::{Initiator, MAX_HANDSHAKE_SIZE, Recipient, Session, Step};

use crate::fixture;

/// An auth packet: first the bytes as they are, then as the body of a packet that opens.
pub fn auth(data: &[u8]) {
    let key = fixture::key(1);
    let raw = recipient(&key, &[data]);
    assert_eq!(raw, recipient(&key, &halves(data)), "where the reads were cut must not matter");
    if let Some(packet) = packet(&key, data) {
        let whole = recipient(&key, &[&packet]);
        assert_eq!(whole, recipient(&key, &halves(&packet)));
        assert_ne!(whole, Verdict::NeedsMore, "the packet is complete");
    }
}

/// An ack packet, in the same two ways.
pub fn ack(data: &[u8]) {
    let (key, peer) = (fixture::key(1), fixture::key(2));
    let raw = initiator(&key, &peer, &[data]);
    assert_eq!(raw, initiator(&key, &peer, &halves(data)));
    if let Some(packet) = packet(&key, data) {
        let whole = initiator(&key, &peer, &[&packet]);
        assert_eq!(whole, initiator(&key, &peer, &halves(&packet)));
        assert_ne!(whole, Verdict::NeedsMore, "the packet is complete");
    }
}

/// Bytes that no session sealed are refused; a sealed message arrives, however it is cut, and the next not when a bit is
/// changed. All on one connection, because making it takes longer than all the rest.
pub fn frame(data: &[u8]) {
    let (mut near, mut far) = sessions();
    let mut input = BytesMut::from(data);
    assert!(matches!(far.opener.open(&mut input), Ok(None) | Err(_)), "nobody sealed this");

    let code = u64::from(data.first().copied().unwrap_or_default());
    let mut wire = BytesMut::new();
    far.sealer.seal(code, data, &mut wire).unwrap_or_else(|error| panic!("it fits, but {error}"));
    let mut input = BytesMut::new();
    let mut arrived = None;
    for part in halves(&wire) {
        assert!(arrived.is_none(), "the frame was not complete");
        input.extend_from_slice(part);
        arrived = near
            .opener
            .open(&mut input)
            .unwrap_or_else(|error| panic!("it was sealed, but {error}"));
    }
    let arrived = arrived.unwrap_or_else(|| panic!("the frame was complete"));
    assert_eq!((arrived.code, &arrived.payload[..]), (code, data));

    wire.clear();
    far.sealer.seal(code, data, &mut wire).unwrap_or_else(|error| panic!("it fits, but {error}"));
    let bit = fixture::place(data, 8 * wire.len());
    wire[bit / 8] ^= 1 << (bit % 8);
    assert!(near.opener.open(&mut wire).is_err(), "bit {bit}");
}

/// What a peer says is Snappy: no more comes out than it declared, nor more than the limit. And what we compress is
/// inflated to what it was.
pub fn snappy(data: &[u8]) {
    const LIMIT: usize = 1 << 16;
    let (mut near, mut far) = sessions();
    near.opener.enable_snappy();
    near.opener.set_limit(LIMIT);
    let mut wire = BytesMut::new();
    far.sealer.seal(16, data, &mut wire).unwrap_or_else(|error| panic!("it fits, but {error}"));
    if let Ok(message) = near.opener.open(&mut wire) {
        let message = message.unwrap_or_else(|| panic!("the frame was complete"));
        assert!(message.payload.len() <= LIMIT);
        assert!(
            message.payload.len() <= 64 * data.len(),
            "a block cannot say that much in {} bytes",
            data.len()
        );
    }

    near.sealer.enable_snappy();
    far.opener.enable_snappy();
    let mut wire = BytesMut::new();
    near.sealer.seal(16, data, &mut wire).unwrap_or_else(|error| panic!("it fits, but {error}"));
    let message =
        far.opener.open(&mut wire).unwrap_or_else(|error| panic!("it was sealed, but {error}"));
    assert_eq!(message.map(|message| message.payload), Some(Bytes::copy_from_slice(data)));
}

/// How a handshake ended.
#[derive(Debug, PartialEq)]
enum Verdict {
    NeedsMore,
    Finished,
    Refused(String),
}

fn recipient(key: &SecretKey, parts: &[&[u8]]) -> Verdict {
    let mut machine = Recipient::new(key);
    let mut input = BytesMut::new();
    for part in parts {
        input.extend_from_slice(part);
        machine = match machine.handle(&mut input, &mut fixture::rng()) {
            Ok(Step::NeedMore(machine)) => machine,
            Ok(Step::Done(_)) => return Verdict::Finished,
            Err(error) => return Verdict::Refused(error.to_string()),
        };
    }
    Verdict::NeedsMore
}

fn initiator(key: &SecretKey, peer: &SecretKey, parts: &[&[u8]]) -> Verdict {
    let (mut machine, _) = start(key, peer);
    let mut input = BytesMut::new();
    for part in parts {
        input.extend_from_slice(part);
        machine = match machine.handle(&mut input) {
            Ok(Step::NeedMore(machine)) => machine,
            Ok(Step::Done(_)) => return Verdict::Finished,
            Err(error) => return Verdict::Refused(error.to_string()),
        };
    }
    Verdict::NeedsMore
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
    let Ok(Step::Done(accepted)) =
        Recipient::new(&far).handle(&mut BytesMut::from(&auth[..]), &mut fixture::rng())
    else {
        panic!("our auth is good")
    };
    let Ok(Step::Done(session)) = initiator.handle(&mut BytesMut::from(&accepted.ack[..])) else {
        panic!("our ack is good")
    };
    (session, accepted.session)
}

/// The bytes in two pieces, cut where they say.
fn halves(data: &[u8]) -> [&[u8]; 2] {
    let (first, second) = data.split_at(fixture::place(data, data.len()));
    [first, second]
}
