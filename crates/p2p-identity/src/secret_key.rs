//! Secret keys, of a node or of one connection.

use core::fmt;

use rand_core::CryptoRng;
#[cfg(feature = "std")]
use rand_core::TryRngCore as _;
use secp256k1::{Message, ecdh};
use thiserror::Error;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::context::context;
use crate::{HexError, NodeId, PublicKey, Signature, hex_text};

/// Bytes that are not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text of a key is not 64 hexadecimal digits.
    #[error(transparent)]
    Hex(#[from] HexError),
    /// A secret key of zero.
    #[error("the secret key is zero")]
    Zero,
    /// A secret key that is not below the order of the curve's group.
    #[error("the secret key is not below the group order")]
    AboveOrder,
    /// A public key that does not begin with the byte `0x04` of the uncompressed form.
    #[error("the public key is not in the uncompressed form")]
    NotUncompressed,
    /// A public key that is not a point on the curve. Computing with such a point could reveal bits of the
    /// secret key, so it is refused.
    #[error("the public key is not a point on the curve")]
    NotOnCurve,
}

/// A secp256k1 secret key, with its public key.
///
/// Wiped when it is dropped. Keys are compared by their public keys. Making one costs a multiplication on
/// the curve for the public key, which is then stored.
///
/// ```
/// use p2p_identity::SecretKey;
///
/// let key = SecretKey::from_hex("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291")?;
/// assert!(key.id().to_string().starts_with("ca634cae0d49acb4"));
/// assert_eq!(format!("{key:?}"), "SecretKey(of ca634cae…)");
/// # Ok::<_, p2p_identity::KeyError>(())
/// ```
#[derive(Clone)]
pub struct SecretKey {
    scalar: secp256k1::SecretKey,
    public: PublicKey,
}

impl SecretKey {
    /// A new key from `rng`, which must be cryptographically secure.
    #[must_use]
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            rng.fill_bytes(&mut *bytes);
            // Fails once in 2^128 draws.
            if let Ok(key) = Self::from_bytes(&bytes) {
                return key;
            }
        }
    }

    /// A new key from the random source of the system.
    ///
    /// # Panics
    ///
    /// The system has no random source.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn generate() -> Self {
        Self::random(&mut rand_core::OsRng.unwrap_err())
    }

    /// The key with this big-endian number.
    ///
    /// # Errors
    ///
    /// [`KeyError::Zero`], [`KeyError::AboveOrder`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let scalar = scalar(bytes)?;
        Ok(Self { scalar, public: PublicKey::from_point(scalar.public_key(context())) })
    }

    /// The key with this big-endian number, whose public key is known: computing it takes most of the time of
    /// [`from_bytes`](Self::from_bytes). That the two belong together is not checked: both must come from one place that
    /// only the caller can write.
    ///
    /// # Errors
    ///
    /// [`KeyError::Zero`], [`KeyError::AboveOrder`].
    pub fn with_public_key(bytes: &[u8; 32], public: PublicKey) -> Result<Self, KeyError> {
        Ok(Self { scalar: scalar(bytes)?, public })
    }

    /// The key written as 64 hexadecimal digits in either case, with or without `0x`.
    ///
    /// # Errors
    ///
    /// [`KeyError::Hex`], [`KeyError::Zero`], [`KeyError::AboveOrder`].
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex_text::decode(text, &mut *bytes)?;
        Self::from_bytes(&bytes)
    }

    /// The key as a big-endian number.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.scalar.secret_bytes())
    }

    #[cfg(feature = "record")]
    pub(crate) const fn scalar(&self) -> &secp256k1::SecretKey {
        &self.scalar
    }

    /// The public key.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.public
    }

    /// The id of the node that has this key.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.public.id()
    }

    /// Signs a digest; [`Signature::recover`] then finds the public key. The signature is deterministic (RFC
    /// 6979) with `s` in the lower half, and so equals that of go-ethereum.
    #[must_use]
    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        let message = Message::from_digest(*digest);
        Signature::from_recoverable(context().sign_ecdsa_recoverable(&message, &self.scalar))
    }

    /// Diffie–Hellman: the x coordinate of `other` multiplied by this key, not hashed. Both sides get the
    /// same value.
    #[must_use]
    pub fn ecdh(&self, other: &PublicKey) -> Zeroizing<[u8; 32]> {
        let point = Zeroizing::new(ecdh::shared_secret_point(other.point(), &self.scalar));
        let mut x = Zeroizing::new([0; 32]);
        x.copy_from_slice(&point[..32]);
        x
    }
}

fn scalar(bytes: &[u8; 32]) -> Result<secp256k1::SecretKey, KeyError> {
    secp256k1::SecretKey::from_byte_array(bytes)
        .map_err(|_| if *bytes == [0; 32] { KeyError::Zero } else { KeyError::AboveOrder })
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.scalar.non_secure_erase();
    }
}

impl ZeroizeOnDrop for SecretKey {}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.public == other.public
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.id().short())
    }
}
