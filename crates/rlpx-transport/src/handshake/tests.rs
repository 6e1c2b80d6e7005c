//! The handshakes of EIP-8 and of go-ethereum, with their keys and nonces.

use bytes::BytesMut;
use p2p_identity::{SecretKey, ecies};
use proptest::prelude::*;

use super::key_source::Fresh;
use super::message::{Ack, Auth, Body};
use super::packet::{self, Form, Packet, Reader};
use super::{HandshakeStep, Initiator, Recipient, recipient};
use crate::secrets::{Half, Secrets};
use crate::vectors::Vectors;
use crate::{FrameError, MAX_HANDSHAKE_SIZE, Session};

fn read<T: Body>(key: &SecretKey, packet: &[u8]) -> Packet<T> {
    let mut input = BytesMut::from(packet);
    let packet = Reader::default().read(key, &mut input).unwrap().unwrap();
    assert!(input.is_empty());
    packet
}

/// A in EIP-8's section of test vectors: the initiator, in front of one of its auth packets.
fn eip8_initiator(vectors: &Vectors, auth: &str) -> Initiator {
    Initiator {
        local: vectors.key("handshake/static_key_a"),
        remote: vectors.key("handshake/static_key_b").public_key(),
        fresh: Fresh {
            key: Box::new(vectors.key("handshake/ephemeral_key_a")),
            nonce: vectors.array("handshake/nonce_a"),
        },
        auth: vectors.bytes(auth),
        reader: Reader::default(),
        offer: None,
        requires_sec: false,
    }
}

/// What a session in which the `sender` says something comes to at the `receiver`.
fn says(sender: &mut Session, receiver: &mut Session) -> Result<Option<u64>, FrameError> {
    let mut wire = BytesMut::new();
    sender.sealer.seal(7, b"something", &mut wire).unwrap();
    receiver.opener.open(&mut wire).map(|message| message.map(|message| message.code))
}

#[test]
fn every_auth_of_eip8_is_read() {
    let vectors = Vectors::eip8();
    let b = vectors.key("handshake/static_key_b");
    for (name, form) in [
        ("packets/auth1_plain", Form::Plain),
        ("packets/auth2_eip8", Form::Eip8),
        ("packets/auth3_eip8_v56_extra", Form::Eip8),
    ] {
        let auth: Packet<Auth> = read(&b, &vectors.bytes(name));
        assert_eq!(auth.form, form, "{name}");
        assert_eq!(auth.body.key, vectors.key("handshake/static_key_a").public_key());
        assert_eq!(auth.body.nonce, vectors.array("handshake/nonce_a"));
        let ephemeral = vectors.key("handshake/ephemeral_key_a").public_key();
        let secret = b.ecdh(&auth.body.key);
        assert_eq!(auth.body.ephemeral(secret), Ok(ephemeral), "{name}");
    }
}

#[test]
fn every_ack_of_eip8_is_read() {
    let vectors = Vectors::eip8();
    let a = vectors.key("handshake/static_key_a");
    for (name, form) in [
        ("packets/ack1_plain", Form::Plain),
        ("packets/ack2_eip8", Form::Eip8),
        ("packets/ack3_eip8_v57_extra", Form::Eip8),
    ] {
        let ack: Packet<Ack> = read(&a, &vectors.bytes(name));
        assert_eq!(ack.form, form, "{name}");
        assert_eq!(ack.body.ephemeral, vectors.key("handshake/ephemeral_key_b").public_key());
        assert_eq!(ack.body.nonce, vectors.array("handshake/nonce_b"));
    }
}

#[test]
fn the_secrets_of_eip8_come_out_at_both_ends() {
    let vectors = Vectors::eip8();
    let b = vectors.key("handshake/static_key_b");
    let (aes, mac) = (vectors.array("handshake/aes_secret"), vectors.array("handshake/mac_secret"));

    let auth: Packet<Auth> = read(&b, &vectors.bytes("packets/auth2_eip8"));
    let fresh = Fresh {
        key: Box::new(vectors.key("handshake/ephemeral_key_b")),
        nonce: vectors.array("handshake/nonce_b"),
    };
    let secrets = recipient::secrets(
        &fresh,
        &auth.body,
        &auth.body.ephemeral(b.ecdh(&auth.body.key)).unwrap(),
    );
    assert_eq!((*secrets.aes, *secrets.mac), (aes, mac));

    let mut at_b = secrets.session(
        auth.body.key.id(),
        &Half { nonce: &fresh.nonce, packet: &vectors.bytes("packets/ack2_eip8") },
        &Half { nonce: &auth.body.nonce, packet: &auth.bytes },
    );
    let after_foo = at_b.opener.frames().mac().digest_after(b"foo");
    assert_eq!(after_foo, vectors.array("handshake/ingress_mac_after_foo"));

    let a = eip8_initiator(&vectors, "packets/auth2_eip8");
    let secrets = a.secrets(&read(&a.local, &vectors.bytes("packets/ack2_eip8")));
    assert_eq!((*secrets.aes, *secrets.mac), (aes, mac));
    let mut input = BytesMut::from(&vectors.bytes("packets/ack2_eip8")[..]);
    let HandshakeStep::Done(mut at_a) = a.handle(&mut input).unwrap() else {
        panic!("ack is complete")
    };
    assert_eq!(at_a.remote, b.id());
    assert_eq!(says(&mut at_a, &mut at_b), Ok(Some(7)));
    assert_eq!(says(&mut at_b, &mut at_a), Ok(Some(7)));
}

