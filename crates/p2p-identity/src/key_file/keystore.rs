//! Keystore files of version 3: a secret key, encrypted with a password, as go-ethereum and most wallets store accounts.
//!
//! Source: the Web3 Secret Storage Definition. The key for the encryption is derived from the password with scrypt or
//! PBKDF2. Its first half encrypts the secret key (AES-128 in counter mode), its second half authenticates the ciphertext
//! (Keccak-256).

mod json;

use aes::cipher::{KeyIvInit, StreamCipher};
use core::fmt;
use hmac::Hmac;
use keccak_lanes::{Keccak256, keccak256};
use rand_core::CryptoRng;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{KeyError, PublicKey, SecretKey};

/// Maximum size of a keystore file in bytes. The largest known ones have less than 1 KiB.
pub const MAX_KEYSTORE: usize = 16 * 1024;

/// Maximum memory of a derivation with scrypt, in bytes. go-ethereum's own files need 256 MiB.
const MAX_SCRYPT_MEMORY: u64 = 1 << 30;

/// Maximum product of the three costs of scrypt: four times that of go-ethereum's own files.
const MAX_SCRYPT_WORK: u64 = 1 << 23;

/// Maximum number of rounds of PBKDF2. Known files have at most a million.
const MAX_PBKDF2_ROUNDS: u32 = 10_000_000;

/// Why a keystore file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeystoreError {
    /// It is larger than [`MAX_KEYSTORE`].
    #[error("it has more than {MAX_KEYSTORE} bytes, so it is no keystore file")]
    TooLarge,
    /// It is no JSON with the fields of a keystore file.
    #[error("it is no keystore file: {0}")]
    Json(String),
    /// It is of another version than 3.
    #[error("it is a keystore file of version {0}; only version 3 can be read")]
    Version(u64),
    /// A field has a value that cannot be used.
    #[error("the field {field} of the keystore file is wrong: {expected}")]
    Field {
        /// The name of the field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The derivation of the key would take more memory or time than is allowed. The file may be meant to exhaust the reader.
    #[error("the keystore file asks for too much memory or time to derive its key")]
    Cost,
    /// The password is wrong, or the file was changed.
    #[error("the password is wrong, or the keystore file was changed")]
    Password,
    /// What is encrypted is not a secret key.
    #[error("the keystore file does not contain a secret key")]
    Key(#[source] KeyError),
}

/// How the key for the encryption is derived from the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeystoreCost {
    /// That of go-ethereum's accounts: 256 MiB, about a second.
    Standard,
    /// That of go-ethereum's `--lightkdf`: 4 MiB, a few hundredths of a second.
    Light,
}

/// A function that derives a key from a password, with its parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Derivation {
    /// The base-2 logarithm of N, then r and p.
    Scrypt { log_n: u8, r: u32, p: u32 },
    /// With HMAC-SHA-256.
    Pbkdf2 { rounds: u32 },
}

/// A keystore file of version 3. It does not contain the secret key in clear.
///
/// ```
/// use p2p_identity::{Keystore, KeystoreCost, SecretKey};
///
/// let mut rng = rand::rng();
/// let key = SecretKey::random(&mut rng);
/// let file = Keystore::seal(&key, "swordfish", KeystoreCost::Light, &mut rng).to_json();
/// assert_eq!(Keystore::from_json(file.as_bytes())?.open("swordfish")?, key);
/// assert!(Keystore::from_json(file.as_bytes())?.open("salmon").is_err());
/// # Ok::<_, p2p_identity::KeystoreError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Keystore {
    /// A random UUID.
    id: [u8; 16],
    /// The address of the account, if the file says it. It is not authenticated.
    address: Option<[u8; 20]>,
    derivation: Derivation,
    salt: Vec<u8>,
    iv: [u8; 16],
    ciphertext: [u8; 32],
    mac: [u8; 32],
}

impl Keystore {
    /// Encrypts a key with a password.
    #[must_use]
    pub fn seal(
        key: &SecretKey,
        password: &str,
        cost: KeystoreCost,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Self {
        let derivation = match cost {
            KeystoreCost::Standard => Derivation::Scrypt { log_n: 18, r: 8, p: 1 },
            KeystoreCost::Light => Derivation::Scrypt { log_n: 12, r: 8, p: 6 },
        };
        let (mut id, mut salt, mut iv) = ([0; 16], vec![0; 32], [0; 16]);
        rng.fill_bytes(&mut id);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut iv);
        // A random UUID, of version 4.
        id[6] = id[6] & 0x0f | 0x40;
        id[8] = id[8] & 0x3f | 0x80;
        let mut ciphertext = *key.to_bytes();
        let derived = derivation.derive(password, &salt);
        apply_cipher(&derived, &iv, &mut ciphertext);
        let mac = mac(&derived, &ciphertext);
        let address = Some(key.public_key().address());
        Self { id, address, derivation, salt, iv, ciphertext, mac }
    }

