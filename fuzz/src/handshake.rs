//! Shared by the targets of connections: handshakes and sessions that are the same in every run, and packets that open.

use bytes::BytesMut;
use p2p_identity::{SecretKey, ecies};
use rlpx_transport::{
    Accepted, FrameError, HandshakeStep, Initiator, MAX_HANDSHAKE_SIZE, Message, Recipient,
    SecLibrary, SecPolicy, SecSettings, Session, Stock, StockSize, Suite,
};

use crate::fixture;

/// The number of the initiator's key.
pub(crate) const INITIATOR: u8 = 1;
/// The number of the recipient's key.
pub(crate) const RECIPIENT: u8 = 2;

/// Settings for `sec/1` with which a run can be repeated.
pub(crate) fn repeatable_sec() -> SecSettings {
    let library = Some(SecLibrary::rust_crypto());
    SecSettings { policy: SecPolicy::Prefer, suite: Suite::ChaCha20Poly1305, library }
}

/// The initiator, and its auth packet.
pub(crate) fn start(sec: &SecSettings) -> (Initiator, Vec<u8>) {
    let stock = Stock::new(&fixture::key(INITIATOR), StockSize { keys: 0, peers: 0 });
    let to = fixture::key(RECIPIENT).public_key();
    Initiator::start_with(&stock, &to, sec, &mut fixture::rng())
        .unwrap_or_else(|error| panic!("a library: {error}"))
}

/// The recipient's answer to the packet of [`start`].
pub(crate) fn answer(auth: &[u8], sec: &SecSettings) -> Accepted {
    let recipient = Recipient::with_sec(&fixture::key(RECIPIENT), sec);
    match recipient.handle(&mut BytesMut::from(auth), &mut fixture::rng()) {
        Ok(HandshakeStep::Done(accepted)) => accepted,
        _ => panic!("the auth packet is valid"),
    }
}

/// The two ends of one connection.
pub(crate) fn sessions(sec: &SecSettings) -> (Session, Session) {
    let (initiator, auth) = start(sec);
    let Accepted { session, ack } = answer(&auth, sec);
    match initiator.handle(&mut BytesMut::from(&ack[..])) {
        Ok(HandshakeStep::Done(near)) => (near, session),
        _ => panic!("the ack packet is valid"),
    }
}

/// An EIP-8 packet to `key` with `body` inside; none if it would be too long.
pub(crate) fn packet(key: &SecretKey, body: &[u8]) -> Option<Vec<u8>> {
    let size = body.len() + ecies::OVERHEAD;
    let prefix = u16::try_from(size).ok().filter(|_| size <= MAX_HANDSHAKE_SIZE)?.to_be_bytes();
    let sealed = ecies::seal_with(&fixture::key(3), [4; 16], &key.public_key(), body, &prefix);
    Some([&prefix[..], &sealed].concat())
}

/// Bytes that were not sealed are refused. A sealed message arrives in any pieces. Returns what the next one comes to,
/// with one bit changed. One connection is used for all, because the handshake is slow.
pub(crate) fn opens_what_was_sealed(
    (mut near, mut far): (Session, Session),
    data: &[u8],
) -> Result<Option<Message>, FrameError> {
    let opened = far.opener.open(&mut BytesMut::from(data));
    assert!(matches!(opened, Ok(None) | Err(_)), "these bytes were not sealed");

    let code = u64::from(data.first().copied().unwrap_or_default());
    let mut wire = BytesMut::new();
    seal(&mut far, code, data, &mut wire);
    let (mut input, mut arrived) = (BytesMut::new(), None);
    for part in split(&wire) {
        assert!(arrived.is_none(), "the message was not complete");
        input.extend_from_slice(part);
        arrived = near.opener.open(&mut input).unwrap_or_else(|error| panic!("sealed: {error}"));
    }
    let arrived = arrived.unwrap_or_else(|| panic!("the message was complete"));
    assert_eq!((arrived.code, &arrived.payload[..]), (code, data));

    wire.clear();
    seal(&mut far, code, data, &mut wire);
    let bit = fixture::position(data, 8 * wire.len());
    wire[bit / 8] ^= 1 << (bit % 8);
    near.opener.open(&mut wire)
}

fn seal(from: &mut Session, code: u64, data: &[u8], wire: &mut BytesMut) {
    let sealed = from.sealer.seal(code, data, wire);
    sealed.unwrap_or_else(|error| panic!("a payload within the limit: {error}"));
}

/// The bytes in two pieces, split at a position that depends on them.
pub(crate) fn split(data: &[u8]) -> [&[u8]; 2] {
    let (first, second) = data.split_at(fixture::position(data, data.len()));
    [first, second]
}