#[test]
fn a_plain_auth_gets_a_plain_ack_and_an_eip8_auth_does_not() {
    let vectors = Vectors::eip8();
    let b = vectors.key("handshake/static_key_b");
    for (name, form) in [
        ("packets/auth1_plain", Form::Plain),
        ("packets/auth2_eip8", Form::Eip8),
        ("packets/auth3_eip8_v56_extra", Form::Eip8),
    ] {
        let a = eip8_initiator(&vectors, name);
        let mut input = BytesMut::from(&vectors.bytes(name)[..]);
        let accepted = Recipient::new(&b).handle(&mut input, &mut rand::rng()).unwrap();
        let HandshakeStep::Done(mut accepted) = accepted else { panic!("{name} is complete") };
        assert_eq!(accepted.session.remote, a.local.id());
        assert_eq!(read::<Ack>(&a.local, &accepted.ack).form, form, "{name}");
        assert_eq!(accepted.ack.len() == Ack::PLAIN_PACKET, form == Form::Plain);

        let mut ack = BytesMut::from(&accepted.ack[..]);
        let HandshakeStep::Done(mut session) = a.handle(&mut ack).unwrap() else {
            panic!("the ack to {name} is complete")
        };
        assert_eq!(says(&mut session, &mut accepted.session), Ok(Some(7)), "{name}");
        assert_eq!(says(&mut accepted.session, &mut session), Ok(Some(7)), "{name}");
    }
}

#[test]
fn the_plain_sizes_are_those_of_the_specification() {
    assert_eq!((Auth::PLAIN_PACKET, Ack::PLAIN_PACKET), (307, 210));
}

#[test]
fn a_plain_auth_with_the_hash_of_another_ephemeral_key_is_refused() {
    let vectors = Vectors::eip8();
    let b = vectors.key("handshake/static_key_b");
    let mut plain = ecies::open(&b, &vectors.bytes("packets/auth1_plain"), &[]).unwrap();
    plain[65] ^= 1;
    let packet = ecies::seal(&b.public_key(), &plain, &[], &mut rand::rng());
    let refused = Recipient::new(&b).handle(&mut BytesMut::from(&packet[..]), &mut rand::rng());
    assert_eq!(refused.unwrap_err(), crate::HandshakeError::EphemeralKey);
}

