//! Symmetric keys.

use std::fmt;

use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Rounds of PBKDF2 for a password. Not 65536: the network uses the transposed digits.
const PBKDF2_ROUNDS: u32 = 65356;

/// The key of symmetric messages (AES-256-GCM). Every holder can read and write them.
///
/// Wiped when dropped, and not shown by `Debug`.
///
/// ```
/// use whisper_envelope::SymmetricKey;
///
/// let key = SymmetricKey::random(&mut rand::rng());
/// assert_eq!(SymmetricKey::from_bytes(*key.as_bytes()).as_bytes(), key.as_bytes());
/// assert_eq!(format!("{key:?}"), "SymmetricKey(..)");
/// ```
#[derive(Clone)]
pub struct SymmetricKey(Zeroizing<[u8; Self::LEN]>);

impl SymmetricKey {
    /// Length of a key in bytes.
    pub const LEN: usize = 32;

    /// A random key.
    #[must_use]
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        rng.fill_bytes(&mut *bytes);
        Self(bytes)
    }

    /// The key with these bytes, which must be secret.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key derived from a password: PBKDF2 with HMAC-SHA-256, no salt, 65356 rounds, as in go-ethereum.
    ///
    /// Takes tens of milliseconds by design: do not call it on a thread that drives network I/O. Because there is
    /// no salt, one search for weak passwords finds all their users.
    #[must_use]
    pub fn from_password(password: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password, &[], PBKDF2_ROUNDS, &mut *bytes);
        Self(bytes)
    }

    /// The secret bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey(..)")
    }
}
