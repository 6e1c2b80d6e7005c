//! Envelopes, blooms and password keys that go-ethereum 1.8.27 and 1.9.6 made, byte for byte.
#![cfg(feature = "crypto")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use bytes::Bytes;
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use whisper_envelope::{
    Bloom, Ciphertext, Dialect, Draft, Envelope, Message, Padding, PublicKey, Recipient, SecretKey,
    SymmetricKey, Topic,
};

const V5: &str = include_str!("vectors/whisper5-geth1.8.27.json");
const V6_OLD: &str = include_str!("vectors/whisper6-oldpow-geth1.8.27.json");
const V6_EIP_627: &str = include_str!("vectors/whisper6-eip627pow-geth1.9.6.json");
const BLOOMS: &str = include_str!("vectors/bloom-geth.json");
const PASSWORDS: &str = include_str!("vectors/symkey-password.json");

/// One entry of a file of envelopes.
struct Vector {
    dialect: Dialect,
    fields: Value,
}

impl Vector {
    fn all() -> Vec<Self> {
        let files = [(Dialect::V5, V5), (Dialect::V6, V6_OLD), (Dialect::V6, V6_EIP_627)];
        let vectors: Vec<_> = files
            .into_iter()
            .flat_map(|(dialect, file)| {
                let file: Value = serde_json::from_str(file).unwrap();
                assert_eq!(file["whisper"], dialect.version());
                let envelopes = file["envelopes"].as_array().unwrap().clone();
                envelopes.into_iter().map(move |fields| Self { dialect, fields })
            })
            .collect();
        assert_eq!(vectors.len(), 3 * 37);
        vectors
    }

    fn name(&self) -> String {
        format!("{:?} {}", self.dialect, self.fields["name"])
    }

    fn bytes(&self, pointer: &str) -> Vec<u8> {
        hex::decode(self.fields.pointer(pointer).unwrap().as_str().unwrap()).unwrap()
    }

    fn array<const N: usize>(&self, pointer: &str) -> [u8; N] {
        self.bytes(pointer).try_into().unwrap()
    }

    fn number(&self, field: &str) -> u32 {
        self.fields[field].as_u64().unwrap().try_into().unwrap()
    }

    fn nonce(&self) -> u64 {
        self.fields["nonce"].as_str().unwrap().parse().unwrap()
    }

    fn has(&self, field: &str) -> bool {
        self.fields.get(field).is_some()
    }

    fn secret(&self, field: &str) -> Option<SecretKey> {
        self.has(field).then(|| SecretKey::from_bytes(&self.array(&format!("/{field}"))).unwrap())
    }

    fn public(&self, field: &str) -> Option<PublicKey> {
        self.has(field)
            .then(|| PublicKey::from_uncompressed(&self.array(&format!("/{field}"))).unwrap())
    }

    fn envelope(&self) -> Envelope {
        Envelope::decode(self.dialect, self.bytes("/rlp").into()).unwrap()
    }

    fn symmetric_key(&self) -> Option<SymmetricKey> {
        self.has("sym_key").then(|| SymmetricKey::from_bytes(self.array("/sym_key")))
    }

    fn message(&self) -> Message {
        let envelope = self.envelope();
        match self.symmetric_key() {
            Some(key) => envelope.open_symmetric(&key),
            None => envelope.open_asymmetric(&self.secret("dst_private").unwrap()),
        }
        .unwrap()
    }

    /// The payload; the large ones are not written out a second time.
    fn payload(&self) -> Vec<u8> {
        self.bytes("/payload")
    }
}

#[test]
fn fields_hash_and_sizes() {
    for vector in Vector::all() {
        let (name, envelope) = (vector.name(), vector.envelope());
        assert_eq!(envelope.hash(), &vector.array("/hash"), "{name}");
        assert_eq!(envelope.version(), 0, "{name}");
        assert_eq!(envelope.expiry(), vector.number("expiry"), "{name}");
        assert_eq!(envelope.ttl(), vector.number("ttl"), "{name}");
        assert_eq!(envelope.topic(), Topic(vector.array("/topic")), "{name}");
        assert_eq!(envelope.nonce(), vector.nonce(), "{name}");
        assert_eq!(envelope.data().len(), vector.number("data_len") as usize, "{name}");
        assert_eq!(envelope.size(), vector.number("size") as usize, "{name}");
        let sent = vector.fields.pointer("/decrypted/sent").unwrap();
        assert_eq!(envelope.sent().map(Value::from).as_ref(), Some(sent), "{name}");
        if vector.dialect == Dialect::V5 {
            let nonce = envelope.aes_nonce().map_or(&[][..], |nonce| nonce);
            assert_eq!(nonce, vector.bytes("/aes_nonce"), "{name}");
        } else {
            assert_eq!(envelope.aes_nonce(), None, "{name}");
        }
    }
}

