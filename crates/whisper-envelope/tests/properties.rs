//! What holds for every envelope and every message, and that no bytes are too strange.
#![cfg(feature = "crypto")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use bytes::Bytes;
use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::StdRng};
use whisper_envelope::{
    Bloom, Dialect, Draft, Envelope, Message, OpenError, Padding, Recipient, SecretKey,
    SymmetricKey, Topic, Unsealed,
};

fn dialects() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::V5), Just(Dialect::V6)]
}

fn topics() -> impl Strategy<Value = Topic> {
    any::<[u8; 4]>().prop_map(Topic)
}

/// Any envelope that has the right shape, whatever is inside.
fn unsealed() -> impl Strategy<Value = Unsealed> {
    let data = prop::collection::vec(any::<u8>(), 0..300);
    let v6 = (any::<u32>(), any::<u32>(), topics(), data.clone())
        .prop_map(|(expiry, ttl, topic, data)| Unsealed::v6(expiry, ttl, topic, &data));
    let nonce = prop::option::of(any::<[u8; 12]>());
    let v5 = (any::<u8>(), any::<u32>(), any::<u32>(), topics(), nonce, data).prop_map(
        |(version, expiry, ttl, topic, nonce, data)| {
            Unsealed::v5(version, expiry, ttl, topic, nonce, &data)
        },
    );
    prop_oneof![v5, v6]
}

/// Everything about a message that its sender chooses but the keys.
#[derive(Debug, Clone)]
struct Said {
    dialect: Dialect,
    payload: Vec<u8>,
    /// `None` is automatic.
    padding: Option<Vec<u8>>,
    signed: bool,
    seed: u64,
}

fn said() -> impl Strategy<Value = Said> {
    // Around the lengths at which the number of length bytes or of padding blocks changes.
    let length = prop_oneof![0..600usize, 185..195usize, 250..260usize, Just(65_536)];
    let payload = (length, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]);
    let padding = prop::option::of(prop::collection::vec(any::<u8>(), 0..300));
    (dialects(), payload, padding, any::<bool>(), any::<u64>()).prop_map(
        |(dialect, payload, padding, signed, seed)| Said {
            dialect,
            payload,
            padding,
            signed,
            seed,
        },
    )
}

impl Said {
    fn rng(&self) -> StdRng {
        StdRng::seed_from_u64(self.seed)
    }

    fn padding(&self) -> Padding<'_> {
        self.padding.as_deref().map_or(Padding::Automatic, Padding::Explicit)
    }

    fn encrypt(&self, to: Recipient<'_>, signer: &SecretKey) -> Envelope {
        let mut draft = Draft::new(self.dialect, to, 1_700_000_000)
            .payload(&self.payload)
            .padding(self.padding());
        if self.signed {
            draft = draft.sign(signer);
        }
        draft.encrypt(&mut self.rng()).unwrap().seal(self.seed)
    }

    fn check(&self, message: &Message, signer: &SecretKey) -> Result<(), TestCaseError> {
        prop_assert_eq!(&message.payload, &self.payload);
        match &self.padding {
            Some(padding) => prop_assert_eq!(&message.padding, padding),
            None => prop_assert!(message.padding.len() <= 256),
        }
        prop_assert_eq!(message.signer, self.signed.then(|| signer.public_key()));
        prop_assert_eq!(message.signature.is_some(), self.signed);
        Ok(())
    }
}

