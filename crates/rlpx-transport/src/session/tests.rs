//! The frames of go-ethereum, and frames that no sealer makes.

use bytes::BytesMut;
use rlp_codec::ErrorKind;

use super::{Opener, Sealer, Session};
use crate::frame::SEALED_HEADER_SIZE;
use crate::secrets::{Half, Secrets};
use crate::vectors::Vectors;
use crate::{FrameError, Message};

/// Both ends of go-ethereum's session, before the first frame.
fn ends(vectors: &Vectors) -> (Session, Session) {
    let secrets = Secrets {
        aes: vectors.array("aes_secret").into(),
        mac: vectors.array("mac_secret").into(),
    };
    let (auth, ack) = (vectors.bytes("auth"), vectors.bytes("ack"));
    let nonces = (vectors.array("initiator_nonce"), vectors.array("recipient_nonce"));
    let initiator = Half { nonce: &nonces.0, packet: &auth };
    let recipient = Half { nonce: &nonces.1, packet: &ack };
    (
        secrets.session(vectors.key("recipient_static").id(), &initiator, &recipient),
        secrets.session(vectors.key("initiator_static").id(), &recipient, &initiator),
    )
}

/// Seals and opens all frames of a list, in the order in which they were sent.
fn replay(list: &str) {
    let vectors = Vectors::geth();
    let (mut initiator, mut recipient) = ends(&vectors);
    let frames = vectors.at(list).as_array().unwrap().len();
    assert_eq!(frames, 10);
    for index in 0..frames {
        let at = |field: &str| format!("{list}/{index}/{field}");
        let (from, to) = match vectors.at(&at("from")).as_str().unwrap() {
            "initiator" => (&mut initiator, &mut recipient),
            _ => (&mut recipient, &mut initiator),
        };
        if vectors.at(&at("snappy")).as_bool().unwrap() {
            from.sealer.enable_snappy();
            to.opener.enable_snappy();
        }
        let code = vectors.at(&at("code")).as_u64().unwrap();
        let payload = vectors.bytes(&at("payload"));
        let mac = vectors.array(&at("egress_mac_digest_after"));

        let mut wire = BytesMut::new();
        from.sealer.seal(code, &payload, &mut wire).unwrap();
        assert_eq!(hex::encode(&wire), hex::encode(vectors.bytes(&at("wire"))), "frame {index}");
        assert_eq!(from.sealer.frames().mac().digest_after(&[]), mac, "frame {index}");

        let opened = to.opener.open(&mut wire).unwrap();
        assert_eq!(opened, Some(Message { code, payload: payload.into() }), "frame {index}");
        assert_eq!(to.opener.frames().mac().digest_after(&[]), mac, "frame {index}");
        assert!(wire.is_empty());
    }
}

#[test]
fn the_frames_of_geth_are_sealed_and_opened() {
    replay("frames_no_snappy");
}

#[test]
fn the_compressed_frames_of_geth_are_sealed_and_opened() {
    replay("frames_snappy_after_hello");
}

/// One direction of a session.
fn pair() -> (Sealer, Opener) {
    let (from, to) = ends(&Vectors::geth());
    (from.sealer, to.opener)
}

/// A sound frame around any body, also one that [`Sealer::seal`] would not make.
fn framed(sealer: &mut Sealer, body: &[u8]) -> BytesMut {
    let mut out = BytesMut::zeroed(SEALED_HEADER_SIZE);
    sealer.frames_mut().frame(0, body.len(), body, &mut out);
    out
}

fn open_framed(body: &[u8]) -> Result<Option<Message>, FrameError> {
    let (mut sealer, mut opener) = pair();
    opener.open(&mut framed(&mut sealer, body))
}

#[test]
fn a_frame_without_a_body_is_refused() {
    assert_eq!(open_framed(&[]), Err(FrameError::Empty));
}

