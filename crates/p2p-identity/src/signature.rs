//! Signatures from which the signer can be recovered.

use core::fmt;

use secp256k1::Message;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use thiserror::Error;

use crate::PublicKey;
use crate::context::context;

/// Why bytes are not a signature, or why no signer can be recovered. The author of the bytes is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The last byte is none of 0, 1, 27 and 28.
    #[error("the recovery id {0} is none of 0, 1, 27, 28")]
    RecoveryId(u8),
    /// `r` or `s` is not below the order of the curve's group.
    #[error("a number of the signature is not below the group order")]
    AboveOrder,
    /// No key signs this digest with this signature.
    #[error("no key matches the signature")]
    NoSigner,
}

/// A recoverable ECDSA signature over secp256k1: `r ‖ s ‖ v`, 32 + 32 + 1 bytes, with `v` 0 or 1.
///
/// [`recover`](Self::recover) finds the key that signed a digest. For a digest that was not signed it returns an
/// unrelated key rather than an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(RecoverableSignature);

impl Signature {
    pub(crate) const fn from_recoverable(signature: RecoverableSignature) -> Self {
        Self(signature)
    }

    /// Reads `r ‖ s ‖ v`. Accepts 27 and 28 for `v` as well, which some programs write for 0 and 1.
    ///
    /// # Errors
    ///
    /// [`SignatureError::RecoveryId`], [`SignatureError::AboveOrder`].
    pub fn from_bytes(bytes: &[u8; 65]) -> Result<Self, SignatureError> {
        let [numbers @ .., v] = bytes;
        let id = match v {
            0 | 27 => RecoveryId::Zero,
            1 | 28 => RecoveryId::One,
            _ => return Err(SignatureError::RecoveryId(*v)),
        };
        RecoverableSignature::from_compact(numbers, id)
            .map(Self)
            .map_err(|_| SignatureError::AboveOrder)
    }

    /// `r ‖ s ‖ v`, with `v` 0 or 1.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 65] {
        let (id, numbers) = self.0.serialize_compact();
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&numbers);
        bytes[64] = u8::from(id == RecoveryId::One);
        bytes
    }

    /// The key that signed `digest`.
    ///
    /// # Errors
    ///
    /// [`SignatureError::NoSigner`].
    pub fn recover(&self, digest: &[u8; 32]) -> Result<PublicKey, SignatureError> {
        context()
            .recover_ecdsa(&Message::from_digest(*digest), &self.0)
            .map(PublicKey::from_point)
            .map_err(|_| SignatureError::NoSigner)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(self.to_bytes()))
    }
}
