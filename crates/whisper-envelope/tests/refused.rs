//! Bad input, one test for each kind: a typed error, never a panic.
#![cfg(feature = "crypto")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use bytes::Bytes;
use p2p_identity::SecretKey;
use rand::{SeedableRng as _, rngs::StdRng};
use rlp_codec::{Encodable, Error, ErrorKind, encode_list};
use whisper_envelope::{
    Bloom, BloomError, Ciphertext, Dialect, Draft, DraftError, Envelope, EnvelopeError, Message,
    OpenError, Padding, Recipient, SymmetricKey, Topic, Unsealed,
};

const TOPIC: Topic = Topic(*b"news");

fn decode(dialect: Dialect, raw: Vec<u8>) -> Result<Envelope, EnvelopeError> {
    Envelope::decode(dialect, raw.into())
}

fn decode_v6(items: &[&dyn Encodable]) -> Result<Envelope, EnvelopeError> {
    let mut raw = Vec::new();
    encode_list(&mut raw, items);
    decode(Dialect::V6, raw)
}

fn decode_v5(version: &[u8], nonce: &[u8]) -> Result<Envelope, EnvelopeError> {
    let mut raw = Vec::new();
    let data = &b"data"[..];
    encode_list(&mut raw, &[&version, &60u32, &50u32, &TOPIC.0, &nonce, &data, &7u64]);
    decode(Dialect::V5, raw)
}

fn rlp_kind(result: Result<Envelope, EnvelopeError>) -> ErrorKind {
    match result {
        Err(EnvelopeError::Rlp(Error { kind, .. })) => kind,
        other => panic!("not an error of RLP: {other:?}"),
    }
}

#[test]
fn fields_missing_or_too_many() {
    let data = &b"data"[..];
    assert!(decode_v6(&[&60u32, &50u32, &TOPIC.0, &data, &7u64]).is_ok());
    let missing = decode_v6(&[&60u32, &50u32, &TOPIC.0, &data]);
    assert_eq!(rlp_kind(missing), ErrorKind::MissingItem);
    let extra = decode_v6(&[&60u32, &50u32, &TOPIC.0, &data, &7u64, &0u8]);
    assert_eq!(rlp_kind(extra), ErrorKind::ExtraItem);
    assert_eq!(rlp_kind(decode(Dialect::V6, vec![])), ErrorKind::Truncated);
    assert_eq!(rlp_kind(decode(Dialect::V6, vec![0xc0])), ErrorKind::MissingItem);
    assert_eq!(rlp_kind(decode(Dialect::V6, vec![0x80])), ErrorKind::ExpectedList);
}

#[test]
fn topic_of_another_length() {
    let data = &b"data"[..];
    for topic in [&b"new"[..], b"newsy", b""] {
        let kind = rlp_kind(decode_v6(&[&60u32, &50u32, &topic, &data, &7u64]));
        assert_eq!(kind, ErrorKind::WrongLength { expected: 4, actual: topic.len() });
    }
}

#[test]
fn numbers_too_large_for_their_fields() {
    let data = &b"data"[..];
    let large = 1u64 << 32;
    for items in [
        [&large as &dyn Encodable, &50u32, &TOPIC.0, &data, &7u64],
        [&60u32, &large, &TOPIC.0, &data, &7u64],
        [&60u32, &50u32, &TOPIC.0, &data, &(1u128 << 64)],
    ] {
        assert_eq!(rlp_kind(decode_v6(&items)), ErrorKind::Overflow);
    }
}