/// Whatever follows: a changed packet is neither plain nor the beginning of a longer one.
#[test]
fn no_bit_of_a_plain_packet_can_be_flipped() {
    fn refuse<T: Body>(key: &SecretKey, packet: &[u8]) {
        let mut followed = packet.to_vec();
        followed.resize(packet.len() + MAX_HANDSHAKE_SIZE, 0);
        for bit in 0..packet.len() * 8 {
            let mut input = BytesMut::from(&followed[..]);
            input[bit / 8] ^= 1 << (bit % 8);
            assert!(Reader::default().read::<T>(key, &mut input).is_err(), "bit {bit}");
        }
    }
    let vectors = Vectors::eip8();
    refuse::<Auth>(&vectors.key("handshake/static_key_b"), &vectors.bytes("packets/auth1_plain"));
    refuse::<Ack>(&vectors.key("handshake/static_key_a"), &vectors.bytes("packets/ack1_plain"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// What is written is read as it was, and written again as it was.
    #[test]
    fn messages_survive_their_encoding(keys in any::<[u8; 2]>(), nonce in any::<[u8; 32]>()) {
        let [key, local] =
            keys.map(|byte| SecretKey::from_bytes(&[byte.clamp(1, 254); 32]).unwrap());
        let fresh = Fresh { key: Box::new(key), nonce };
        let auth = Auth::new(&local, local.ecdh(&local.public_key()), &fresh);
        let read = Auth::from_rlp(&auth.to_rlp()).unwrap();
        prop_assert_eq!((read.signature, read.key, read.nonce), (auth.signature, auth.key, nonce));
        prop_assert_eq!(read.to_rlp(), auth.to_rlp());

        let ack = Ack::new(&fresh);
        for read in [Ack::from_rlp(&ack.to_rlp()), Ack::from_plain(&ack.to_plain())] {
            let read = read.unwrap();
            prop_assert_eq!((read.ephemeral, read.nonce), (ack.ephemeral, nonce));
            prop_assert_eq!((read.to_rlp(), read.to_plain()), (ack.to_rlp(), ack.to_plain()));
        }
    }
}

/// The packets of go-ethereum, byte for byte, from their keys, nonces and ivs.
#[test]
fn the_packets_of_geth_are_reproduced() {
    let vectors = Vectors::geth();
    let initiator = vectors.key("initiator_static");
    let recipient = vectors.key("recipient_static");
    let auth = Fresh {
        key: Box::new(vectors.key("initiator_ephemeral")),
        nonce: vectors.array("initiator_nonce"),
    };
    let auth = Auth::new(&initiator, initiator.ecdh(&recipient.public_key()), &auth);
    assert_eq!(auth.signature.to_bytes(), vectors.array("auth_signature"));
    let ack = Fresh {
        key: Box::new(vectors.key("recipient_ephemeral")),
        nonce: vectors.array("recipient_nonce"),
    };
    let ack = Ack::new(&ack);

    for (name, rlp, to) in [("auth", auth.to_rlp(), recipient), ("ack", ack.to_rlp(), initiator)] {
        let mut plaintext = rlp;
        let padded = vectors.bytes(&format!("{name}_plaintext"));
        assert!((100..300).contains(&(padded.len() - plaintext.len())), "{name}");
        plaintext.resize(padded.len(), 0);
        assert_eq!(plaintext, padded, "{name}");

        let prefix = packet::prefix(&plaintext);
        let sealed = ecies::seal_with(
            &vectors.key(&format!("{name}_ecies_ephemeral")),
            vectors.array(&format!("{name}_ecies_iv")),
            &to.public_key(),
            &plaintext,
            &prefix,
        );
        assert_eq!([&prefix[..], &sealed].concat(), vectors.bytes(name), "{name}");
    }
}

#[test]
fn the_secrets_of_geth_come_out_at_both_ends() {
    let vectors = Vectors::geth();
    let check = |secrets: &Secrets, initiator: &Session, recipient: &Session| {
        assert_eq!(*secrets.aes, vectors.array("aes_secret"));
        assert_eq!(*secrets.mac, vectors.array("mac_secret"));
        let egress = vectors.array("initiator_egress_mac_digest_initial");
        assert_eq!(initiator.sealer.frames().mac().digest_after(&[]), egress);
        assert_eq!(recipient.opener.frames().mac().digest_after(&[]), egress);
        let ingress = vectors.array("initiator_ingress_mac_digest_initial");
        assert_eq!(initiator.opener.frames().mac().digest_after(&[]), ingress);
        assert_eq!(recipient.sealer.frames().mac().digest_after(&[]), ingress);
    };

    let initiator = Initiator {
        local: vectors.key("initiator_static"),
        remote: vectors.key("recipient_static").public_key(),
        fresh: Fresh {
            key: Box::new(vectors.key("initiator_ephemeral")),
            nonce: vectors.array("initiator_nonce"),
        },
        auth: vectors.bytes("auth"),
        reader: Reader::default(),
        offer: None,
        requires_sec: false,
    };
    let local = vectors.key("recipient_static");
    let fresh = Fresh {
        key: Box::new(vectors.key("recipient_ephemeral")),
        nonce: vectors.array("recipient_nonce"),
    };
    let auth: Packet<Auth> = read(&local, &vectors.bytes("auth"));
    let ephemeral = auth.body.ephemeral(local.ecdh(&auth.body.key)).unwrap();
    assert_eq!(ephemeral.id().0, vectors.array("initiator_ephemeral_pub"));
    assert_eq!(*fresh.key.ecdh(&ephemeral), vectors.array("ephemeral_shared_secret"));
    let at_recipient = recipient::secrets(&fresh, &auth.body, &ephemeral);
    let recipient = at_recipient.session(
        auth.body.key.id(),
        &Half { nonce: &fresh.nonce, packet: &vectors.bytes("ack") },
        &Half { nonce: &auth.body.nonce, packet: &auth.bytes },
    );
    let at_initiator = initiator.secrets(&read(&initiator.local, &vectors.bytes("ack")));
    let mut ack = BytesMut::from(&vectors.bytes("ack")[..]);
    let HandshakeStep::Done(initiator) = initiator.handle(&mut ack).unwrap() else {
        panic!("ack is complete")
    };
    check(&at_recipient, &initiator, &recipient);
    check(&at_initiator, &initiator, &recipient);
}
