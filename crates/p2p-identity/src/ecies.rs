//! ECIES as devp2p uses it: encrypts bytes for the holder of one secret key.
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
//! `shared_mac` is additional data: it is authenticated but not part of the box. It is the length prefix of
//! an EIP-8 handshake packet, and empty otherwise.
//!
//! A box does not identify its sender and can be replayed. The protocol above adds signatures and nonces.

use aes::Aes128;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{PublicKey, SecretKey};

/// Difference of the lengths of a box and its plaintext, in bytes.
pub const OVERHEAD: usize = POINT + IV + TAG;

const POINT: usize = 65;
const IV: usize = 16;
const TAG: usize = 32;

/// Why a box cannot be opened. Either its sender is at fault, or it was sealed for another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EciesError {
    /// Shorter than [`OVERHEAD`].
    #[error("sealed box of {0} bytes, at least {OVERHEAD} are needed")]
    TooShort(usize),
    /// The ephemeral key is not a point on the curve.
    #[error("the ephemeral key is not a point on the curve")]
    NotOnCurve,
    /// The tag does not match: the box was changed, is for another key, or has another `shared_mac`.
    #[error("wrong authentication tag")]
    WrongTag,
}

/// Seals `plaintext` for the holder of the secret key of `to`, with a new ephemeral key.
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
/// Never use the two twice: a second box reveals the difference of the plaintexts.
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

/// Opens a box that was sealed for `key` with the same `shared_mac`.
///
/// The tag is checked in constant time before anything is decrypted. Costs one multiplication on the
/// curve, whether the box can be opened or not, and one allocation if it can.
///
/// # Errors
///
/// See [`EciesError`]. The error reveals nothing about `key`.
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

/// The keys that both sides derive from the shared point.
struct Keys {
    encryption: Zeroizing<[u8; 16]>,
    mac: Zeroizing<[u8; 32]>,
}

impl Keys {
    fn derive(secret: &SecretKey, public: &PublicKey) -> Self {
        // One round of the KDF is enough: SHA-256 has 32 bytes, and 16 + 16 are needed.
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
        // HMAC pads a key of 32 bytes to a block of 64 with zeros.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(&*self.mac);
        Hmac::<Sha256>::new((&*block).into())
            .chain_update(iv_and_ciphertext)
            .chain_update(shared_mac)
    }
}
