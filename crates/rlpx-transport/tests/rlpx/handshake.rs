//! The handshake with peers that are slow, wrong, new, old or hostile.

use crate::peers::{buffer, done, key, rng};
use bytes::BytesMut;
use p2p_identity::ecies::{self, EciesError};
use p2p_identity::{KeyError, SecretKey, SignatureError};
use proptest::prelude::*;
use rlp_codec::{Encodable, ErrorKind, encode_list};
use rlpx_transport::{
    Accepted, HandshakeError, HandshakeStep, Initiator, MAX_HANDSHAKE_SIZE, Recipient, Session,
};

fn start() -> (Initiator, Vec<u8>) {
    Initiator::start(&key(1), &key(2).public_key(), &mut rng(7))
}

fn answer(auth: &[u8]) -> Result<HandshakeStep<Recipient, Accepted>, HandshakeError> {
    Recipient::new(&key(2)).handle(&mut buffer(auth), &mut rng(8))
}

fn finish(ack: &[u8]) -> Result<HandshakeStep<Initiator, Session>, HandshakeError> {
    start().0.handle(&mut buffer(ack))
}

/// An EIP-8 packet with any plaintext, sealed to `to`.
fn packet(to: &SecretKey, plaintext: &[u8]) -> Vec<u8> {
    let size = u16::try_from(plaintext.len() + ecies::OVERHEAD).unwrap().to_be_bytes();
    let sealed = ecies::seal(&to.public_key(), plaintext, &size, &mut rng(9));
    [&size[..], &sealed].concat()
}

/// An auth as [`start`] sends it, with what it says replaced, and `padding` bytes after it.
fn auth(items: impl FnOnce(&mut Vec<Box<dyn Encodable>>), padding: usize) -> Vec<u8> {
    let nonce = [3; 32];
    let mut challenge = *key(1).ecdh(&key(2).public_key());
    challenge.iter_mut().zip(nonce).for_each(|(byte, with)| *byte ^= with);
    let signature = key(5).sign(&challenge).to_bytes();
    let mut fields: Vec<Box<dyn Encodable>> =
        vec![Box::new(signature), Box::new(key(1).id()), Box::new(nonce), Box::new(4u64)];
    items(&mut fields);
    packet(&key(2), &list(&fields, padding))
}

/// An ack, likewise.
fn ack(items: impl FnOnce(&mut Vec<Box<dyn Encodable>>)) -> Vec<u8> {
    let mut fields: Vec<Box<dyn Encodable>> =
        vec![Box::new(key(6).id()), Box::new([4u8; 32]), Box::new(4u64)];
    items(&mut fields);
    packet(&key(1), &list(&fields, 120))
}

fn list(fields: &[Box<dyn Encodable>], padding: usize) -> Vec<u8> {
    let fields: Vec<&dyn Encodable> = fields.iter().map(AsRef::as_ref).collect();
    let mut plaintext = Vec::new();
    encode_list(&mut plaintext, &fields);
    plaintext.resize(plaintext.len() + padding, 0);
    plaintext
}

#[test]
fn later_versions_and_more_elements_are_accepted() {
    let accepted = done(answer(&auth(|_| {}, 120)).unwrap());
    assert_eq!(accepted.session.remote, key(1).id());
    for version in [0u64, 5, u64::MAX] {
        let _ = done(answer(&auth(|items| items[3] = Box::new(version), 120)).unwrap());
        done(finish(&ack(|items| items[2] = Box::new(version))).unwrap());
    }
    let _ = done(answer(&auth(|items| items.push(Box::new("more")), 120)).unwrap());
    done(finish(&ack(|items| items.push(Box::new(vec![1u64, 2])))).unwrap());
}

/// Padding makes EIP-8 packets longer than plain ones. Where it does not, or where the size begins
/// with the byte that plain packets begin with, the packet is sound all the same.
#[test]
fn packets_of_any_size_are_accepted_however_they_come() {
    for padding in [0, 1, 100, 299, 800, 900, 1000, 1700] {
        let auth = auth(|_| {}, padding);
        let mut recipient = Recipient::new(&key(2));
        let (last, first) = auth.split_last().unwrap();
        let mut input = BytesMut::new();
        for byte in first {
            input.extend_from_slice(&[*byte]);
            recipient = match recipient.handle(&mut input, &mut rng(8)).unwrap() {
                HandshakeStep::NeedMore(recipient) => recipient,
                HandshakeStep::Done(_) => panic!("not all of the packet is there"),
            };
        }
        input.extend_from_slice(&[*last]);
        let _ = done(recipient.handle(&mut input, &mut rng(8)).unwrap());
    }
}

#[test]
fn what_follows_the_packet_stays() {
    let (initiator, auth) = start();
    let mut input = buffer(&[&auth[..], b"frames"].concat());
    let accepted = done(Recipient::new(&key(2)).handle(&mut input, &mut rng(8)).unwrap());
    assert_eq!(input, b"frames"[..]);

    let mut input = buffer(&[&accepted.ack[..], b"frames"].concat());
    done(initiator.handle(&mut input).unwrap());
    assert_eq!(input, b"frames"[..]);
}