#[test]
fn preimage_is_the_rlp_without_nonce() {
    let written_out = Vector::all().into_iter().filter(|vector| vector.has("rlp_without_nonce"));
    for vector in written_out {
        let envelope = vector.envelope();
        let preimage = envelope.unsealed().preimage();
        assert_eq!(preimage.to_vec(), vector.bytes("/rlp_without_nonce"), "{}", vector.name());
        assert_eq!(preimage.len(), preimage.to_vec().len());
    }
}

#[test]
fn sealing_again_gives_the_same_bytes() {
    for vector in Vector::all() {
        let envelope = vector.envelope();
        let sealed = envelope.unsealed().seal(envelope.nonce());
        assert_eq!(sealed.raw(), envelope.raw(), "{}", vector.name());
        assert_eq!(sealed.data(), envelope.data());
        let detached = envelope.detached();
        assert_eq!(detached.raw(), envelope.raw());
        assert_eq!(detached.unsealed(), envelope.unsealed());
        assert_eq!(envelope.unsealed().sealed_len(envelope.nonce()), envelope.raw().len());
    }
}

#[test]
fn opened_messages() {
    for vector in Vector::all() {
        let (name, message) = (vector.name(), vector.message());
        assert_eq!(message.payload, vector.payload(), "{name}");
        assert_eq!(message.padding, vector.bytes("/decrypted/padding"), "{name}");
        let signature = message.signature.map(|signature| signature.to_vec()).unwrap_or_default();
        assert_eq!(signature, vector.bytes("/decrypted/signature"), "{name}");
        assert_eq!(message.signer, vector.public("src_public"), "{name}");
    }
}

#[test]
fn the_same_draft_gives_the_same_envelope() {
    let rng = &mut StdRng::seed_from_u64(0); // not drawn from: padding and nonces are given
    for vector in Vector::all() {
        let name = vector.name();
        let (payload, padding) = (vector.payload(), vector.bytes("/decrypted/padding"));
        let (symmetric, public) = (vector.symmetric_key(), vector.public("dst_public"));
        let to = match (&symmetric, &public) {
            (Some(key), _) => Recipient::Symmetric(key),
            (_, key) => Recipient::Asymmetric(key.as_ref().unwrap()),
        };
        let (ttl, signer) = (vector.number("ttl"), vector.secret("src_private"));
        let mut draft = Draft::new(vector.dialect, to, vector.number("expiry") - ttl)
            .payload(&payload)
            .padding(Padding::Explicit(&padding))
            .topic(Topic(vector.array("/topic")))
            .ttl(ttl);
        if let Some(signer) = &signer {
            draft = draft.sign(signer);
        }
        let plaintext = draft.plaintext(rng).unwrap();
        if vector.has("plaintext") {
            assert_eq!(plaintext, vector.bytes("/plaintext"), "{name}");
        }
        let ciphertext = match to {
            Recipient::Symmetric(key) => {
                let place =
                    if vector.dialect == Dialect::V5 { "/aes_nonce" } else { "/decrypted/salt" };
                Ciphertext::symmetric(vector.dialect, key, vector.array(place), &plaintext)
            }
            Recipient::Asymmetric(key) => {
                let ephemeral = vector.secret("ecies_ephemeral_private").unwrap();
                let iv = vector.array("/ecies_iv");
                Ciphertext::asymmetric_with(vector.dialect, key, &plaintext, &ephemeral, iv)
            }
        };
        let envelope = draft.enclose(&ciphertext).unwrap().seal(vector.nonce());
        assert_eq!(envelope.raw(), &vector.bytes("/rlp"), "{name}");
    }
}

