//! The libraries that compute `sec/1`.

#[cfg(all(feature = "sec", not(target_family = "wasm")))]
mod aws_lc;
#[cfg(feature = "null")]
mod null;
#[cfg(any(test, feature = "sec-portable"))]
mod rust_crypto;

use std::fmt;

use rand_core::CryptoRng;

use super::secrets::{Secret, SharedSecrets};
use super::shares::{Answer, CIPHERTEXT, ENCAPSULATION_KEY, Offer};
use super::{HEADER_SIZE, SecError, Suite, TAG_SIZE};

/// A library that computes `sec/1`. Each opens what the other makes.
#[derive(Clone, Copy)]
pub struct SecLibrary(&'static dyn Library);

/// What `sec/1` needs of a library.
pub(super) trait Library: Sync {
    /// Its name, for the log.
    fn name(&self) -> &'static str;

    /// The initiator's new keys, with their public parts.
    fn generate(&self, rng: &mut dyn CryptoRng) -> Result<Generated, SecError>;

    /// The recipient's shares and secrets.
    fn answer(&self, offer: &Offer, rng: &mut dyn CryptoRng) -> Result<Answered, SecError>;

    /// The SHA-256 digest of all parts.
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32];

    /// HKDF-SHA256: extracts a key from `input`, and expands it once for each label.
    fn extract_and_expand(&self, salt: &[u8; 32], input: &[u8], labels: [&[u8]; 2]) -> [Secret; 2];

    /// HKDF-SHA256: expands `secret` into `out`, which has at most 32 bytes.
    fn expand(&self, secret: &Secret, label: &[u8], out: &mut [u8]);

    /// A key for records.
    fn record_key(&self, suite: Suite, key: &Secret) -> Box<dyn RecordKey>;
}

/// The initiator's secret keys of X25519 and ML-KEM-768.
pub(super) trait KeyPair: Send + Sync {
    /// The initiator's secrets.
    fn finish(self: Box<Self>, answer: &Answer) -> Result<SharedSecrets, SecError>;
}

/// A key for records.
pub(super) trait RecordKey: Send + Sync {
    /// Encrypts `data` and then `directory` into `out`, which has room for both and the tag.
    fn seal(&self, place: Place, data: &[u8], directory: &[u8], out: &mut [u8]);

    /// Decrypts in place what [`seal`](Self::seal) has written. `false` if it was changed, or has another place.
    #[must_use]
    fn open(&self, place: Place, sealed: &mut [u8]) -> bool;
}

/// The place of a record in its direction. A record cannot be opened at another one.
#[cfg_attr(
    not(any(
        test,
        feature = "null",
        feature = "sec-portable",
        all(feature = "sec", not(target_family = "wasm"))
    )),
    expect(dead_code, reason = "read by the libraries, of which this build has none")
)]
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) nonce: [u8; 12],
    pub(super) header: [u8; HEADER_SIZE],
}

/// The initiator's keys and their public parts.
pub(super) struct Generated {
    pub(super) keys: Box<dyn KeyPair>,
    pub(super) x25519: [u8; 32],
    pub(super) encapsulation_key: Box<[u8; ENCAPSULATION_KEY]>,
}

/// The recipient's public parts, and the secrets.
pub(super) struct Answered {
    pub(super) x25519: [u8; 32],
    pub(super) ciphertext: Box<[u8; CIPHERTEXT]>,
    pub(super) secrets: SharedSecrets,
}

impl SecLibrary {
    /// The faster of the libraries that this program was built with. `None` without the features `sec` and
    /// `sec-portable`. In a thread with a seed (`p2p_world::seed_thread`) the one that takes its keys from the seed, or none.
    #[must_use]
    pub fn best() -> Option<Self> {
        #[cfg(feature = "null")]
        if crate::null::is_on() {
            return Some(Self(&null::Null));
        }
        #[cfg(feature = "tokio")]
        if p2p_world::is_seeded() {
            return Self::repeatable();
        }
        #[cfg(all(feature = "sec", not(target_family = "wasm")))]
        return Some(Self::aws_lc());
        #[cfg(all(feature = "sec-portable", any(not(feature = "sec"), target_family = "wasm")))]
        return Some(Self::rust_crypto());
        #[cfg(not(any(
            all(feature = "sec", not(target_family = "wasm")),
            feature = "sec-portable"
        )))]
        return None;
    }

    /// The library whose keys come from the generator that the caller gives, if this program was built with it.
    #[cfg(feature = "tokio")]
    fn repeatable() -> Option<Self> {
        #[cfg(feature = "sec-portable")]
        return Some(Self::rust_crypto());
        #[cfg(not(feature = "sec-portable"))]
        None
    }

    /// `aws-lc-rs` (feature `sec`), for every target with a C compiler. Its keys come from its own random generator,
    /// not from the one that the caller gives.
    #[cfg(all(feature = "sec", not(target_family = "wasm")))]
    #[must_use]
    pub fn aws_lc() -> Self {
        Self(&aws_lc::AwsLc)
    }

    /// `ml-kem`, `x25519-dalek`, `aes-gcm`, `chacha20poly1305` and `hkdf` (feature `sec-portable`). Its keys come from
    /// the random generator that the caller gives, so that a handshake can be repeated.
    #[cfg(any(test, feature = "sec-portable"))]
    #[must_use]
    pub fn rust_crypto() -> Self {
        Self(&rust_crypto::RustCrypto)
    }

    pub(super) fn library(self) -> &'static dyn Library {
        self.0
    }
}

impl PartialEq for SecLibrary {
    fn eq(&self, other: &Self) -> bool {
        self.0.name() == other.0.name()
    }
}

impl Eq for SecLibrary {}

impl fmt::Debug for SecLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// The parts of `out`: those for data of `size` bytes, and for a directory and the tag.
#[cfg_attr(
    not(any(
        test,
        feature = "null",
        feature = "sec-portable",
        all(feature = "sec", not(target_family = "wasm"))
    )),
    expect(dead_code, reason = "read by the libraries, of which this build has none")
)]
fn split(out: &mut [u8], size: usize) -> (&mut [u8], &mut [u8]) {
    debug_assert!(out.len() >= size + TAG_SIZE);
    out.split_at_mut(size)
}
