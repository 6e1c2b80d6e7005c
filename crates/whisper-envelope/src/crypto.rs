//! From plaintext to the data of an envelope, and back.

use std::fmt;

use aes_gcm::{Aes256Gcm, KeyInit as _, aead::Aead as _};
use p2p_identity::{PublicKey, SecretKey, ecies};
use rand_core::CryptoRng;

use crate::{Dialect, SymmetricKey, Unsealed, error::OpenError};

/// The nonce of AES-256-GCM. Used twice with one key, it gives both plaintexts away.
pub type AesNonce = [u8; NONCE];

const NONCE: usize = 12;
const TAG: usize = 16;

/// An encrypted message in the form in which an envelope of one dialect carries it.
///
/// [`Draft::encrypt`](crate::Draft::encrypt) makes it and puts it into an envelope in one step. Apart
/// from that it serves to repeat a known encryption, with its random parts given:
/// [`symmetric`](Self::symmetric) and [`asymmetric_with`](Self::asymmetric_with).
#[derive(Clone, PartialEq, Eq)]
pub struct Ciphertext {
    pub(crate) dialect: Dialect,
    pub(crate) aes_nonce: Option<AesNonce>,
    pub(crate) data: Vec<u8>,
}

impl Ciphertext {
    /// Encrypts for all who have `key`. `nonce` must be new for each message: draw it at random.
    ///
    /// What AES-GCM cannot encrypt, a plaintext over 64 GiB, becomes data that nobody can open.
    #[must_use]
    pub fn symmetric(
        dialect: Dialect,
        key: &SymmetricKey,
        nonce: AesNonce,
        plaintext: &[u8],
    ) -> Self {
        let data = Aes256Gcm::new(key.as_bytes().into())
            .encrypt((&nonce).into(), plaintext)
            .unwrap_or_default();
        (dialect.differences().carriage.put)(dialect, data, nonce)
    }

    /// Encrypts for the one who has the secret key of `to` (ECIES, as RLPx uses it).
    #[must_use]
    pub fn asymmetric(
        dialect: Dialect,
        to: &PublicKey,
        plaintext: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Self {
        let data = ecies::seal(to, plaintext, &[], rng);
        Self { dialect, aes_nonce: None, data }
    }

    /// As [`asymmetric`](Self::asymmetric) with the random parts given: only for repeating a known
    /// encryption.
    #[must_use]
    pub fn asymmetric_with(
        dialect: Dialect,
        to: &PublicKey,
        plaintext: &[u8],
        ephemeral: &SecretKey,
        iv: [u8; 16],
    ) -> Self {
        let data = ecies::seal_with(ephemeral, iv, to, plaintext, &[]);
        Self { dialect, aes_nonce: None, data }
    }
}

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ciphertext({:?}, {} bytes)", self.dialect, self.data.len())
    }
}

/// A nonce for [`Ciphertext::symmetric`].
pub(crate) fn random_nonce(rng: &mut (impl CryptoRng + ?Sized)) -> AesNonce {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    nonce
}

/// Where an envelope keeps the AES nonce, and so how it tells the two kinds of encryption apart.
pub(crate) struct Carriage {
    /// Puts what AES-GCM gave, and its nonce, where they belong.
    put: fn(Dialect, Vec<u8>, AesNonce) -> Ciphertext,
    /// Finds them again.
    take: fn(&Unsealed) -> Result<Gcm<'_>, OpenError>,
}

/// AES-GCM's ciphertext with its tag, and the nonce.
type Gcm<'a> = (&'a [u8], AesNonce);

/// shh/5: a field of its own.
pub(crate) static IN_FIELD: Carriage = Carriage {
    put: |dialect, data, nonce| Ciphertext { dialect, aes_nonce: Some(nonce), data },
    take: |unsealed| {
        let nonce = unsealed.aes_nonce().ok_or(OpenError::NotSymmetric)?;
        Ok((unsealed.data(), *nonce))
    },
};

/// shh/6: the end of the data.
pub(crate) static IN_DATA: Carriage = Carriage {
    put: |dialect, mut data, nonce| {
        data.extend_from_slice(&nonce);
        Ciphertext { dialect, aes_nonce: None, data }
    },
    take: |unsealed| {
        let data = unsealed.data();
        let too_short = OpenError::DataTooShort { len: data.len(), min: TAG + NONCE };
        let (sealed, nonce) = data.split_last_chunk().ok_or(too_short)?;
        Ok((sealed, *nonce))
    },
};

/// The plaintext of a symmetric envelope.
pub(crate) fn open_symmetric(
    unsealed: &Unsealed,
    key: &SymmetricKey,
) -> Result<Vec<u8>, OpenError> {
    let (sealed, nonce) = (unsealed.dialect.differences().carriage.take)(unsealed)?;
    if sealed.len() < TAG {
        let (len, missing) = (unsealed.data().len(), TAG - sealed.len());
        return Err(OpenError::DataTooShort { len, min: len + missing });
    }
    Aes256Gcm::new(key.as_bytes().into())
        .decrypt((&nonce).into(), sealed)
        .map_err(|_| OpenError::WrongKey)
}

/// The plaintext of an asymmetric envelope.
pub(crate) fn open_asymmetric(unsealed: &Unsealed, key: &SecretKey) -> Result<Vec<u8>, OpenError> {
    if unsealed.aes_nonce().is_some() {
        return Err(OpenError::NotAsymmetric);
    }
    let len = unsealed.data().len();
    if len < ecies::OVERHEAD {
        return Err(OpenError::DataTooShort { len, min: ecies::OVERHEAD });
    }
    ecies::open(key, unsealed.data(), &[]).map_err(|_| OpenError::WrongKey)
}
