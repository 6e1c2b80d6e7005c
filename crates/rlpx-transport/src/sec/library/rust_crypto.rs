//! `sec/1` with the libraries of RustCrypto.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::KeyInit;
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use ml_kem::Decapsulate;
use ml_kem::ml_kem_768::{DecapsulationKey, EncapsulationKey};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{Answered, Generated, KeyPair, Library, Place, RecordKey, split};
use crate::sec::secrets::{Secret, SharedSecrets};
use crate::sec::shares::{Answer, Offer};
use crate::sec::{SecError, Suite, TAG_SIZE};

/// The libraries of RustCrypto.
pub(super) struct RustCrypto;

/// The initiator's secret keys.
struct Keys {
    x25519: StaticSecret,
    kem: DecapsulationKey,
}

impl Library for RustCrypto {
    fn name(&self) -> &'static str {
        "RustCrypto"
    }

    /// Takes 32 random bytes for X25519, then 64 for ML-KEM: its seeds d and z.
    fn generate(&self, rng: &mut dyn CryptoRng) -> Result<Generated, SecError> {
        let x25519 = StaticSecret::from(*random::<32>(rng));
        let kem = DecapsulationKey::from_seed((*random::<64>(rng)).into());
        let keys = Keys { x25519, kem };
        let encapsulation_key = ml_kem::kem::KeyExport::to_bytes(keys.kem.encapsulation_key());
        Ok(Generated {
            x25519: PublicKey::from(&keys.x25519).to_bytes(),
            encapsulation_key: Box::new(encapsulation_key.into()),
            keys: Box::new(keys),
        })
    }

    /// Takes 32 random bytes for X25519, then 32 for ML-KEM: the message m.
    fn answer(&self, offer: &Offer, rng: &mut dyn CryptoRng) -> Result<Answered, SecError> {
        let key = StaticSecret::from(*random::<32>(rng));
        let message = random::<32>(rng);
        let encapsulation_key =
            EncapsulationKey::new((&*offer.kem).into()).map_err(|_| SecError::Share)?;
        let (ciphertext, kem) = encapsulation_key.encapsulate_deterministic((&*message).into());
        Ok(Answered {
            x25519: PublicKey::from(&key).to_bytes(),
            ciphertext: Box::new(ciphertext.into()),
            secrets: SharedSecrets {
                x25519: agree(&key, &offer.x25519)?,
                kem: Zeroizing::new(kem.into()),
            },
        })
    }

    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        hash.finalize().into()
    }

    fn extract_and_expand(&self, salt: &[u8; 32], input: &[u8], labels: [&[u8]; 2]) -> [Secret; 2] {
        let prk = Hkdf::<Sha256>::new(Some(salt), input);
        labels.map(|label| {
            let mut secret = Zeroizing::new([0; 32]);
            prk.expand(label, &mut *secret).expect("HKDF has this many bytes");
            secret
        })
    }

    fn expand(&self, secret: &Secret, label: &[u8], out: &mut [u8]) {
        let prk = Hkdf::<Sha256>::from_prk(&**secret).expect("a secret has the size of a digest");
        prk.expand(label, out).expect("HKDF has this many bytes");
    }

    fn record_key(&self, suite: Suite, key: &Secret) -> Box<dyn RecordKey> {
        match suite {
            Suite::Aes256Gcm => Box::new(Aead(Aes256Gcm::new((&**key).into()))),
            Suite::ChaCha20Poly1305 => Box::new(Aead(ChaCha20Poly1305::new((&**key).into()))),
        }
    }
}

impl KeyPair for Keys {
    fn finish(self: Box<Self>, answer: &Answer) -> Result<SharedSecrets, SecError> {
        let kem = self.kem.decapsulate((&*answer.kem).into());
        let x25519 = agree(&self.x25519, &answer.x25519)?;
        Ok(SharedSecrets { x25519, kem: Zeroizing::new(kem.into()) })
    }
}

/// A key of one of the two algorithms.
struct Aead<A>(A);

macro_rules! record_key {
    ($($algorithm:ty),*) => {$(
        impl RecordKey for Aead<$algorithm> {
            fn seal(&self, place: Place, data: &[u8], directory: &[u8], out: &mut [u8]) {
                let (encrypted, rest) = split(out, data.len());
                encrypted.copy_from_slice(data);
                rest[..directory.len()].copy_from_slice(directory);
                let (text, into) = out.split_at_mut(data.len() + directory.len());
                let tag = self
                    .0
                    .encrypt_inout_detached(&place.nonce.into(), &place.header, text.into())
                    .expect("a record is far below the limits");
                into.copy_from_slice(&tag);
            }

            fn open(&self, place: Place, sealed: &mut [u8]) -> bool {
                let Some((text, tag)) = sealed.split_last_chunk_mut::<TAG_SIZE>() else { return false };
                let tag = (*tag).into();
                self.0
                    .decrypt_inout_detached(&place.nonce.into(), &place.header, text.into(), &tag)
                    .is_ok()
            }
        }
    )*};
}

record_key!(Aes256Gcm, ChaCha20Poly1305);

fn random<const N: usize>(rng: &mut dyn CryptoRng) -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    rng.fill_bytes(&mut *bytes);
    bytes
}

/// The shared secret of X25519. A share of low order is an error.
fn agree(key: &StaticSecret, share: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, SecError> {
    let secret = key.diffie_hellman(&PublicKey::from(*share));
    secret.was_contributory().then(|| Zeroizing::new(secret.to_bytes())).ok_or(SecError::Share)
}
