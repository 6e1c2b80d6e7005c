//! The record of a key: `[application, id, kind, secret]`.

use rlp_codec::{Encodable, List};
use whisper_protocol::identity::SecretKey;
use whisper_protocol::{KeyId, StoredKey, SymmetricKey};
use zeroize::Zeroizing;

use super::{Record, read_list};
use crate::error::RecordError;

const PAIR: u8 = 1;
const SYMMETRIC: u8 = 2;

/// The record of a key.
pub(crate) struct KeyRecord<'a> {
    pub(crate) application: &'a str,
    pub(crate) id: KeyId,
    pub(crate) key: &'a StoredKey,
}

impl Record for KeyRecord<'_> {
    fn with_items<T>(&self, write: impl FnOnce(&[&dyn Encodable]) -> T) -> T {
        let (kind, secret) = secret_parts(self.key);
        write(&[&self.application, &self.id.to_bytes(), &kind, &*secret])
    }
}

/// The name of the application, the id and the key.
pub(crate) fn read_key(record: &[u8]) -> Result<(&str, KeyId, StoredKey), RecordError> {
    read_list(record, |list| {
        Ok((list.str()?, KeyId::from_bytes(list.array()?), read_secret(list, None)?))
    })
}

/// The kind and the bytes of a key.
pub(super) fn secret_parts(key: &StoredKey) -> (u8, Zeroizing<[u8; 32]>) {
    match key {
        StoredKey::Pair(key) => (PAIR, key.to_bytes()),
        StoredKey::Symmetric(key) => (SYMMETRIC, Zeroizing::new(*key.as_bytes())),
    }
}

/// Reads kind and bytes of a key. If they are those of the pair `known`, its public key is not computed again, which takes ten times
/// as long as everything else.
pub(super) fn read_secret(
    list: &mut List<'_>,
    known: Option<&SecretKey>,
) -> Result<StoredKey, RecordError> {
    let (kind, secret) = (list.uint()?, Zeroizing::new(list.array()?));
    match kind {
        PAIR if known.is_some_and(|known| known.to_bytes() == secret) => {
            known.cloned().map(StoredKey::Pair).ok_or(RecordError::Key)
        }
        PAIR => {
            let key = SecretKey::from_bytes(&secret).map_err(|_| RecordError::Key)?;
            Ok(StoredKey::Pair(key))
        }
        SYMMETRIC => Ok(StoredKey::Symmetric(SymmetricKey::from_bytes(*secret))),
        kind => Err(RecordError::Kind { kind }),
    }
}
