//! The record of a key: `[application, id, kind, secret]`.

use rlp_codec::{Encodable, List};
use whisper_protocol::identity::{PublicKey, SecretKey};
use whisper_protocol::{KeyId, StoredKey, SymmetricKey};
use zeroize::Zeroizing;

use super::{Record, read_list};
use crate::error::RecordError;

/// A private key alone, as version 1 wrote it.
const PRIVATE: u8 = 1;
const SYMMETRIC: u8 = 2;
/// A private key, followed by its public key. Computing that takes ten times as long as everything else.
const PAIR: u8 = 3;

/// The record of a key.
pub(crate) struct KeyRecord<'a> {
    pub(crate) application: &'a str,
    pub(crate) id: KeyId,
    pub(crate) key: &'a StoredKey,
}

impl Record for KeyRecord<'_> {
    fn with_items<T>(&self, write: impl FnOnce(&[&dyn Encodable]) -> T) -> T {
        let (kind, secret) = secret_parts(self.key);
        write(&[&self.application, &self.id.to_bytes(), &kind, &secret.as_slice()])
    }
}

/// The name of the application, the id and the key.
pub(crate) fn read_key(record: &[u8]) -> Result<(&str, KeyId, StoredKey), RecordError> {
    read_list(record, |list| {
        Ok((list.str()?, KeyId::from_bytes(list.array()?), read_secret(list)?))
    })
}

/// The kind and the bytes of a key.
pub(super) fn secret_parts(key: &StoredKey) -> (u8, Zeroizing<Vec<u8>>) {
    match key {
        StoredKey::Pair(key) => {
            let mut bytes = Zeroizing::new(Vec::with_capacity(32 + 65));
            bytes.extend_from_slice(&*key.to_bytes());
            bytes.extend_from_slice(&key.public_key().to_uncompressed());
            (PAIR, bytes)
        }
        StoredKey::Symmetric(key) => (SYMMETRIC, Zeroizing::new(key.as_bytes().to_vec())),
    }
}

/// Reads kind and bytes of a key.
pub(super) fn read_secret(list: &mut List<'_>) -> Result<StoredKey, RecordError> {
    let (kind, bytes) = (list.uint()?, list.bytes()?);
    let (secret, public) = bytes.split_first_chunk::<32>().ok_or(RecordError::Key)?;
    match (kind, public) {
        (PRIVATE, []) => SecretKey::from_bytes(secret).map(StoredKey::Pair),
        (SYMMETRIC, []) => Ok(StoredKey::Symmetric(SymmetricKey::from_bytes(*secret))),
        (PAIR, public) => {
            let public = public.try_into().map_err(|_| RecordError::Key)?;
            PublicKey::from_uncompressed(public)
                .and_then(|public| SecretKey::with_public_key(secret, public))
                .map(StoredKey::Pair)
        }
        (PRIVATE | SYMMETRIC, _) => return Err(RecordError::Key),
        (kind, _) => return Err(RecordError::Kind { kind }),
    }
    .map_err(|_| RecordError::Key)
}