/// A copy of `raw` with one bit of the data, which are `data_len` bytes, flipped.
fn flipped(envelope: &Envelope, at: prop::sample::Index, bit: u8) -> Envelope {
    let unsealed = envelope.unsealed();
    let mut data = envelope.data().to_vec();
    let at = at.index(data.len());
    data[at] ^= 1 << bit;
    let (expiry, ttl, topic) = (unsealed.expiry(), unsealed.ttl(), unsealed.topic());
    match envelope.dialect() {
        Dialect::V5 => Unsealed::v5(0, expiry, ttl, topic, unsealed.aes_nonce().copied(), &data),
        Dialect::V6 => Unsealed::v6(expiry, ttl, topic, &data),
    }
    .seal(envelope.nonce())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decoding_what_was_sealed_gives_the_same(unsealed in unsealed(), nonce: u64) {
        let sealed = unsealed.seal(nonce);
        let decoded = Envelope::decode(sealed.dialect(), sealed.raw().clone()).unwrap();
        prop_assert_eq!(&decoded, &sealed);
        prop_assert_eq!(decoded.nonce(), nonce);
        prop_assert_eq!(decoded.size(), unsealed.size());
        prop_assert_eq!(decoded.aes_nonce(), unsealed.aes_nonce());
        prop_assert_eq!(decoded.unsealed(), &unsealed);
        prop_assert_eq!(unsealed.sealed_len(nonce), sealed.raw().len());
    }

    #[test]
    fn whatever_decodes_encodes_to_the_same_bytes(
        unsealed in unsealed(),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let mut raw = unsealed.seal(7).raw().to_vec();
        let at = at.index(raw.len());
        raw[at] = byte;
        let raw = Bytes::from(raw);
        for dialect in [Dialect::V5, Dialect::V6] {
            if let Ok(decoded) = Envelope::decode(dialect, raw.clone()) {
                let again = decoded.unsealed().seal(decoded.nonce());
                prop_assert_eq!(again.raw(), &raw);
                let detached = decoded.detached();
                prop_assert_eq!(detached.unsealed(), decoded.unsealed());
            }
        }
    }

    #[test]
    fn truncated_envelopes_are_errors(unsealed in unsealed(), len: prop::sample::Index) {
        let sealed = unsealed.seal(7);
        let cut = sealed.raw().slice(..len.index(sealed.raw().len()));
        prop_assert!(Envelope::decode(sealed.dialect(), cut).is_err());
    }

    #[test]
    fn symmetric_messages_arrive(said in said()) {
        let (key, signer) = (SymmetricKey::random(&mut said.rng()), SecretKey::random(&mut said.rng()));
        let envelope = said.encrypt(Recipient::Symmetric(&key), &signer);
        said.check(&envelope.open_symmetric(&key).unwrap(), &signer)?;
        let other = SymmetricKey::from_bytes([9; 32]);
        prop_assert_eq!(envelope.open_symmetric(&other), Err(OpenError::WrongKey));
    }

    #[test]
    fn asymmetric_messages_arrive(said in said()) {
        let mut rng = said.rng();
        let (key, signer) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
        let envelope = said.encrypt(Recipient::Asymmetric(&key.public_key()), &signer);
        said.check(&envelope.open_asymmetric(&key).unwrap(), &signer)?;
        prop_assert_eq!(envelope.open_asymmetric(&signer), Err(OpenError::WrongKey));
    }

    #[test]
    fn a_flipped_bit_of_the_data_does_not_open(
        said in said(),
        at: prop::sample::Index,
        bit in 0..8u8,
    ) {
        let (key, secret) = (SymmetricKey::random(&mut said.rng()), SecretKey::random(&mut said.rng()));
        let envelope = said.encrypt(Recipient::Symmetric(&key), &secret);
        prop_assert_eq!(flipped(&envelope, at, bit).open_symmetric(&key), Err(OpenError::WrongKey));
        let envelope = said.encrypt(Recipient::Asymmetric(&secret.public_key()), &secret);
        prop_assert_eq!(flipped(&envelope, at, bit).open_asymmetric(&secret), Err(OpenError::WrongKey));
    }

    #[test]
    fn padded_to_whole_blocks(said in said()) {
        let (key, signer) = (SymmetricKey::random(&mut said.rng()), SecretKey::random(&mut said.rng()));
        let said = Said { padding: None, ..said };
        let data = said.encrypt(Recipient::Symmetric(&key), &signer).data().len();
        let overhead = if said.dialect == Dialect::V5 { 16 } else { 16 + 12 };
        prop_assert_eq!((data - overhead) % 256, 0);
    }

    #[test]
    fn a_bloom_contains_its_topic_in_both_forms(topic in topics(), other in topics()) {
        let both = Bloom::of(topic).union(Bloom::of(other));
        prop_assert!(both.contains(&Bloom::of(topic)) && both.contains(&Bloom::of_overwriting(other)));
        prop_assert!(Bloom::FULL.contains(&both) && !Bloom::EMPTY.contains(&both));
        prop_assert!(both.contains(&Bloom::EMPTY));
    }

    /// The bits of these topics are in few bytes, so that some are overwritten.
    #[test]
    fn a_bloom_matches_the_topics_whose_sample_it_contains(
        topic in prop::array::uniform4(0_u8..16),
        bits in prop::array::uniform2(any::<u8>()),
    ) {
        let (mut filter, topic) = (Bloom::EMPTY, Topic(topic));
        filter.0[..2].copy_from_slice(&bits);
        filter.0[32..34].copy_from_slice(&bits);
        prop_assert_eq!(filter.matches(topic), filter.contains(&Bloom::of_overwriting(topic)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_decode_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for dialect in [Dialect::V5, Dialect::V6] {
            let _ = Envelope::decode(dialect, Bytes::from(bytes.clone()));
        }
    }

    #[test]
    fn any_plaintext_parses_or_fails(
        dialect in dialects(),
        flags in 0..=255u8,
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let plaintext = Bytes::from([&[flags][..], &rest].concat());
        if let Ok(message) = Message::parse(dialect, &plaintext) {
            let signature = message.signature.map_or(0, |signature| signature.len());
            let parts = message.payload.len() + message.padding.len() + signature;
            let length_bytes = usize::from(flags & 3);
            prop_assert_eq!(1 + length_bytes + parts, plaintext.len());
        }
    }

    #[test]
    fn another_time_changes_nothing_but_the_expiry(unsealed in unsealed(), sent: u32) {
        let (expiry, topic) = (sent.saturating_add(unsealed.ttl()), unsealed.topic());
        let computed = match unsealed.dialect() {
            Dialect::V5 => {
                let version = u8::try_from(unsealed.version()).unwrap();
                let nonce = unsealed.aes_nonce().copied();
                Unsealed::v5(version, expiry, unsealed.ttl(), topic, nonce, unsealed.data())
            }
            Dialect::V6 => Unsealed::v6(expiry, unsealed.ttl(), topic, unsealed.data()),
        };
        prop_assert_eq!(unsealed.sent_at(sent), computed);
    }

    #[test]
    fn any_data_open_or_fail(
        nonce: Option<[u8; 12]>,
        data in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let key = SymmetricKey::from_bytes([1; 32]);
        let secret = SecretKey::from_bytes(&[1; 32]).unwrap();
        let v5 = Unsealed::v5(0, 60, 50, Topic(*b"news"), nonce, &data).seal(0);
        let v6 = Unsealed::v6(60, 50, Topic(*b"news"), &data).seal(0);
        for envelope in [v5, v6] {
            prop_assert!(envelope.open_symmetric(&key).is_err());
            prop_assert!(envelope.open_asymmetric(&secret).is_err());
        }
    }
}