#[test]
fn the_padding_varies_within_its_bounds() {
    let mut sizes: Vec<_> = (0..100u8)
        .map(|seed| {
            let mut rng = rng(seed.into());
            let (_, auth) = Initiator::start(&key(1), &key(2).public_key(), &mut rng);
            let plain = ecies::open(&key(2), &auth[2..], &auth[..2]).unwrap();
            let padding =
                plain.len() - rlp_codec::Item::parse_prefix(&plain).unwrap().0.raw().len();
            assert!((100..300).contains(&padding), "{padding}");
            padding
        })
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    assert!(sizes.len() > 50, "{sizes:?}");
}

/// A packet with enough bytes after it that no changed size needs more.
fn followed(mut packet: Vec<u8>) -> Vec<u8> {
    packet.resize(packet.len() + MAX_HANDSHAKE_SIZE, 0);
    packet
}

#[test]
fn no_bit_of_auth_can_be_flipped() {
    let (_, auth) = start();
    for bit in 0..auth.len() * 8 {
        let mut changed = auth.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(answer(&followed(changed)).is_err(), "bit {bit}");
    }
}

#[test]
fn no_bit_of_ack_can_be_flipped() {
    let (_, auth) = start();
    let ack = done(answer(&auth).unwrap()).ack;
    done(finish(&ack).unwrap());
    for bit in 0..ack.len() * 8 {
        let mut changed = ack.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(finish(&followed(changed)).is_err(), "bit {bit}");
    }
}

#[test]
fn a_packet_beyond_the_limit_is_refused_at_its_first_two_bytes() {
    let [high, low] = u16::try_from(MAX_HANDSHAKE_SIZE + 1).unwrap().to_be_bytes();
    let refused =
        HandshakeError::Oversized { size: MAX_HANDSHAKE_SIZE + 1, limit: MAX_HANDSHAKE_SIZE };
    assert_eq!(answer(&[high, low]).unwrap_err(), refused);
    assert_eq!(finish(&[high, low]).unwrap_err(), refused);
    assert!(matches!(answer(&[0xff, 0xff]), Err(HandshakeError::Oversized { .. })));

    let [high, low] = u16::try_from(MAX_HANDSHAKE_SIZE).unwrap().to_be_bytes();
    assert!(matches!(answer(&[high, low]), Ok(HandshakeStep::NeedMore(_))));
}

#[test]
fn a_packet_too_small_for_any_is_refused() {
    for size in [0, 1, ecies::OVERHEAD] {
        let prefix = u16::try_from(size).unwrap().to_be_bytes();
        assert_eq!(answer(&prefix).unwrap_err(), HandshakeError::Undersized { size });
        assert_eq!(finish(&prefix).unwrap_err(), HandshakeError::Undersized { size });
    }
}

#[test]
fn a_truncated_packet_is_waited_for() {
    let (_, auth) = start();
    let ack = done(answer(&auth).unwrap()).ack;
    for size in [0, 1, 2, 100, auth.len() - 1] {
        assert!(matches!(answer(&auth[..size]), Ok(HandshakeStep::NeedMore(_))), "{size} of auth");
    }
    for size in [0, 1, 2, 100, ack.len() - 1] {
        assert!(matches!(finish(&ack[..size]), Ok(HandshakeStep::NeedMore(_))), "{size} of ack");
    }
}

#[test]
fn a_packet_for_another_key_is_refused() {
    let (_, auth) = start();
    let refused = Recipient::new(&key(3)).handle(&mut buffer(&auth), &mut rng(8));
    assert_eq!(refused.unwrap_err(), HandshakeError::Sealed(EciesError::WrongTag));

    // A plain one: it could also be the beginning of a longer EIP-8 packet, so it is waited for.
    let plain = ecies::seal(&key(3).public_key(), &[0; 194], &[], &mut rng(9));
    assert_eq!(plain.len(), 307);
    assert!(matches!(answer(&plain), Ok(HandshakeStep::NeedMore(_))));
}

#[test]
fn a_point_that_is_not_on_the_curve_is_refused() {
    // The ephemeral key of the box.
    let mut changed = start().1;
    changed[3..67].fill(0x11);
    let refused = HandshakeError::Sealed(EciesError::NotOnCurve);
    assert_eq!(answer(&changed).unwrap_err(), refused);
    // The initiator's key, and the recipient's ephemeral key.
    let refused = HandshakeError::Key(KeyError::NotOnCurve);
    assert_eq!(answer(&auth(|items| items[1] = Box::new([0x11u8; 64]), 120)).unwrap_err(), refused);
    assert_eq!(finish(&ack(|items| items[0] = Box::new([0x11u8; 64]))).unwrap_err(), refused);
}

