//! The key that all readers of a symmetric message share.

use std::fmt;

use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Rounds of PBKDF2 for a password. Meant to be 65536; the transposed digits are what the network
/// uses.
const ROUNDS: u32 = 65356;

/// The key of symmetric messages (AES-256-GCM): whoever has it can read and write them.
///
/// Wiped from memory when dropped, and not shown by `Debug`.
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
    /// Bytes of a key.
    pub const LEN: usize = 32;

    /// A new key.
    #[must_use]
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        rng.fill_bytes(&mut *bytes);
        Self(bytes)
    }

    /// The key of these bytes. Any 32 will do, so make sure that they are secret.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key that belongs to a password: PBKDF2 with HMAC-SHA-256, no salt, 65356 rounds, as in
    /// go-ethereum.
    ///
    /// Slow on purpose, some tens of milliseconds: keep it off the threads that drive a network.
    /// Without a salt a weak password can be found by trying, once for all who use it.
    #[must_use]
    pub fn from_password(password: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password, &[], ROUNDS, &mut *bytes);
        Self(bytes)
    }

    /// The secret itself.
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
