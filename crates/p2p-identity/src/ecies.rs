//! The ECIES box of devp2p: bytes that only the holder of one secret key can read.
//!
//! It seals the RLPx handshake and Whisper's asymmetric messages. As in the RLPx specification,
//! section "ECIES Encryption":
//!
//! ```text
//! sealed = 0x04 ‖ ephemeral public key (64) ‖ iv (16) ‖ c (as long as the plaintext) ‖ tag (32)
//! k ‖ m  = NIST SP 800-56 concatenation KDF with SHA-256, of the x of the shared point: 16 + 16
//! c      = AES-128-CTR(k, iv, plaintext)
//! tag    = HMAC-SHA256(SHA-256(m), iv ‖ c ‖ shared_mac)
//! ```
//!
//! `shared_mac` is data that is not sealed but vouched for: the length prefix of an EIP-8 handshake
//! packet, empty otherwise.
//!
//! The box says nothing of who sealed it, and it can be replayed: signatures and nonces are the
//! business of the protocol above.

use aes::Aes128;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{PublicKey, SecretKey};

/// How much longer than its plaintext a sealed box is, in bytes.
pub const OVERHEAD: usize = POINT + IV + TAG;

const POINT: usize = 65;
const IV: usize = 16;
const TAG: usize = 32;

/// Why a box does not open. Always the fault of whoever made it, or it was sealed to another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EciesError {
    /// Shorter than [`OVERHEAD`].
    #[error("sealed box of {0} bytes, shorter than the least")]
    TooShort(usize),
    /// The ephemeral key is not a point on the curve.
    #[error("the ephemeral key is not a point on the curve")]
    NotOnCurve,
    /// The tag does not match: changed on the way, for another key, or with another `shared_mac`.
    #[error("wrong authentication tag")]
    WrongTag,
}

/// Seals `plaintext` to the holder of the secret half of `to`, with a fresh ephemeral key.
///
/// Costs two multiplications on the curve and one allocation.
#[must_use]
pub fn seal(
    to: &PublicKey,
    plaintext: &[u8],
    shared_mac: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Vec<u8> {
    let ephemeral = SecretKey::random(rng);
    let mut iv = [0; IV];
    rng.fill_bytes(&mut iv);
    seal_with(&ephemeral, iv, to, plaintext, shared_mac)
}

/// [`seal`] with a given ephemeral key and iv, for reproducing a known packet.
///
/// The two must never be used twice: a second box would give away the difference of the plaintexts.
#[must_use]
pub fn seal_with(
    ephemeral: &SecretKey,
    iv: [u8; IV],
    to: &PublicKey,
    plaintext: &[u8],
    shared_mac: &[u8],
) -> Vec<u8> {
    let keys = Keys::derive(ephemeral, to);
    let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
    sealed.extend_from_slice(&ephemeral.public_key().to_uncompressed());
    sealed.extend_from_slice(&iv);
    sealed.extend_from_slice(plaintext);
    keys.cipher(&iv).apply_keystream(&mut sealed[POINT + IV..]);
    let tag = keys.mac(&sealed[POINT..], shared_mac).finalize().into_bytes();
    sealed.extend_from_slice(&tag);
    sealed
}

/// Opens a box that was sealed to `key` with the same `shared_mac`.
///
/// The tag is checked, in constant time, before anything is decrypted. Costs one multiplication on
/// the curve, also for a box that does not open, and one allocation for one that does.
///
/// # Errors
///
/// See [`EciesError`]. Which one it was says nothing about `key`.
pub fn open(key: &SecretKey, sealed: &[u8], shared_mac: &[u8]) -> Result<Vec<u8>, EciesError> {
    let too_short = || EciesError::TooShort(sealed.len());
    let (point, rest) = sealed.split_first_chunk::<POINT>().ok_or_else(too_short)?;
    let (authenticated, tag) = rest.split_last_chunk::<TAG>().ok_or_else(too_short)?;
    let (iv, ciphertext) = authenticated.split_first_chunk::<IV>().ok_or_else(too_short)?;

    let ephemeral = PublicKey::from_uncompressed(point).map_err(|_| EciesError::NotOnCurve)?;
    let keys = Keys::derive(key, &ephemeral);
    keys.mac(authenticated, shared_mac).verify(tag.into()).map_err(|_| EciesError::WrongTag)?;
    let mut plaintext = ciphertext.to_vec();
    keys.cipher(iv).apply_keystream(&mut plaintext);
    Ok(plaintext)
}

/// What both ends derive from the shared point.
struct Keys {
    encryption: Zeroizing<[u8; 16]>,
    mac: Zeroizing<[u8; 32]>,
}

impl Keys {
    fn derive(secret: &SecretKey, public: &PublicKey) -> Self {
        // Of the KDF one round is enough: SHA-256 gives 32 bytes, and 16 + 16 are needed.
        let first_round = Sha256::new().chain_update(1u32.to_be_bytes());
        let derived: Zeroizing<[u8; 32]> =
            Zeroizing::new(first_round.chain_update(*secret.ecdh(public)).finalize().into());
        let mut encryption = Zeroizing::new([0; 16]);
        encryption.copy_from_slice(&derived[..16]);
        Self { encryption, mac: Zeroizing::new(Sha256::digest(&derived[16..]).into()) }
    }

    fn cipher(&self, iv: &[u8; IV]) -> Ctr128BE<Aes128> {
        Ctr128BE::new((&*self.encryption).into(), iv.into())
    }

    fn mac(&self, iv_and_ciphertext: &[u8], shared_mac: &[u8]) -> Hmac<Sha256> {
        // The length of an HMAC key is free; 32 bytes are padded to a block of 64.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(&*self.mac);
        Hmac::<Sha256>::new((&*block).into())
            .chain_update(iv_and_ciphertext)
            .chain_update(shared_mac)
    }
}