#[test]
fn automatic_padding_is_as_long_as_theirs() {
    let rng = &mut StdRng::seed_from_u64(1);
    let automatic =
        Vector::all().into_iter().filter(|vector| vector.fields["explicit_padding"] == "");
    for vector in automatic {
        let (payload, key) = (vector.payload(), SymmetricKey::random(rng));
        let signer = vector.secret("src_private");
        let mut draft = Draft::new(vector.dialect, Recipient::Symmetric(&key), 0).payload(&payload);
        if let Some(signer) = &signer {
            draft = draft.sign(signer);
        }
        let plaintext = Bytes::from(draft.plaintext(rng).unwrap());
        let message = Message::parse(vector.dialect, &plaintext).unwrap();
        let theirs = vector.bytes("/decrypted/padding").len();
        assert_eq!(message.padding.len(), theirs, "{}", vector.name());
        assert_eq!(plaintext.len() % 256, 0, "{}", vector.name());
    }
}

#[test]
fn blooms_of_envelopes() {
    for vector in Vector::all().iter().filter(|vector| vector.has("bloom")) {
        let envelope = vector.envelope();
        let overwriting = Bloom::of_overwriting(envelope.topic());
        assert_eq!(overwriting, Bloom(vector.array("/bloom")), "{}", vector.name());
        assert!(envelope.bloom().contains(&overwriting));
    }
}

fn bloom(text: &Value) -> Bloom {
    Bloom::try_from(&*hex::decode(text.as_str().unwrap()).unwrap()).unwrap()
}

fn bits(bloom: Bloom) -> Vec<usize> {
    (0..512).filter(|bit| bloom.0[bit / 8] & (1 << (bit % 8)) != 0).collect()
}

/// The topics of the bloom file, and what it says of each.
fn topics(file: &Value) -> Vec<(Topic, &Value)> {
    let entries = file["topic_to_bloom"].as_array().unwrap();
    let topic = |entry: &Value| format!("0x{}", entry["topic"].as_str().unwrap()).parse().unwrap();
    entries.iter().map(|entry| (topic(entry), entry)).collect()
}

#[test]
fn blooms_of_topics() {
    let file: Value = serde_json::from_str(BLOOMS).unwrap();
    let topics = topics(&file);
    assert_eq!(topics.len(), 32);
    for (topic, entry) in topics {
        let (of, overwriting) = (Bloom::of(topic), Bloom::of_overwriting(topic));
        assert_eq!(of, bloom(&entry["or_bloom"]), "{topic}");
        assert_eq!(overwriting, bloom(&entry["geth_bloom"]), "{topic}");
        assert_eq!(of.to_string(), entry["or_bloom"], "{topic}");
        assert_eq!(Value::from(bits(overwriting)), entry["geth_bits"], "{topic}");
        let mut or_bits: Vec<u64> = serde_json::from_value(entry["or_bits"].clone()).unwrap();
        or_bits.sort_unstable();
        let ours = bits(of).into_iter().map(|bit| bit as u64);
        assert!(ours.eq(or_bits), "{topic}");
        assert_eq!(of != overwriting, entry["geth_loses_bits"], "{topic}");
        assert_eq!(of.contains(&overwriting), entry["or_filter_matches_geth_sample"], "{topic}");
        assert_eq!(overwriting.contains(&of), entry["geth_filter_matches_or_sample"], "{topic}");
    }
}

#[test]
fn bloom_filters_match_as_theirs_do() {
    let file: Value = serde_json::from_str(BLOOMS).unwrap();
    let topics = topics(&file);
    for case in file["bloom_filter_match"].as_array().unwrap() {
        // No filter at all is a full node.
        let filter = if case["filter"].is_null() { Bloom::FULL } else { bloom(&case["filter"]) };
        // Of the topics that were tried the file lists every second one.
        let tried = case["matches_topic_i"].as_array().unwrap().iter().step_by(2);
        assert_eq!(tried.len(), topics.len());
        for ((topic, _), matches) in topics.iter().zip(tried) {
            let sample = Bloom::of_overwriting(*topic);
            assert_eq!(filter.contains(&sample), *matches, "{} {topic}", case["filter_name"]);
            assert_eq!(filter.matches(*topic), *matches, "{} {topic}", case["filter_name"]);
        }
    }
}

#[test]
fn keys_from_passwords() {
    let file: Value = serde_json::from_str(PASSWORDS).unwrap();
    for case in file["passwords"].as_array().unwrap() {
        let key = SymmetricKey::from_password(case["password"].as_str().unwrap().as_bytes());
        assert_eq!(hex::encode(key.as_bytes()), case["v5_key"].as_str().unwrap());
        assert_eq!(case["v5_key"], case["v6_key"]);
    }
}
