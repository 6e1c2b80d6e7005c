//! Encryption and decryption of the data of an envelope.

use std::fmt;

use aes_gcm::{Aes256Gcm, KeyInit as _, aead::Aead as _};
use p2p_identity::{PublicKey, SecretKey, ecies};
use rand_core::CryptoRng;

use crate::{Dialect, SymmetricKey, Unsealed, error::OpenError};

/// The nonce of AES-256-GCM. Never use one twice with the same key: both plaintexts could be recovered.
pub type AesNonce = [u8; NONCE_LEN];

const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;

/// An encrypted message in the form of one dialect.
///
/// [`Draft::encrypt`](crate::Draft::encrypt) makes one and puts it into an envelope. Use this type directly to
/// reproduce a known encryption with given random values: [`symmetric`](Self::symmetric) and
/// [`asymmetric_with`](Self::asymmetric_with).
#[derive(Clone, PartialEq, Eq)]
pub struct Ciphertext {
    pub(crate) dialect: Dialect,
    pub(crate) aes_nonce: Option<AesNonce>,
    pub(crate) data: Vec<u8>,
}

impl Ciphertext {
    /// Encrypts for all holders of `key`. `nonce` must be new for each message, for example random.
    ///
    /// A plaintext over 64 GiB, which AES-GCM cannot encrypt, becomes data that no key opens.
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
        (dialect.differences().nonce_place.put)(dialect, data, nonce)
    }

    /// Encrypts for the holder of the secret key of `to` (ECIES, as in RLPx).
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

    /// [`asymmetric`](Self::asymmetric) with given random values, to reproduce a known encryption.
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
    let mut nonce = [0; NONCE_LEN];
    rng.fill_bytes(&mut nonce);
    nonce
}

/// The place of the AES nonce in the envelopes of a dialect.
pub(crate) struct NoncePlace {
    /// Puts the output of AES-GCM and its nonce into their places.
    put: fn(Dialect, Vec<u8>, AesNonce) -> Ciphertext,
    /// Reads them from an envelope.
    take: fn(&Unsealed) -> Result<Gcm<'_>, OpenError>,
}

/// The ciphertext of AES-GCM with its tag, and the nonce.
type Gcm<'a> = (&'a [u8], AesNonce);

/// shh/5: a field of its own.
pub(crate) static IN_FIELD: NoncePlace = NoncePlace {
    put: |dialect, data, nonce| Ciphertext { dialect, aes_nonce: Some(nonce), data },
    take: |unsealed| {
        let nonce = unsealed.aes_nonce().ok_or(OpenError::NotSymmetric)?;
        Ok((unsealed.data(), *nonce))
    },
};

/// shh/6: the end of the data.
pub(crate) static IN_DATA: NoncePlace = NoncePlace {
    put: |dialect, mut data, nonce| {
        data.extend_from_slice(&nonce);
        Ciphertext { dialect, aes_nonce: None, data }
    },
    take: |unsealed| {
        let data = unsealed.data();
        let too_short = OpenError::DataTooShort { len: data.len(), min: TAG_LEN + NONCE_LEN };
        let (sealed, nonce) = data.split_last_chunk().ok_or(too_short)?;
        Ok((sealed, *nonce))
    },
};

/// The plaintext of a symmetric envelope.
pub(crate) fn open_symmetric(
    unsealed: &Unsealed,
    key: &SymmetricKey,
) -> Result<Vec<u8>, OpenError> {
    let (sealed, nonce) = (unsealed.dialect.differences().nonce_place.take)(unsealed)?;
    if sealed.len() < TAG_LEN {
        let (len, missing) = (unsealed.data().len(), TAG_LEN - sealed.len());
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