    /// Decrypts the key. It takes about as long, and as much memory, as the file says, within limits.
    ///
    /// # Errors
    ///
    /// [`KeystoreError::Password`], [`KeystoreError::Key`].
    pub fn open(&self, password: &str) -> Result<SecretKey, KeystoreError> {
        let derived = self.derivation.derive(password, &self.salt);
        // Who sees how long this takes has no use for it: the file is on this machine.
        if mac(&derived, &self.ciphertext) != self.mac {
            return Err(KeystoreError::Password);
        }
        let mut secret = Zeroizing::new(self.ciphertext);
        apply_cipher(&derived, &self.iv, &mut secret);
        SecretKey::from_bytes(&secret).map_err(KeystoreError::Key)
    }

    /// The address of the account that the file says it is of. Only [`open`](Self::open) shows whether that is true.
    #[must_use]
    pub const fn address(&self) -> Option<[u8; 20]> {
        self.address
    }

    /// The function that derives the key, with its costs, as text.
    #[must_use]
    pub fn derivation(&self) -> String {
        match self.derivation {
            Derivation::Scrypt { log_n, r, p } => {
                format!("scrypt, N={}, r={r}, p={p}", 1_u64 << log_n)
            }
            Derivation::Pbkdf2 { rounds } => format!("PBKDF2-HMAC-SHA-256, {rounds} rounds"),
        }
    }
}

impl PublicKey {
    /// The address of the Ethereum account of this key: the last 20 bytes of the hash of the key.
    #[must_use]
    pub fn address(&self) -> [u8; 20] {
        let hash = keccak256(&self.id().0);
        let mut address = [0; 20];
        address.copy_from_slice(&hash[12..]);
        address
    }
}

impl Derivation {
    /// Whether the costs are within the limits, and such that the function is defined.
    fn check(self) -> Result<Self, KeystoreError> {
        let is_affordable = match self {
            Self::Scrypt { log_n, r, p } => {
                let memory = 1_u64.checked_shl(log_n.into()).unwrap_or(u64::MAX);
                let memory = memory.saturating_mul(u64::from(r));
                memory.saturating_mul(128) <= MAX_SCRYPT_MEMORY
                    && memory.saturating_mul(u64::from(p)) <= MAX_SCRYPT_WORK
                    && scrypt::Params::new(log_n, r, p).is_ok()
            }
            Self::Pbkdf2 { rounds } => (1..=MAX_PBKDF2_ROUNDS).contains(&rounds),
        };
        is_affordable.then_some(self).ok_or(KeystoreError::Cost)
    }

    fn derive(self, password: &str, salt: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut derived = Zeroizing::new([0; 32]);
        match self {
            Self::Scrypt { log_n, r, p } => {
                let done = scrypt::Params::new(log_n, r, p).map(|params| {
                    scrypt::scrypt(password.as_bytes(), salt, &params, &mut *derived)
                });
                debug_assert!(matches!(done, Ok(Ok(()))), "the costs were checked");
            }
            Self::Pbkdf2 { rounds } => {
                let done = pbkdf2::pbkdf2::<Hmac<Sha256>>(
                    password.as_bytes(),
                    salt,
                    rounds,
                    &mut *derived,
                );
                debug_assert!(done.is_ok(), "a password can have any length");
            }
        }
        derived
    }
}

/// Encrypts or decrypts: in counter mode, both are the same.
fn apply_cipher(derived: &[u8; 32], iv: &[u8; 16], bytes: &mut [u8; 32]) {
    let mut key = Zeroizing::new([0; 16]);
    key.copy_from_slice(&derived[..16]);
    ctr::Ctr128BE::<aes::Aes128>::new((&*key).into(), iv.into()).apply_keystream(bytes);
}

fn mac(derived: &[u8; 32], ciphertext: &[u8; 32]) -> [u8; 32] {
    Keccak256::new().chain(&derived[16..]).chain(ciphertext).finalize()
}

impl fmt::Debug for Keystore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keystore").field("derivation", &self.derivation()).finish_non_exhaustive()
    }
}
