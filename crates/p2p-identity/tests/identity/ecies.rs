//! The ECIES box: known packets, and boxes that must not open.

use crate::vectors::{EIP_8, GETH, Vectors};
use p2p_identity::{SecretKey, ecies, ecies::EciesError};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

/// The plain form of auth and ack (before EIP-8) is one box of a known layout.
#[test]
fn eip_8_plain_packets_open() {
    let vectors = Vectors::new(EIP_8);
    let (a, b) = (vectors.key("static_key_a"), vectors.key("static_key_b"));

    // signature ‖ keccak256(ephemeral key) ‖ static key ‖ nonce ‖ 00
    let auth = ecies::open(&b, &vectors.list("auth")[0], b"").unwrap();
    assert_eq!(auth.len(), 194);
    assert_eq!(auth[65..97], vectors.key("ephemeral_key_a").id().hash());
    assert_eq!(auth[97..161], a.id().0);
    assert_eq!(auth[161..193], vectors.array::<32>("nonce_a"));
    assert_eq!(auth[193], 0);

    // ephemeral key ‖ nonce ‖ 00
    let ack = ecies::open(&a, &vectors.list("ack")[0], b"").unwrap();
    assert_eq!(ack.len(), 97);
    assert_eq!(ack[..64], vectors.key("ephemeral_key_b").id().0);
    assert_eq!(ack[64..96], vectors.array::<32>("nonce_b"));
}

/// In the EIP-8 form the length prefix is vouched for by the tag.
#[test]
fn eip_8_packets_open_with_their_prefix() {
    let vectors = Vectors::new(EIP_8);
    for (packets, receiver, nonce) in
        [("auth", "static_key_b", "nonce_a"), ("ack", "static_key_a", "nonce_b")]
    {
        let receiver = vectors.key(receiver);
        let nonce = vectors.bytes(nonce);
        for packet in &vectors.list(packets)[1..] {
            let (prefix, sealed) = packet.split_at(2);
            let body = ecies::open(&receiver, sealed, prefix).unwrap();
            assert!(body.windows(32).any(|window| window == nonce), "{packets}");
            assert_eq!(ecies::open(&receiver, sealed, b""), Err(EciesError::WrongTag));
        }
    }
}

/// With its ephemeral key and iv, go-ethereum's box comes out byte for byte.
#[test]
fn geth_packets_are_reproduced() {
    let vectors = Vectors::new(GETH);
    for (packet, to) in [("auth", "recipient_static"), ("ack", "initiator_static")] {
        let to = vectors.key(to);
        let ephemeral = vectors.key(&format!("{packet}_ecies_ephemeral"));
        let iv = vectors.array(&format!("{packet}_ecies_iv"));
        let plaintext = vectors.bytes(&format!("{packet}_plaintext"));
        let expected = vectors.bytes(packet);
        let (prefix, sealed) = expected.split_at(2);

        let ours = ecies::seal_with(&ephemeral, iv, &to.public_key(), &plaintext, prefix);
        assert_eq!(hex::encode(&ours), hex::encode(sealed), "{packet}");
        assert_eq!(ecies::open(&to, sealed, prefix).unwrap(), plaintext, "{packet}");
    }
}

#[test]
fn an_empty_plaintext_makes_the_shortest_box() {
    let key = SecretKey::random(&mut StdRng::seed_from_u64(1));
    let sealed = ecies::seal(&key.public_key(), b"", b"", &mut StdRng::seed_from_u64(2));
    assert_eq!(sealed.len(), ecies::OVERHEAD);
    assert_eq!(ecies::open(&key, &sealed, b""), Ok(vec![]));
}

/// Two boxes of one text share nothing, or the same key stream would have been used twice.
#[test]
fn each_box_has_its_own_keys() {
    let mut rng = StdRng::seed_from_u64(3);
    let key = SecretKey::random(&mut rng);
    let mut seal = || ecies::seal(&key.public_key(), &[0; 64], b"", &mut rng);
    let (one, other) = (seal(), seal());
    assert_ne!(one[1..65], other[1..65]);
    assert_ne!(one[65..81], other[65..81]);
    assert_ne!(one[81..145], other[81..145]);
}

#[test]
fn truncated_boxes_do_not_open() {
    let mut rng = StdRng::seed_from_u64(4);
    let key = SecretKey::random(&mut rng);
    let sealed = ecies::seal(&key.public_key(), b"0123456789", b"", &mut rng);
    for length in 0..sealed.len() {
        let expected = if length < ecies::OVERHEAD {
            EciesError::TooShort(length)
        } else {
            EciesError::WrongTag
        };
        assert_eq!(ecies::open(&key, &sealed[..length], b""), Err(expected), "{length} bytes");
    }
}

#[test]
fn an_ephemeral_key_must_be_a_point_in_the_uncompressed_form() {
    let mut rng = StdRng::seed_from_u64(5);
    let key = SecretKey::random(&mut rng);
    let sealed = ecies::seal(&key.public_key(), b"text", b"", &mut rng);

    let mut off_the_curve = sealed.clone();
    off_the_curve[64] ^= 1;
    assert_eq!(ecies::open(&key, &off_the_curve, b""), Err(EciesError::NotOnCurve));

    // The hybrid form of the very same point, which libsecp256k1 would take.
    let mut hybrid = sealed.clone();
    hybrid[0] = 0x06 | (sealed[64] & 1);
    assert_eq!(ecies::open(&key, &hybrid, b""), Err(EciesError::NotOnCurve));

    let mut infinity = sealed;
    infinity[..65].fill(0);
    assert_eq!(ecies::open(&key, &infinity, b""), Err(EciesError::NotOnCurve));
}

#[test]
fn only_the_right_key_opens() {
    let mut rng = StdRng::seed_from_u64(6);
    let (key, other) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let sealed = ecies::seal(&key.public_key(), b"text", b"", &mut rng);
    assert_eq!(ecies::open(&other, &sealed, b""), Err(EciesError::WrongTag));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_opens(seed: u64, plaintext: Vec<u8>, shared_mac: Vec<u8>) {
        let mut rng = StdRng::seed_from_u64(seed);
        let key = SecretKey::random(&mut rng);
        let sealed = ecies::seal(&key.public_key(), &plaintext, &shared_mac, &mut rng);
        prop_assert_eq!(sealed.len(), plaintext.len() + ecies::OVERHEAD);
        prop_assert_eq!(ecies::open(&key, &sealed, &shared_mac), Ok(plaintext));
    }

    /// Not one bit of a box, nor of what its tag vouches for, can be changed.
    #[test]
    fn what_is_changed_does_not_open(
        seed: u64,
        plaintext: Vec<u8>,
        shared_mac in prop::collection::vec(any::<u8>(), 1..4),
        at: prop::sample::Index,
        bit in 0..8u32,
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let key = SecretKey::random(&mut rng);
        let mut changed = ecies::seal(&key.public_key(), &plaintext, &shared_mac, &mut rng);
        let mut shared_mac = shared_mac;
        let at = at.index(changed.len() + shared_mac.len());
        let length = changed.len();
        let byte = if at < length { &mut changed[at] } else { &mut shared_mac[at - length] };
        *byte ^= 1 << bit;
        prop_assert!(ecies::open(&key, &changed, &shared_mac).is_err());
    }

    #[test]
    fn no_input_panics(sealed in prop::collection::vec(any::<u8>(), 0..300)) {
        let key = SecretKey::from_bytes(&[1; 32]).unwrap();
        prop_assert!(ecies::open(&key, &sealed, b"").is_err());
    }
}
