//! Whisper envelopes and their payloads, in both dialects.

use bytes::Bytes;
use rlp_codec::encode;
use whisper_envelope::{
    Bloom, Ciphertext, Dialect, Draft, Envelope, Message, Padding, Recipient, SymmetricKey, Topic,
    Unsealed,
};
use whisper_pow::{Rule, Work, work};

use crate::fixture;

/// shh/5 envelopes as they arrive.
pub fn envelope_v5(data: &[u8]) {
    decode(Dialect::V5, data);
}

/// shh/6 envelopes as they arrive.
pub fn envelope_v6(data: &[u8]) {
    decode(Dialect::V6, data);
}

/// A decoded envelope keeps its bytes, and its fields, sealed again, give the same bytes.
fn decode(dialect: Dialect, data: &[u8]) {
    let Ok(envelope) = Envelope::decode(dialect, Bytes::copy_from_slice(data)) else { return };
    assert_eq!(envelope.raw(), data);
    assert_eq!(*envelope.hash(), keccak_lanes::keccak256(data));
    assert!(envelope.data().len() < data.len());
    assert_eq!(envelope.sent(), envelope.expiry().checked_sub(envelope.ttl()));
    assert!(Bloom::FULL.contains(&envelope.bloom()));

    let again = envelope.unsealed().seal(envelope.nonce());
    assert_eq!(again.raw(), data);
    assert_eq!(envelope.unsealed().sealed_len(envelope.nonce()), data.len());
    let preimage = envelope.unsealed().preimage().to_vec();
    assert_eq!(preimage.len(), envelope.unsealed().preimage().len());
    assert!(
        rlp_codec::Item::parse(&preimage)
            .is_ok_and(|item| item.is_list() && item.validate().is_ok())
    );
    for rule in [Rule::GETH_1_8, Rule::EIP_627] {
        let work = work(rule, &envelope);
        assert_eq!(work.is_err(), envelope.ttl() == 0, "{work:?} under {rule:?}");
        assert!(work.is_ok_and(|work| work >= Work::ZERO) || envelope.ttl() == 0);
    }
}

/// A decrypted shh/5 message. Only an owner of the key can send it. go-ethereum crashes on some of them.
pub fn payload_v5(data: &[u8]) {
    parse(Dialect::V5, data);
}

/// A decrypted shh/6 message.
pub fn payload_v6(data: &[u8]) {
    parse(Dialect::V6, data);
}

/// The parts of a message are parts of the plaintext. A plaintext with the same parts parses to the same message.
fn parse(dialect: Dialect, data: &[u8]) {
    let Ok(message) = Message::parse(dialect, &Bytes::copy_from_slice(data)) else { return };
    let signature = message.signature.map_or(0, |signature| signature.len());
    assert!(message.payload.len() + message.padding.len() + signature < data.len());
    assert_eq!(message.signature.is_some(), message.signer.is_some());

    let key = SymmetricKey::from_bytes([7; 32]);
    let draft = Draft::new(dialect, Recipient::Symmetric(&key), 0)
        .payload(&message.payload)
        .padding(Padding::Explicit(&message.padding));
    let plaintext = draft
        .plaintext(&mut fixture::rng())
        .unwrap_or_else(|error| panic!("a valid payload: {error}"));
    let again = Message::parse(dialect, &plaintext.into())
        .unwrap_or_else(|error| panic!("a valid plaintext: {error}"));
    assert_eq!((again.payload, again.padding), (message.payload, message.padding));
    assert_eq!(again.signer, None);
}

/// An envelope opens with its own key only, and only if its plaintext can be parsed.
pub fn open(data: &[u8]) {
    let dialect =
        if data.first().is_some_and(|byte| byte % 2 == 1) { Dialect::V5 } else { Dialect::V6 };
    let data = data.get(1..).unwrap_or_default();
    let readable = Message::parse(dialect, &Bytes::copy_from_slice(data));

    let key = SymmetricKey::from_bytes([7; 32]);
    let envelope = enclose(dialect, &Ciphertext::symmetric(dialect, &key, [9; 12], data));
    assert_eq!(envelope.open_symmetric(&key), readable);
    assert!(envelope.open_symmetric(&SymmetricKey::from_bytes([8; 32])).is_err());
    assert!(envelope.open_asymmetric(&fixture::key(1)).is_err());

    let key = fixture::key(1);
    let sealed =
        Ciphertext::asymmetric_with(dialect, &key.public_key(), data, &fixture::key(2), [3; 16]);
    let envelope = enclose(dialect, &sealed);
    assert_eq!(envelope.open_asymmetric(&key), readable);
    assert!(envelope.open_asymmetric(&fixture::key(3)).is_err());

    foreign(dialect, data);
}

/// Any bytes as the data of an envelope: opening fails, or gives a message that is shorter than the data.
fn foreign(dialect: Dialect, data: &[u8]) {
    let envelope = match dialect {
        Dialect::V5 => Unsealed::v5(0, 50, 50, Topic(*b"news"), None, data),
        Dialect::V6 => Unsealed::v6(50, 50, Topic(*b"news"), data),
    };
    let envelope = envelope.seal(0);
    let opened = envelope.open_asymmetric(&fixture::key(1));
    let opened = opened.or_else(|_| envelope.open_symmetric(&SymmetricKey::from_bytes([7; 32])));
    if let Ok(message) = opened {
        assert!(message.payload.len() + message.padding.len() < data.len());
    }
}

fn enclose(dialect: Dialect, ciphertext: &Ciphertext) -> Envelope {
    let key = SymmetricKey::from_bytes([0; 32]);
    let draft =
        Draft::new(dialect, Recipient::Symmetric(&key), 1_700_000_000).topic(Topic(*b"news"));
    let unsealed =
        draft.enclose(ciphertext).unwrap_or_else(|error| panic!("a valid draft: {error}"));
    let envelope = unsealed.seal(5);
    // The receiver decodes the same envelope.
    let raw = Bytes::copy_from_slice(envelope.raw());
    let arrived =
        Envelope::decode(dialect, raw).unwrap_or_else(|error| panic!("a valid envelope: {error}"));
    assert_eq!(encode(&rlp_codec::Raw(arrived.raw())), envelope.raw().as_ref());
    arrived
}
