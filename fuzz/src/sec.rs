//! `sec/1`: the elements of the handshake, records, and the pieces in them.

use bytes::{Bytes, BytesMut};
use p2p_mux::transport::MAX_PIECE;
use rlp_codec::encode_list;
use rlpx_transport::{
    HandshakeStep, Initiator, Part, Recipient, SecLibrary, SecPolicy, SecSettings, Session, Stock,
    StockSize, Suite,
};

use crate::fixture;

/// An auth packet with any bytes as the element of `sec/1`: refused, or answered with a link that works.
pub fn sec_auth(data: &[u8]) {
    let (near, far) = (fixture::key(1), fixture::key(2));
    let (initiator, good) = start();
    let auth = with_element(&good, &element(&good, data, 2), 2);
    let recipient = Recipient::with_sec(&far, &settings());
    let answer = recipient.handle(&mut BytesMut::from(&auth[..]), &mut fixture::rng());
    if let Ok(step) = answer {
        let HandshakeStep::Done(accepted) = step else { panic!("the packet is complete") };
        assert_eq!(accepted.session.remote, near.id());
        // The initiator sent another packet, so its keys are others.
        if let Ok(HandshakeStep::Done(mut session)) =
            initiator.handle(&mut BytesMut::from(&accepted.ack[..]))
        {
            let mut wire = BytesMut::new();
            let sealed = session.sealer.seal(16, b"data", &mut wire);
            assert!(sealed.is_ok());
            let mut far = accepted.session;
            assert!(auth == good || !matches!(far.opener.open(&mut wire), Ok(Some(_))));
        }
    }
}

/// An ack packet with any bytes as the element of `sec/1`: refused, or taken.
pub fn sec_ack(data: &[u8]) {
    let (initiator, auth) = start();
    let recipient = Recipient::with_sec(&fixture::key(2), &settings());
    let Ok(HandshakeStep::Done(accepted)) =
        recipient.handle(&mut BytesMut::from(&auth[..]), &mut fixture::rng())
    else {
        panic!("the auth packet is valid")
    };
    let ack = with_element(&accepted.ack, &element(&accepted.ack, data, 1), 1);
    let mut far = accepted.session;
    if let Ok(step) = initiator.handle(&mut BytesMut::from(&ack[..])) {
        let HandshakeStep::Done(mut near) = step else { panic!("the packet is complete") };
        let mut wire = BytesMut::new();
        assert!(far.sealer.seal(16, b"data", &mut wire).is_ok());
        let opened = near.opener.open(&mut wire);
        assert!(ack == accepted.ack || !matches!(opened, Ok(Some(_))), "{opened:?}");
    }
}

/// Bytes that were not sealed are no record. A sealed message arrives in any pieces; the next one does not with one bit
/// changed.
pub fn record(data: &[u8]) {
    let (mut near, mut far) = sessions();
    let opened = far.opener.open(&mut BytesMut::from(data));
    assert!(matches!(opened, Ok(None) | Err(_)), "these bytes were not sealed");

    let code = u64::from(data.first().copied().unwrap_or_default());
    let mut wire = BytesMut::new();
    assert!(far.sealer.seal(code, data, &mut wire).is_ok());
    let (mut input, mut arrived) = (BytesMut::new(), None);
    let cut = fixture::position(data, wire.len());
    for part in [&wire[..cut], &wire[cut..]] {
        assert!(arrived.is_none(), "the message was not complete");
        input.extend_from_slice(part);
        arrived =
            near.opener.open(&mut input).unwrap_or_else(|error| panic!("a sealed record: {error}"));
    }
    let arrived = arrived.unwrap_or_else(|| panic!("the message was complete"));
    assert_eq!((arrived.code, &arrived.payload[..]), (code, data));

    wire.clear();
    assert!(far.sealer.seal(code, data, &mut wire).is_ok());
    let bit = fixture::position(data, 8 * wire.len());
    wire[bit / 8] ^= 1 << (bit % 8);
    assert!(!matches!(near.opener.open(&mut wire), Ok(Some(_))), "bit {bit}");
}

