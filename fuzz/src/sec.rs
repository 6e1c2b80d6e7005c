//! `sec/1`: the elements of the handshake, records, and the pieces in them.

use bytes::{Bytes, BytesMut};
use rlp_codec::{Encodable, Item, Raw, encode_list};
use rlpx_transport::{Accepted, HandshakeStep, MAX_PIECE, Part, Recipient};

use crate::{
    fixture,
    handshake::{
        INITIATOR, RECIPIENT, answer, opens_what_was_sealed, packet, repeatable_sec, sessions,
        start,
    },
};

/// An auth packet with any bytes as the element of `sec/1`: refused, or answered. The two ends never have the same keys.
pub fn sec_auth(data: &[u8]) {
    let (initiator, good) = start(&repeatable_sec());
    let auth = with_element(&good, &element(&good, data, RECIPIENT), RECIPIENT);
    let recipient = Recipient::with_sec(&fixture::key(RECIPIENT), &repeatable_sec());
    let answer = recipient.handle(&mut BytesMut::from(&auth[..]), &mut fixture::rng());
    if let Ok(step) = answer {
        let HandshakeStep::Done(accepted) = step else { panic!("the packet is complete") };
        assert_eq!(accepted.session.remote, fixture::key(INITIATOR).id());
        // The initiator sent this message in another packet, so its keys are others.
        if let Ok(HandshakeStep::Done(mut session)) =
            initiator.handle(&mut BytesMut::from(&accepted.ack[..]))
        {
            let mut wire = BytesMut::new();
            let sealed = session.sealer.seal(16, b"data", &mut wire);
            assert!(sealed.is_ok());
            let mut far = accepted.session;
            assert!(!matches!(far.opener.open(&mut wire), Ok(Some(_))));
        }
    }
}

/// An ack packet with any bytes as the element of `sec/1`: refused, or taken. The two ends never have
/// the same keys.
pub fn sec_ack(data: &[u8]) {
    let (initiator, auth) = start(&repeatable_sec());
    let Accepted { session: mut far, ack: good } = answer(&auth, &repeatable_sec());
    let ack = with_element(&good, &element(&good, data, INITIATOR), INITIATOR);
    if let Ok(step) = initiator.handle(&mut BytesMut::from(&ack[..])) {
        let HandshakeStep::Done(mut near) = step else { panic!("the packet is complete") };
        let mut wire = BytesMut::new();
        assert!(far.sealer.seal(16, b"data", &mut wire).is_ok());
        let opened = near.opener.open(&mut wire);
        assert!(!matches!(opened, Ok(Some(_))), "{opened:?}");
    }
}

/// Only sealed bytes are a record, in any pieces and without a changed bit. With another length it may wait for more.
pub fn record(data: &[u8]) {
    let changed = opens_what_was_sealed(sessions(&repeatable_sec()), data);
    assert!(!matches!(changed, Ok(Some(_))), "a record with a changed bit: {changed:?}");
}

/// The input is a list of pieces of a peer. What arrives is what a simple model joins, up to its first error.
pub fn pieces(data: &[u8]) {
    let (mut near, mut far) = sessions(&repeatable_sec());
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

/// The elements of the list in a packet to the node with this key.
fn items(packet: &[u8], receiver: u8) -> Vec<Vec<u8>> {
    let opened = p2p_identity::ecies::open(&fixture::key(receiver), &packet[2..], &packet[..2]);
    let plaintext = opened.unwrap_or_else(|error| panic!("a packet for this key: {error}"));
    let list = Item::parse_prefix(&plaintext).and_then(|(list, _)| list.items());
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
fn with_element(good: &[u8], element: &[u8], receiver: u8) -> Vec<u8> {
    let mut all = items(good, receiver);
    all.pop();
    let raw: Vec<Raw<'_>> = all.iter().map(|item| Raw(item)).collect();
    let mut fields: Vec<&dyn Encodable> = raw.iter().map(|item| item as &dyn Encodable).collect();
    fields.push(&element);
    let mut plaintext = Vec::new();
    encode_list(&mut plaintext, &fields);
    plaintext.resize(plaintext.len() + 120, 0);
    packet(&fixture::key(receiver), &plaintext).unwrap_or_else(|| panic!("it fits"))
}
