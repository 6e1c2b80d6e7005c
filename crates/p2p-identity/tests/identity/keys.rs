//! Keys, ids and signatures.

use crate::vectors::{GETH, Vectors};
use p2p_identity::{HexError, KeyError, NodeId, PublicKey, SecretKey, Signature, SignatureError};
use proptest::prelude::*;

/// The order of secp256k1's group: the least number that is not a key.
const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

#[test]
fn geth_keys_have_the_same_ids_and_secrets() {
    let vectors = Vectors::new(GETH);
    for name in ["initiator_static", "recipient_static", "initiator_ephemeral"] {
        let id = vectors.array(&format!("{name}_pub"));
        assert_eq!(vectors.key(name).id(), NodeId(id), "{name}");
    }
    for (one, other, secret) in [
        ("initiator_static", "recipient_static", "static_shared_secret"),
        ("initiator_ephemeral", "recipient_ephemeral", "ephemeral_shared_secret"),
    ] {
        let (one, other) = (vectors.key(one), vectors.key(other));
        let secret: [u8; 32] = vectors.array(secret);
        assert_eq!(*one.ecdh(&other.public_key()), secret);
        assert_eq!(*other.ecdh(&one.public_key()), secret);
    }
}

/// The signature of an auth packet: by the ephemeral key, of the shared secret XOR the nonce.
#[test]
fn a_geth_signature_is_reproduced() {
    let vectors = Vectors::new(GETH);
    let mut digest: [u8; 32] = vectors.array("static_shared_secret");
    let nonce: [u8; 32] = vectors.array("initiator_nonce");
    digest.iter_mut().zip(nonce).for_each(|(digest, nonce)| *digest ^= nonce);

    let key = vectors.key("initiator_ephemeral");
    let signature = key.sign(&digest);
    assert_eq!(signature.to_bytes(), vectors.array("auth_signature"));
    assert_eq!(signature.recover(&digest), Ok(key.public_key()));
}

#[test]
fn numbers_that_are_no_secret_key() {
    assert_eq!(SecretKey::from_bytes(&[0; 32]).err(), Some(KeyError::Zero));
    assert_eq!(SecretKey::from_bytes(&[0xff; 32]).err(), Some(KeyError::AboveOrder));
    assert_eq!(SecretKey::from_hex(ORDER).err(), Some(KeyError::AboveOrder));
    let greatest = ORDER.replace("4141", "4140");
    assert_eq!(hex::encode(*SecretKey::from_hex(&greatest).unwrap().to_bytes()), greatest);
}

#[test]
fn texts_that_are_no_secret_key() {
    let error = |text: &str| SecretKey::from_hex(text).unwrap_err();
    let length = |actual| KeyError::Hex(HexError::Length { expected: 64, actual });
    assert_eq!(error(""), length(0));
    assert_eq!(error("0x"), length(0));
    assert_eq!(error(&"1".repeat(63)), length(63));
    assert_eq!(error(&"1".repeat(66)), length(66));
    assert_eq!(error(&format!("0x{}g", "1".repeat(63))), KeyError::Hex(HexError::Digit { at: 65 }));
    assert_eq!(error(&"é".repeat(32)), KeyError::Hex(HexError::Digit { at: 0 }));
    assert_eq!(error(&"0".repeat(64)), KeyError::Zero);
    // Either case, with and without a prefix.
    let key = SecretKey::from_hex(&"ab".repeat(32)).unwrap();
    assert_eq!(SecretKey::from_hex(&"AB".repeat(32)), Ok(key.clone()));
    assert_eq!(SecretKey::from_hex(&format!("0x{}", "aB".repeat(32))), Ok(key));
}

/// Neither form of a key in a log gives it away.
#[test]
fn debug_does_not_show_the_secret() {
    let key = SecretKey::from_bytes(&[0x5a; 32]).unwrap();
    let shown = format!("{key:?} {key:#?}");
    assert!(!shown.contains("5a5a") && !shown.contains("90, 90"), "{shown}");
}