/// The input is a list of pieces of a peer. What arrives is what a simple model joins, up to its first error.
pub fn pieces(data: &[u8]) {
    let (mut near, mut far) = sessions();
    let (mut wire, mut script) = (BytesMut::new(), data);
    let mut sent = Vec::new();
    while let Some((&[step, size], rest)) = script.split_first_chunk() {
        let code = u64::from(step >> 4);
        let part = match step & 3 {
            0 => Part::Whole,
            1 => Part::Begin { length: usize::from(step >> 2) * 64 },
            2 => Part::More,
            _ => Part::Abort,
        };
        let payload = vec![size; usize::from(size) * usize::from(step >> 2 & 3) % MAX_PIECE];
        assert!(far.sealer.put_piece(code, part, &payload, &mut wire).is_ok());
        sent.push((code, part, Bytes::from(payload)));
        script = rest;
    }
    far.sealer.finish(&mut wire);
    let (expected, is_right) = joined(&sent);
    let mut heard = Vec::new();
    let ended = loop {
        match near.opener.open(&mut wire) {
            Ok(Some(message)) => heard.push((message.code, message.payload)),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert_eq!((heard, ended.is_ok()), (expected, is_right), "{ended:?}");
}

/// The messages up to the first error, and whether there is none.
fn joined(sent: &[(u64, Part, Bytes)]) -> (Vec<(u64, Bytes)>, bool) {
    let mut messages = Vec::new();
    let mut unfinished: Option<(u64, usize, Vec<u8>)> = None;
    for (code, part, data) in sent {
        match (part, &mut unfinished) {
            (Part::Whole, _) => messages.push((*code, data.clone())),
            (Part::Begin { length }, None) if !data.is_empty() && data.len() < *length => {
                unfinished = Some((*code, *length, data.to_vec()));
            }
            (Part::More, Some((begun, length, has)))
                if begun == code && !data.is_empty() && has.len() + data.len() <= *length =>
            {
                has.extend_from_slice(data);
                if has.len() == *length {
                    messages.push((*code, std::mem::take(has).into()));
                    unfinished = None;
                }
            }
            (Part::Abort, Some((begun, ..))) if begun == code && data.is_empty() => {
                unfinished = None;
            }
            _ => return (messages, false),
        }
    }
    (messages, true)
}

/// Settings with which a run can be repeated.
fn settings() -> SecSettings {
    let library = Some(SecLibrary::rust_crypto());
    SecSettings { policy: SecPolicy::Prefer, suite: Suite::ChaCha20Poly1305, library }
}

fn start() -> (Initiator, Vec<u8>) {
    let stock = Stock::new(&fixture::key(1), StockSize { keys: 0, peers: 0 });
    let to = fixture::key(2).public_key();
    Initiator::start_with(&stock, &to, &settings(), &mut fixture::rng())
        .unwrap_or_else(|error| panic!("a library: {error}"))
}

/// The two ends of one connection, the same in every run.
fn sessions() -> (Session, Session) {
    let (initiator, auth) = start();
    let recipient = Recipient::with_sec(&fixture::key(2), &settings());
    let Ok(HandshakeStep::Done(accepted)) =
        recipient.handle(&mut BytesMut::from(&auth[..]), &mut fixture::rng())
    else {
        panic!("the auth packet is valid")
    };
    let Ok(HandshakeStep::Done(session)) = initiator.handle(&mut BytesMut::from(&accepted.ack[..]))
    else {
        panic!("the ack packet is valid")
    };
    (session, accepted.session)
}

/// The elements of the list in a packet to the node with this key.
fn items(packet: &[u8], receiver: u8) -> Vec<Vec<u8>> {
    let opened = p2p_identity::ecies::open(&fixture::key(receiver), &packet[2..], &packet[..2]);
    let plaintext = opened.unwrap_or_else(|error| panic!("a packet for this key: {error}"));
    let list = rlp_codec::Item::parse_prefix(&plaintext).and_then(|(list, _)| list.items());
    let list = list.unwrap_or_else(|error| panic!("a list: {error}"));
    list.map_while(|item| Some(item.ok()?.raw().to_vec())).collect()
}

/// The right element with the input over its beginning, or the input as the element.
fn element(packet: &[u8], data: &[u8], receiver: u8) -> Vec<u8> {
    let last = items(packet, receiver).pop().unwrap_or_default();
    let mut good = rlp_codec::decode::<Bytes>(&last).map_or_else(|_| Vec::new(), Vec::from);
    match data.split_first() {
        Some((0..=127, rest)) if rest.len() <= good.len() => {
            good.iter_mut().zip(rest).for_each(|(byte, with)| *byte ^= with);
            good
        }
        _ => data.iter().take(1300).copied().collect(),
    }
}

/// The same message with another last element, sealed again for the node with this key.
fn with_element(packet: &[u8], element: &[u8], receiver: u8) -> Vec<u8> {
    let mut all = items(packet, receiver);
    all.pop();
    let raw: Vec<rlp_codec::Raw<'_>> = all.iter().map(|item| rlp_codec::Raw(item)).collect();
    let mut fields: Vec<&dyn rlp_codec::Encodable> =
        raw.iter().map(|item| item as &dyn rlp_codec::Encodable).collect();
    fields.push(&element);
    let mut plaintext = Vec::new();
    encode_list(&mut plaintext, &fields);
    plaintext.resize(plaintext.len() + 120, 0);
    let size = plaintext.len() + p2p_identity::ecies::OVERHEAD;
    let prefix = u16::try_from(size).unwrap_or(u16::MAX).to_be_bytes();
    let sealed = p2p_identity::ecies::seal_with(
        &fixture::key(3),
        [4; 16],
        &fixture::key(receiver).public_key(),
        &plaintext,
        &prefix,
    );
    [&prefix[..], &sealed].concat()
}
