//! What a handshake computes on the curve.
//!
//! With the feature `null`, a thread can leave all of it out (`null.rs`).

use p2p_identity::ecies::{self, EciesError};
use p2p_identity::{PublicKey, SecretKey, Signature, SignatureError};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

#[cfg(feature = "null")]
use crate::null;

/// A key that is used once.
pub(crate) fn new_key(rng: &mut (impl CryptoRng + ?Sized)) -> SecretKey {
    #[cfg(feature = "null")]
    if null::is_on() {
        return null::key();
    }
    SecretKey::random(rng)
}

/// The shared secret of two keys.
pub(crate) fn agree(key: &SecretKey, with: &PublicKey) -> Zeroizing<[u8; 32]> {
    #[cfg(feature = "null")]
    if null::is_on() {
        return Zeroizing::default();
    }
    key.ecdh(with)
}

pub(crate) fn sign(key: &SecretKey, digest: &[u8; 32]) -> Signature {
    #[cfg(feature = "null")]
    if null::is_on() {
        return null::signature();
    }
    key.sign(digest)
}

/// The key that signed.
pub(crate) fn recover(
    signature: &Signature,
    digest: &[u8; 32],
) -> Result<PublicKey, SignatureError> {
    #[cfg(feature = "null")]
    if null::is_on() {
        return Ok(null::key().public_key());
    }
    signature.recover(digest)
}

/// An ECIES box for the holder of the key `to`.
pub(crate) fn seal(
    ephemeral: &SecretKey,
    iv: [u8; 16],
    to: &PublicKey,
    plaintext: &[u8],
    shared_mac: &[u8],
) -> Vec<u8> {
    #[cfg(feature = "null")]
    if null::is_on() {
        return null::seal(to, plaintext);
    }
    ecies::seal_with(ephemeral, iv, to, plaintext, shared_mac)
}

/// Opens an ECIES box.
pub(crate) fn open(
    key: &SecretKey,
    sealed: &[u8],
    shared_mac: &[u8],
) -> Result<Vec<u8>, EciesError> {
    #[cfg(feature = "null")]
    if null::is_on() {
        return null::open(key, sealed);
    }
    ecies::open(key, sealed, shared_mac)
}