#[test]
fn points_that_are_no_public_key() {
    let key = SecretKey::from_bytes(&[7; 32]).unwrap().public_key();
    let bytes = key.to_uncompressed();
    assert_eq!(PublicKey::from_uncompressed(&bytes), Ok(key));

    for first in [0x00, 0x02, 0x03, 0x05, 0x06, 0x07] {
        let mut bytes = bytes;
        bytes[0] = first;
        let refused = PublicKey::from_uncompressed(&bytes);
        assert_eq!(refused, Err(KeyError::NotUncompressed), "{first}");
    }
    let mut off_the_curve = bytes;
    off_the_curve[64] ^= 1;
    assert_eq!(PublicKey::from_uncompressed(&off_the_curve), Err(KeyError::NotOnCurve));
    assert_eq!(NodeId([0; 64]).public_key(), Err(KeyError::NotOnCurve));
    assert_eq!(NodeId([0xff; 64]).public_key(), Err(KeyError::NotOnCurve));
}

#[test]
fn both_conventions_of_the_recovery_id_are_read() {
    let (key, digest) = (SecretKey::from_bytes(&[7; 32]).unwrap(), [9; 32]);
    let bytes = key.sign(&digest).to_bytes();
    let mut with_27 = bytes;
    with_27[64] += 27;
    assert_eq!(Signature::from_bytes(&with_27), Signature::from_bytes(&bytes));
    assert_eq!(Signature::from_bytes(&with_27).unwrap().to_bytes(), bytes);
}

#[test]
fn bytes_that_are_no_signature() {
    let (key, digest) = (SecretKey::from_bytes(&[7; 32]).unwrap(), [9; 32]);
    let bytes = key.sign(&digest).to_bytes();
    for v in [2, 3, 26, 29, 0xff] {
        let mut bytes = bytes;
        bytes[64] = v;
        assert_eq!(Signature::from_bytes(&bytes), Err(SignatureError::RecoveryId(v)));
    }
    for numbers in [0..32, 32..64] {
        let mut above = bytes;
        above[numbers.clone()].fill(0xff);
        assert_eq!(Signature::from_bytes(&above), Err(SignatureError::AboveOrder));

        let mut zero = bytes;
        zero[numbers].fill(0);
        let signature = Signature::from_bytes(&zero).unwrap();
        assert_eq!(signature.recover(&digest), Err(SignatureError::NoSigner));
    }
}

#[test]
#[cfg(feature = "serde")]
fn ids_are_strings_in_rlp_and_json() {
    let id = SecretKey::from_bytes(&[7; 32]).unwrap().id();
    let rlp = rlp_codec::encode(&id);
    assert_eq!((rlp.len(), rlp[0], rlp[1]), (66, 0xb8, 64));
    assert_eq!(rlp_codec::decode(&rlp), Ok(id));
    assert!(rlp_codec::decode::<NodeId>(&rlp_codec::encode(&[1u8; 63])).is_err());

    let json = serde_json::to_string(&id).unwrap();
    assert_eq!(json, format!("\"{id}\""));
    assert_eq!(serde_json::from_str::<NodeId>(&json).unwrap(), id);
    let error = serde_json::from_str::<NodeId>("\"ab\"").unwrap_err().to_string();
    assert!(error.starts_with("2 hexadecimal digits instead of 128"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_signer_is_recovered(secret: [u8; 32], digest: [u8; 32], other: [u8; 32]) {
        prop_assume!(digest != other);
        let Ok(key) = SecretKey::from_bytes(&secret) else { return Ok(()) };
        let signature = Signature::from_bytes(&key.sign(&digest).to_bytes()).unwrap();
        prop_assert_eq!(signature.recover(&digest), Ok(key.public_key()));
        prop_assert_ne!(signature.recover(&other), Ok(key.public_key()));
    }

    #[test]
    fn no_signature_panics(numbers: [u8; 32], v in 0..3u8, digest: [u8; 32]) {
        let bytes = [&numbers[..], &numbers[..], &[v]].concat().try_into().unwrap();
        let _ = Signature::from_bytes(&bytes).map(|signature| signature.recover(&digest));
    }

    #[test]
    fn an_id_reads_as_it_is_written(bytes in prop::collection::vec(any::<u8>(), 64)) {
        let id = NodeId(bytes.try_into().unwrap());
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(format!("0x{id}").to_uppercase().parse(), Ok(id));
    }
}