#[test]
fn a_signature_without_a_signer_is_refused() {
    let mut recovery_id_4 = [1; 65];
    recovery_id_4[64] = 4;
    let refused = answer(&auth(|items| items[0] = Box::new(recovery_id_4), 120));
    let cause = HandshakeError::Signature(SignatureError::RecoveryId(4));
    assert_eq!(refused.unwrap_err(), cause);
    let refused = answer(&auth(|items| items[0] = Box::new([0u8; 65]), 120));
    assert!(matches!(refused, Err(HandshakeError::Signature(_))));
}

#[test]
fn a_message_with_a_field_missing_or_of_another_size_is_refused() {
    let kind = |refused: HandshakeError| match refused {
        HandshakeError::Message(error) => error.kind,
        other => panic!("{other}"),
    };
    let no_version = auth(|items| items.truncate(3), 120);
    assert_eq!(kind(answer(&no_version).unwrap_err()), ErrorKind::MissingItem);
    let no_version = ack(|items| items.truncate(2));
    assert_eq!(kind(finish(&no_version).unwrap_err()), ErrorKind::MissingItem);
    let short_nonce = auth(|items| items[2] = Box::new([3u8; 31]), 120);
    let wrong = ErrorKind::WrongLength { expected: 32, actual: 31 };
    assert_eq!(kind(answer(&short_nonce).unwrap_err()), wrong);
    let not_a_list = packet(&key(2), &[0x01; 200]);
    assert_eq!(kind(answer(&not_a_list).unwrap_err()), ErrorKind::ExpectedList);
}

#[test]
fn an_ack_by_someone_else_leads_to_other_secrets() {
    // A peer that cannot read auth and makes up an ack.
    let mut session = done(finish(&ack(|_| {})).unwrap());
    let (other, _) = crate::peers::sessions();
    let mut wire = BytesMut::new();
    let mut sealer = other.sealer;
    sealer.seal(0, b"hello", &mut wire).unwrap();
    assert_eq!(session.opener.open(&mut wire), Err(rlpx_transport::FrameError::HeaderMac));
}

#[test]
fn debug_shows_no_secret() {
    let (initiator, _) = start();
    let shown =
        format!("{initiator:?} {:?} {:?}", Recipient::new(&key(2)), crate::peers::sessions());
    for secret in [key(1), key(2)] {
        assert!(!shown.contains(&hex::encode(*secret.to_bytes())));
    }
    assert!(!shown.contains("state") && !shown.contains("nonce"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any input is refused, or needs more bytes, but never more than the limit.
    #[test]
    fn arbitrary_bytes_are_no_handshake(
        bytes in proptest::collection::vec(any::<u8>(), 0..2500),
        first in prop_oneof![Just(0x01), Just(0x04), Just(0x07), any::<u8>()],
    ) {
        let bytes = [&[first], &bytes[..]].concat();
        let recipient = answer(&bytes);
        let initiator = finish(&bytes);
        prop_assert!(!matches!(recipient, Ok(HandshakeStep::Done(_))));
        prop_assert!(!matches!(initiator, Ok(HandshakeStep::Done(_))));
        if bytes.len() >= 2 + MAX_HANDSHAKE_SIZE {
            prop_assert!(recipient.is_err() && initiator.is_err());
        }
    }

    /// Sealed for our key, with any content.
    #[test]
    fn arbitrary_messages_are_refused_or_answered(
        plaintext in proptest::collection::vec(any::<u8>(), 1..400),
    ) {
        prop_assert!(!matches!(answer(&packet(&key(2), &plaintext)), Ok(HandshakeStep::Done(_))));
        prop_assert!(!matches!(finish(&packet(&key(1), &plaintext)), Ok(HandshakeStep::Done(_))));
        let plain = ecies::seal(&key(2).public_key(), &plaintext, &[], &mut rng(9));
        prop_assert!(!matches!(answer(&plain), Ok(HandshakeStep::Done(_))));
    }
}

/// The first bytes that other services send, and that their clients send to a node.
#[test]
fn another_protocol_is_named() {
    use rlpx_transport::ForeignProtocol::{Http, Ssh, Text, Tls};
    for (bytes, protocol) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], Http),
        (b"GET / HTTP/1.1\r\n", Http),
        (b"POST / HTTP/1.1\r\n", Http),
        (b"OPTIONS / HTTP/1.1\r\n", Http),
        (b"CONNECT a:1 HTTP/1.1\r\n", Http),
        (b"SSH-2.0-OpenSSH_9.6\r\n", Ssh),
        (&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x32], Tls),
        (&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01], Tls),
        (b"220 mail.example.org ESMTP\r\n", Text),
        (b"-ERR unknown command\r\n", Text),
    ] {
        let foreign = HandshakeError::Foreign(protocol);
        assert_eq!(answer(bytes).unwrap_err(), foreign, "{bytes:?}");
        assert_eq!(finish(bytes).unwrap_err(), foreign, "{bytes:?}");
        assert!(foreign.to_string().contains("not RLPx"));
    }
    assert!(answer(&[0xff, 0xff]).unwrap_err().to_string().contains("not RLPx"));
}
