//! `sec/1` with `aws-lc-rs`.

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use aws_lc_rs::rand::SystemRandom;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{Answered, Generated, KeyPair, Library, Place, RecordKey, split};
use crate::sec::secrets::{Secret, SharedSecrets};
use crate::sec::shares::{Answer, Offer};
use crate::sec::{SecError, Suite};

/// The library `aws-lc-rs`.
pub(super) struct AwsLc;

/// The initiator's secret keys.
struct Keys {
    x25519: EphemeralPrivateKey,
    kem: DecapsulationKey,
}

/// A length for HKDF.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Library for AwsLc {
    fn name(&self) -> &'static str {
        "aws-lc-rs"
    }

    fn generate(&self, _rng: &mut dyn CryptoRng) -> Result<Generated, SecError> {
        let keys = Keys { x25519: x25519_key()?, kem: DecapsulationKey::generate(&ML_KEM_768)? };
        let encapsulation_key = keys.kem.encapsulation_key()?.key_bytes()?;
        Ok(Generated {
            x25519: share(&keys.x25519)?,
            encapsulation_key: Box::new(array(encapsulation_key.as_ref())?),
            keys: Box::new(keys),
        })
    }

    fn answer(&self, offer: &Offer, _rng: &mut dyn CryptoRng) -> Result<Answered, SecError> {
        let key = x25519_key()?;
        let x25519 = share(&key)?;
        let encapsulation_key =
            EncapsulationKey::new(&ML_KEM_768, &offer.kem[..]).map_err(|_| SecError::Share)?;
        let (ciphertext, kem) = encapsulation_key.encapsulate()?;
        let kem = Zeroizing::new(array(kem.as_ref())?);
        Ok(Answered {
            x25519,
            ciphertext: Box::new(array(ciphertext.as_ref())?),
            secrets: SharedSecrets { x25519: agree(key, &offer.x25519)?, kem },
        })
    }

    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = digest::Context::new(&SHA256);
        parts.iter().for_each(|part| context.update(part));
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        out
    }

    fn extract_and_expand(&self, salt: &[u8; 32], input: &[u8], labels: [&[u8]; 2]) -> [Secret; 2] {
        let prk = Salt::new(HKDF_SHA256, salt).extract(input);
        labels.map(|label| {
            let mut secret = Zeroizing::new([0; 32]);
            expand(&prk, label, &mut *secret);
            secret
        })
    }

    fn expand(&self, secret: &Secret, label: &[u8], out: &mut [u8]) {
        expand(&Prk::new_less_safe(HKDF_SHA256, &**secret), label, out);
    }

    fn record_key(&self, suite: Suite, key: &Secret) -> Box<dyn RecordKey> {
        let algorithm = match suite {
            Suite::Aes256Gcm => &AES_256_GCM,
            Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        let key =
            UnboundKey::new(algorithm, &**key).expect("both algorithms have keys of 32 bytes");
        Box::new(LessSafeKey::new(key))
    }
}

impl KeyPair for Keys {
    fn finish(self: Box<Self>, answer: &Answer) -> Result<SharedSecrets, SecError> {
        let kem = self.kem.decapsulate(Ciphertext::from(&answer.kem[..]))?;
        let kem = Zeroizing::new(array(kem.as_ref())?);
        Ok(SharedSecrets { x25519: agree(self.x25519, &answer.x25519)?, kem })
    }
}

impl RecordKey for LessSafeKey {
    fn seal(&self, place: Place, data: &[u8], directory: &[u8], out: &mut [u8]) {
        let (nonce, header) = (Nonce::assume_unique_for_key(place.nonce), Aad::from(place.header));
        let (encrypted, rest) = split(out, data.len());
        self.seal_out_of_place_scatter(nonce, header, data, encrypted, directory, rest)
            .expect("the output has the right size, and a record is far below the limits");
    }

    fn open(&self, place: Place, sealed: &mut [u8]) -> bool {
        let nonce = Nonce::assume_unique_for_key(place.nonce);
        self.open_in_place(nonce, Aad::from(place.header), sealed).is_ok()
    }
}

fn x25519_key() -> Result<EphemeralPrivateKey, SecError> {
    Ok(EphemeralPrivateKey::generate(&X25519, &SystemRandom::new())?)
}

fn share(key: &EphemeralPrivateKey) -> Result<[u8; 32], SecError> {
    array(key.compute_public_key()?.as_ref())
}

/// The shared secret of X25519. A share of low order is an error.
fn agree(key: EphemeralPrivateKey, share: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, SecError> {
    let share = UnparsedPublicKey::new(&X25519, share);
    agreement::agree_ephemeral(key, share, SecError::Share, |secret| {
        Ok(Zeroizing::new(array(secret)?))
    })
}

fn expand(prk: &Prk, label: &[u8], out: &mut [u8]) {
    prk.expand(&[label], Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .expect("HKDF has this many bytes");
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], SecError> {
    bytes.try_into().map_err(|_| SecError::Share)
}

/// The library does not say what is wrong. Random numbers do not fail on the supported systems, so it is the peer's part.
impl From<Unspecified> for SecError {
    fn from(_: Unspecified) -> Self {
        Self::Share
    }
}
