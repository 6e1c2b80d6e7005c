//! Known answers of the whole schedule, from fixed keys and random numbers: `tests/vectors/sec-1.json`.

use bytes::BytesMut;
use p2p_identity::SecretKey;
use rand::{CryptoRng, RngCore};
use serde_json::{Map, Value};

use zeroize::Zeroizing;

use super::super::schedule::{Schedule, Transcript};
use super::super::secrets::SharedSecrets;
use super::super::{SecLibrary, SecPolicy, SecSettings, Suite};
use crate::{HandshakeStep, Initiator, Recipient, Session, Stock, StockSize};

/// Random numbers that are given, in the order in which they are drawn.
struct Script(Vec<u8>);

impl RngCore for Script {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("the handshake draws bytes, and the padding 32 bits")
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0.drain(..out.len()).collect::<Vec<_>>());
    }
}

impl CryptoRng for Script {}

struct Vector(Map<String, Value>);

impl Vector {
    fn all() -> Vec<Self> {
        let text = include_str!("../../../tests/vectors/sec-1.json");
        let file: Value = serde_json::from_str(text).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        vectors.iter().map(|vector| Self(vector.as_object().unwrap().clone())).collect()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.0[name].as_str().unwrap()).unwrap()
    }

    fn key(&self, name: &str) -> SecretKey {
        SecretKey::from_bytes(&self.bytes(name).try_into().unwrap()).unwrap()
    }

    fn random(&self, names: &[&str]) -> Script {
        Script(names.iter().flat_map(|name| self.bytes(name)).collect())
    }

    fn settings(&self) -> SecSettings {
        let suite = match self.0["suite"].as_str().unwrap() {
            "AES-256-GCM" => Suite::Aes256Gcm,
            _ => Suite::ChaCha20Poly1305,
        };
        let library = Some(SecLibrary::rust_crypto());
        SecSettings { policy: SecPolicy::Require, suite, library }
    }

    fn expect(&self, name: &str, found: &[u8]) {
        assert_eq!(hex::encode(found), self.0[name].as_str().unwrap(), "{name}");
    }
}

/// The packets, and the sessions of both roles.
fn connect(vector: &Vector) -> (Session, Session) {
    let stock = Stock::new(&vector.key("initiator_static"), StockSize { keys: 0, peers: 0 });
    let recipient = vector.key("recipient_static");
    let mut random = vector.random(&[
        "initiator_x25519",
        "initiator_ml_kem_seed",
        "initiator_ephemeral",
        "initiator_nonce",
        "auth_padding",
        "auth_ecies_ephemeral",
        "auth_ecies_iv",
    ]);
    let settings = vector.settings();
    let to = recipient.public_key();
    let (initiator, auth) = Initiator::start_with(&stock, &to, &settings, &mut random).unwrap();
    assert!(random.0.is_empty());
    vector.expect("auth", &auth);

    let mut random = vector.random(&[
        "recipient_x25519",
        "recipient_ml_kem_message",
        "recipient_ephemeral",
        "recipient_nonce",
        "ack_padding",
        "ack_ecies_ephemeral",
        "ack_ecies_iv",
    ]);
    let answering = Recipient::with_sec(&recipient, &settings);
    let step = answering.handle(&mut BytesMut::from(&auth[..]), &mut random).unwrap();
    let HandshakeStep::Done(accepted) = step else { panic!("auth is complete") };
    assert!(random.0.is_empty());
    vector.expect("ack", &accepted.ack);
    let step = initiator.handle(&mut BytesMut::from(&accepted.ack[..])).unwrap();
    let HandshakeStep::Done(session) = step else { panic!("ack is complete") };
    (session, accepted.session)
}

#[test]
fn both_roles_reproduce_the_packets_and_records() {
    let vectors = Vector::all();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let (mut initiator, mut recipient) = connect(&vector);
        exchange(&vector, "initiator_records", &mut initiator, &mut recipient);
        exchange(&vector, "recipient_records", &mut recipient, &mut initiator);
    }
}

/// Every step between the secrets of the key agreements and the first keys, in both libraries.
#[test]
fn the_schedule_comes_out_step_by_step() {
    for vector in Vector::all() {
        let array = |name: &str| vector.bytes(name).try_into().unwrap();
        let shared = SharedSecrets {
            x25519: Zeroizing::new(array("x25519_secret")),
            kem: Zeroizing::new(array("ml_kem_secret")),
        };
        let (auth, ack) = (vector.bytes("auth"), vector.bytes("ack"));
        let transcript = Transcript {
            initiator: vector.key("initiator_static").id(),
            recipient: vector.key("recipient_static").id(),
            auth: &auth,
            ack: &ack,
        };
        let ephemeral = array("rlpx_ephemeral_secret");
        let best = SecLibrary::best().unwrap_or_else(SecLibrary::rust_crypto);
        for library in [best, SecLibrary::rust_crypto()] {
            let library = library.library();
            vector.expect("salt", &transcript.salt(library));
            let first = Schedule::derive(library, &ephemeral, &shared, &transcript);
            for (name, secret) in [("initiator", first.initiator), ("recipient", first.recipient)] {
                vector.expect(&format!("{name}_secret"), &*secret);
                for (label, size) in [("key", 32), ("iv", 12), ("next", 32)] {
                    let mut out = vec![0; size];
                    library.expand(&secret, format!("sec/1 {label}").as_bytes(), &mut out);
                    vector.expect(&format!("{name}_{label}"), &out);
                }
            }
        }
    }
}

/// Two messages in a record, then one in two records.
fn exchange(vector: &Vector, name: &str, from: &mut Session, to: &mut Session) {
    let mut wire = BytesMut::new();
    from.sealer.put(16, b"a first message", &mut wire).unwrap();
    from.sealer.put(300, b"", &mut wire).unwrap();
    from.sealer.finish(&mut wire);
    from.sealer.seal(17, &[0x5a; 16_400], &mut wire).unwrap();
    vector.expect(name, &wire);
    let mut received = BytesMut::from(&vector.bytes(name)[..]);
    for (code, size) in [(16, 15), (300, 0), (17, 16_400)] {
        let message = to.opener.open(&mut received).unwrap().unwrap();
        assert_eq!((message.code, message.payload.len()), (code, size));
    }
}