#[test]
fn message_codes_are_canonical_integers() {
    let code = |body: &[u8]| open_framed(body).map(|message| message.unwrap().code);
    assert_eq!(code(&[0x80, 0xc0]), Ok(0));
    assert_eq!(code(&[0x7f]), Ok(127));
    assert_eq!(code(&[0x81, 0x80]), Ok(128));
    assert_eq!(code(&[0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Ok(u64::MAX));

    let refused = |kind: ErrorKind| Err(FrameError::Code(kind.at(0)));
    assert_eq!(code(&[0x81, 0x05]), refused(ErrorKind::NonCanonicalByte));
    assert_eq!(code(&[0x82, 0x00, 0x80]), refused(ErrorKind::LeadingZero));
    assert_eq!(code(&[0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0]), refused(ErrorKind::Overflow));
    assert_eq!(code(&[0x82, 0x01]), refused(ErrorKind::Truncated));
    assert_eq!(code(&[0xc0]), refused(ErrorKind::ExpectedBytes));
}

/// PROTOCOL.md §6.33: a peer that reads the code as one byte reads these codes, and Hello is written as `80`.
#[test]
fn a_code_below_128_is_written_as_one_byte() {
    for (code, byte) in [(0, 0x80), (1, 0x01), (16, 0x10), (127, 0x7f)] {
        let (mut sealer, mut opener) = pair();
        let mut sealed = BytesMut::new();
        sealer.seal(code, &[0xc0], &mut sealed).unwrap();
        assert_eq!(sealed, framed(&mut pair().0, &[byte, 0xc0]));
        assert_eq!(opener.open(&mut sealed).unwrap().unwrap().code, code);
    }
}

#[test]
fn a_zero_byte_is_the_code_zero_too() {
    let opened = open_framed(&[0x00, 0xc1, 0x04]).unwrap().unwrap();
    assert_eq!((opened.code, &opened.payload[..]), (0, &[0xc1, 0x04][..]));
}

#[test]
fn header_data_is_ignored() {
    let (mut sealer, mut opener) = pair();
    let (mut other_sealer, _) = pair();
    let wire = framed(&mut sealer, &[0x10, 1, 2, 3]);
    // The same header but for its data, with the MAC that belongs to it.
    let mut changed = BytesMut::from(&wire[..]);
    changed[3..16].iter_mut().for_each(|byte| *byte ^= 0x5a);
    let mut header = [0; 16];
    header.copy_from_slice(&changed[..16]);
    let tag = *other_sealer.frames_mut().mac_mut().header(&header).bytes();
    changed[16..32].copy_from_slice(&tag);
    other_sealer.frames_mut().mac_mut().absorb(&wire[32..48]);
    let tag = *other_sealer.frames_mut().mac_mut().body().bytes();
    changed[48..].copy_from_slice(&tag);
    assert_eq!(opener.open(&mut changed).unwrap().unwrap().payload[..], [1, 2, 3]);
}

/// Every bit of a frame is authenticated, and no frame opens after a refused one.
#[test]
fn no_bit_of_a_frame_can_be_flipped() {
    let (mut sealer, _) = pair();
    let mut wire = BytesMut::new();
    sealer.seal(17, b"twenty bytes of text", &mut wire).unwrap();
    let first = wire.len();
    sealer.seal(17, b"the next one", &mut wire).unwrap();
    for bit in 0..first * 8 {
        let (_, mut opener) = pair();
        let mut changed = wire.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let wrong =
            if bit / 8 < SEALED_HEADER_SIZE { FrameError::HeaderMac } else { FrameError::BodyMac };
        assert_eq!(opener.open(&mut changed), Err(wrong), "bit {bit}");
        assert!(opener.is_failed());
        assert_eq!(opener.open(&mut changed), Err(FrameError::Failed), "bit {bit}");
        let mut good = wire.clone();
        assert_eq!(opener.open(&mut good), Err(FrameError::Failed), "bit {bit}");
    }
}