#[test]
fn encodings_that_are_not_canonical() {
    let good = Unsealed::v6(60, 50, TOPIC, b"data").seal(7).raw().to_vec();
    assert_eq!(good[..4], [0xce - 1, 60, 50, 0x84]);
    // The expiry with a header that a single byte must not have.
    let mut needless = good.clone();
    needless.splice(1..2, [0x81, 60]);
    needless[0] += 1;
    assert_eq!(rlp_kind(decode(Dialect::V6, needless)), ErrorKind::NonCanonicalByte);
    // The nonce with a leading zero.
    let mut padded = good.clone();
    padded.splice(good.len() - 1.., [0x82, 0, 7]);
    padded[0] += 2;
    assert_eq!(rlp_kind(decode(Dialect::V6, padded)), ErrorKind::LeadingZero);
    // The length of the list in a byte of its own.
    let mut long = good.clone();
    long.splice(..1, [0xf8, good[0] - 0xc0]);
    assert_eq!(rlp_kind(decode(Dialect::V6, long)), ErrorKind::NonCanonicalSize);
    let mut trailing = good;
    trailing.push(0);
    assert_eq!(rlp_kind(decode(Dialect::V6, trailing)), ErrorKind::TrailingBytes);
}

#[test]
fn lengths_that_claim_more_than_there_is() {
    // A list that claims 2^56 bytes, and data that claim a gigabyte inside a short list.
    let list = vec![0xff, 1, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(rlp_kind(decode(Dialect::V6, list)), ErrorKind::Truncated);
    let data = [0xcc, 60, 50, 0x84, b'n', b'e', b'w', b's', 0xbb, 0x40, 0, 0, 0];
    assert_eq!(rlp_kind(decode(Dialect::V6, data.into())), ErrorKind::Truncated);
}

#[test]
fn v5_fields_of_wrong_length() {
    assert!(decode_v5(&[0], &[]).is_ok());
    let version = EnvelopeError::VersionLength { len: 5 };
    assert_eq!(decode_v5(&[0; 5], &[]), Err(version));
    for len in [1, 11, 13] {
        let nonce = EnvelopeError::AesNonceLength { len };
        assert_eq!(decode_v5(&[0], &vec![0; len]), Err(nonce));
    }
}

#[test]
fn one_dialect_is_not_the_other() {
    let v5 = Unsealed::v5(0, 60, 50, TOPIC, None, b"data").seal(7);
    let v6 = Unsealed::v6(60, 50, TOPIC, b"data").seal(7);
    assert!(Envelope::decode(Dialect::V6, v5.raw().clone()).is_err());
    assert!(Envelope::decode(Dialect::V5, v6.raw().clone()).is_err());
}

#[test]
fn newer_versions_are_kept_but_not_opened() {
    let key = SymmetricKey::from_bytes([1; 32]);
    let versions: [(&[u8], u32); 3] = [(&[1], 1), (&[0, 1], 256), (&[255; 4], u32::MAX)];
    for (bytes, version) in versions {
        let envelope = decode_v5(bytes, &[0; 12]).unwrap();
        assert_eq!(envelope.version(), version);
        assert_eq!(envelope.size(), 20 + bytes.len() + 12 + 4);
        let newer = Err(OpenError::NewerVersion { version });
        assert_eq!(envelope.open_symmetric(&key), newer);
    }
    // Zero may be written without a byte, too.
    assert_eq!(decode_v5(&[], &[]).unwrap().version(), 0);
}

#[test]
fn expiry_before_the_beginning_of_time() {
    assert_eq!(Unsealed::v6(49, 50, TOPIC, b"").sent(), None);
    assert_eq!(Unsealed::v6(50, 50, TOPIC, b"").sent(), Some(0));
}

#[test]
fn drafts_that_no_node_would_take() {
    let rng = &mut StdRng::seed_from_u64(1);
    let key = SymmetricKey::random(rng);
    for dialect in [Dialect::V5, Dialect::V6] {
        let draft = Draft::new(dialect, Recipient::Symmetric(&key), u32::MAX - 50);
        assert!(draft.encrypt(rng).is_ok());
        assert_eq!(draft.clone().ttl(0).encrypt(rng), Err(DraftError::ZeroTtl));
        assert_eq!(draft.ttl(51).encrypt(rng), Err(DraftError::ExpiryOverflow));
    }
}

#[test]
fn parts_too_long_for_their_length() {
    let rng = &mut StdRng::seed_from_u64(1);
    let key = SymmetricKey::random(rng);
    let long = vec![0; 1 << 24];
    let (len, to) = (long.len(), Recipient::Symmetric(&key));
    let payload = Draft::new(Dialect::V6, to, 0).payload(&long).encrypt(rng);
    assert_eq!(payload, Err(DraftError::PayloadTooLong { len, max: len - 1 }));
    let padding = Draft::new(Dialect::V5, to, 0).padding(Padding::Explicit(&long)).encrypt(rng);
    assert_eq!(padding, Err(DraftError::PaddingTooLong { len, max: len - 4 }));
}

/// An envelope whose plaintext is not what a draft would make.
fn malicious(dialect: Dialect, key: &SymmetricKey, plaintext: &[u8]) -> Envelope {
    let ciphertext = Ciphertext::symmetric(dialect, key, [7; 12], plaintext);
    Draft::new(dialect, Recipient::Symmetric(key), 0).enclose(&ciphertext).unwrap().seal(0)
}

#[test]
fn plaintexts_that_crash_go_ethereum() {
    let key = SymmetricKey::from_bytes([1; 32]);
    for dialect in [Dialect::V5, Dialect::V6] {
        for cut in [&[0x03, 0x01][..], &[0x01], &[0x02, 0xff]] {
            let opened = malicious(dialect, &key, cut).open_symmetric(&key);
            assert_eq!(opened, Err(OpenError::LengthCut), "{dialect:?} {cut:?}");
        }
        let beyond = malicious(dialect, &key, &[0x01, 0x09, 0xaa]).open_symmetric(&key);
        assert!(matches!(beyond, Err(OpenError::LengthBeyondEnd { claimed: 9, .. })));
        assert_eq!(malicious(dialect, &key, &[]).open_symmetric(&key), Err(OpenError::Empty));
    }
}

#[test]
fn the_same_from_someone_who_knows_only_the_public_key() {
    let rng = &mut StdRng::seed_from_u64(2);
    let key = SecretKey::random(rng);
    let to = key.public_key();
    let ciphertext = Ciphertext::asymmetric(Dialect::V6, &to, &[0x03, 0x01], rng);
    let draft = Draft::new(Dialect::V6, Recipient::Asymmetric(&to), 0);
    let envelope = draft.enclose(&ciphertext).unwrap().seal(0);
    assert_eq!(envelope.open_asymmetric(&key), Err(OpenError::LengthCut));
}

#[test]
fn plaintexts_that_are_strange_but_allowed() {
    for dialect in [Dialect::V5, Dialect::V6] {
        // Nothing but flags, and flags that mean nothing.
        for plaintext in [&[0x00][..], &[0xf8]] {
            let message = Message::parse(dialect, &Bytes::copy_from_slice(plaintext)).unwrap();
            assert!(message.payload.is_empty() && message.padding.is_empty());
            assert_eq!(message.signer, None);
        }
    }
}

/// A signed message; `change` gets at the plaintext.
fn signed(dialect: Dialect, change: impl FnOnce(&mut Vec<u8>)) -> Result<Message, OpenError> {
    let rng = &mut StdRng::seed_from_u64(3);
    let (key, signer) = (SymmetricKey::random(rng), SecretKey::random(rng));
    let draft = Draft::new(dialect, Recipient::Symmetric(&key), 0).payload(b"hello").sign(&signer);
    let mut plaintext = draft.plaintext(rng).unwrap();
    change(&mut plaintext);
    let message = Message::parse(dialect, &plaintext.into())?;
    assert_eq!(message.signer, Some(signer.public_key()));
    Ok(message)
}

#[test]
fn signatures() {
    for dialect in [Dialect::V5, Dialect::V6] {
        let last = |plaintext: &mut Vec<u8>| plaintext.len() - 1;
        assert!(signed(dialect, |_| ()).is_ok());
        // The recovery id as EIP-627 has it: 27 or 28.
        let message = signed(dialect, |plaintext| {
            let last = last(plaintext);
            plaintext[last] += 27;
        });
        assert!(message.unwrap().signature.is_some_and(|signature| signature[64] >= 27));
        let bad_id = signed(dialect, |plaintext| {
            let last = last(plaintext);
            plaintext[last] = 9;
        });
        assert_eq!(bad_id, Err(OpenError::InvalidSignature));
        let zeros = signed(dialect, |plaintext| {
            let end = plaintext.len();
            plaintext[end - 65..].fill(0);
        });
        assert_eq!(zeros, Err(OpenError::InvalidSignature));
        let cut = signed(dialect, |plaintext| plaintext.truncate(65));
        assert_eq!(cut, Err(OpenError::SignatureCut));
        let only_flags = signed(dialect, |plaintext| {
            plaintext.truncate(66);
            plaintext[0] = 0x04;
        });
        assert_eq!(only_flags, Err(OpenError::SignatureCut));
    }
}

#[test]
fn a_changed_message_has_another_signer() {
    let rng = &mut StdRng::seed_from_u64(4);
    let (key, signer) = (SymmetricKey::random(rng), SecretKey::random(rng));
    let to = Recipient::Symmetric(&key);
    let mut plaintext =
        Draft::new(Dialect::V6, to, 0).payload(b"hello").sign(&signer).plaintext(rng).unwrap();
    plaintext[2] = b'j';
    // Some key fits nearly every signature: what matters is that it is not the author's.
    let forged = Message::parse(Dialect::V6, &plaintext.into());
    assert!(forged.map_or(true, |message| message.signer != Some(signer.public_key())));
}

#[test]
fn data_too_short_to_be_encrypted() {
    let (key, secret) =
        (SymmetricKey::from_bytes([1; 32]), SecretKey::from_bytes(&[1; 32]).unwrap());
    for len in [0, 11, 12, 27] {
        let envelope = Unsealed::v6(60, 50, TOPIC, &vec![0; len]).seal(0);
        let short = OpenError::DataTooShort { len, min: 28 };
        assert_eq!(envelope.open_symmetric(&key), Err(short));
    }
    let envelope = Unsealed::v5(0, 60, 50, TOPIC, Some([0; 12]), &[0; 15]).seal(0);
    assert_eq!(envelope.open_symmetric(&key), Err(OpenError::DataTooShort { len: 15, min: 16 }));
    let envelope = Unsealed::v6(60, 50, TOPIC, &[0; 112]).seal(0);
    let short = OpenError::DataTooShort { len: 112, min: 113 };
    assert_eq!(envelope.open_asymmetric(&secret), Err(short));
}

#[test]
fn v5_says_how_it_is_encrypted() {
    let (key, secret) =
        (SymmetricKey::from_bytes([1; 32]), SecretKey::from_bytes(&[1; 32]).unwrap());
    let symmetric = Unsealed::v5(0, 60, 50, TOPIC, Some([0; 12]), &[0; 200]).seal(0);
    assert_eq!(symmetric.open_asymmetric(&secret), Err(OpenError::NotAsymmetric));
    let asymmetric = Unsealed::v5(0, 60, 50, TOPIC, None, &[0; 200]).seal(0);
    assert_eq!(asymmetric.open_symmetric(&key), Err(OpenError::NotSymmetric));
}

#[test]
fn blooms_of_wrong_length() {
    for len in [0, 63, 65] {
        assert_eq!(Bloom::try_from(&*vec![0; len]), Err(BloomError { len }));
    }
    assert_eq!(Bloom::try_from(&[0xff; 64][..]), Ok(Bloom::FULL));
}

#[test]
fn nothing_secret_in_debug() {
    let rng = &mut StdRng::seed_from_u64(5);
    let key = SymmetricKey::from_bytes([0xab; 32]);
    let draft = Draft::new(Dialect::V6, Recipient::Symmetric(&key), 0).payload(b"attack at dawn");
    let envelope = draft.encrypt(rng).unwrap().seal(0);
    let message = envelope.open_symmetric(&key).unwrap();
    let shown = format!("{key:?} {draft:?} {envelope:?} {message:?}");
    assert!(!shown.contains("ab, ab") && !shown.contains("171") && !shown.contains("attack"));
}
