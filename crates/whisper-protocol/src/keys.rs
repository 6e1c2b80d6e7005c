//! The keys that the node holds for its applications, by id. They are in memory; a store can keep them.

pub(crate) mod id;

use std::{
    fmt,
    sync::{Mutex, RwLock},
};

use p2p_identity::{PublicKey, SecretKey};
use p2p_world::HashMap;
use rand::{CryptoRng, SeedableRng as _, rngs::StdRng};
use whisper_envelope::SymmetricKey;
use zeroize::Zeroizing;

use crate::{
    keys::id::KeyId,
    lock::{lock, read, write},
};

/// Key pairs and symmetric keys, each with a random [`KeyId`].
///
/// As in go-ethereum, a key that is added twice, or derived twice from one password, gets two ids, and the ids of key
/// pairs and of symmetric keys are separate. Secrets are wiped from memory when they are deleted, and `Debug` does not
/// print them.
///
/// ```
/// let keys = whisper_protocol::Keys::new(&mut rand::rng());
/// let id = keys.new_key_pair();
/// assert_eq!(keys.public_key(&id), keys.private_key(&id).map(|key| key.public_key()));
/// assert!(keys.delete_key_pair(&id));
/// assert!(!keys.has_key_pair(&id));
/// ```
pub struct Keys {
    /// The source of new keys and ids.
    rng: Mutex<StdRng>,
    pairs: RwLock<HashMap<KeyId, SecretKey>>,
    symmetric: RwLock<HashMap<KeyId, SymmetricKey>>,
}

impl Keys {
    /// Holds no keys yet. New keys and ids come from a generator that `rng` seeds, so the same `rng` gives the same
    /// keys and ids.
    #[must_use]
    pub fn new(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        let rng = Mutex::new(StdRng::from_seed(*seed));
        Self { rng, pairs: RwLock::default(), symmetric: RwLock::default() }
    }

    /// Makes a new key pair.
    #[must_use]
    pub fn new_key_pair(&self) -> KeyId {
        let key = SecretKey::random(&mut *lock(&self.rng));
        self.add_private_key(key)
    }

    /// Stores the key pair of this private key.
    #[must_use]
    pub fn add_private_key(&self, key: SecretKey) -> KeyId {
        let id = self.new_id();
        write(&self.pairs).insert(id, key);
        id
    }

    /// Stores a key pair under the id that it had before.
    pub fn restore_key_pair(&self, id: KeyId, key: SecretKey) {
        write(&self.pairs).insert(id, key);
    }

    /// Whether there is a key pair with this id.
    #[must_use]
    pub fn has_key_pair(&self, id: &KeyId) -> bool {
        read(&self.pairs).contains_key(id)
    }

    /// The private key of a key pair.
    #[must_use]
    pub fn private_key(&self, id: &KeyId) -> Option<SecretKey> {
        read(&self.pairs).get(id).cloned()
    }

    /// The public key of a key pair.
    #[must_use]
    pub fn public_key(&self, id: &KeyId) -> Option<PublicKey> {
        read(&self.pairs).get(id).map(SecretKey::public_key)
    }

    /// Deletes a key pair. Returns false if no key pair has this id. Filters that were made with it keep a copy.
    pub fn delete_key_pair(&self, id: &KeyId) -> bool {
        write(&self.pairs).remove(id).is_some()
    }

    /// Makes a new symmetric key.
    #[must_use]
    pub fn new_symmetric(&self) -> KeyId {
        let key = SymmetricKey::random(&mut *lock(&self.rng));
        self.add_symmetric(key)
    }

    /// Stores this symmetric key.
    #[must_use]
    pub fn add_symmetric(&self, key: SymmetricKey) -> KeyId {
        let id = self.new_id();
        write(&self.symmetric).insert(id, key);
        id
    }

    /// Stores a symmetric key under the id that it had before.
    pub fn restore_symmetric(&self, id: KeyId, key: SymmetricKey) {
        write(&self.symmetric).insert(id, key);
    }

    /// Derives a symmetric key from a password, as go-ethereum does. The same password gives the same key on every node.
    /// There is no salt, so the key is only as strong as the password.
    ///
    /// Takes about ten milliseconds of CPU time, without holding a lock: from async code, call it in a blocking task.
    #[must_use]
    pub fn symmetric_from_password(&self, password: &str) -> KeyId {
        self.add_symmetric(SymmetricKey::from_password(password.as_bytes()))
    }

    /// Whether there is a symmetric key with this id.
    #[must_use]
    pub fn has_symmetric(&self, id: &KeyId) -> bool {
        read(&self.symmetric).contains_key(id)
    }

    /// A symmetric key.
    #[must_use]
    pub fn symmetric(&self, id: &KeyId) -> Option<SymmetricKey> {
        read(&self.symmetric).get(id).cloned()
    }

    /// Deletes a symmetric key. Returns false if no symmetric key has this id. Filters that were made with it keep a
    /// copy.
    pub fn delete_symmetric(&self, id: &KeyId) -> bool {
        write(&self.symmetric).remove(id).is_some()
    }

    fn new_id(&self) -> KeyId {
        KeyId::random(&mut *lock(&self.rng))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("key_pairs", &read(&self.pairs).len())
            .field("symmetric", &read(&self.symmetric).len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the password "test", as go-ethereum 1.8.27 derives it.
    const OF_TEST: &str = "a82a520aff70f7a989098376e48ec128f25f767085e84d7fb995a9815eebff0a";

    fn keys() -> Keys {
        Keys::new(&mut StdRng::seed_from_u64(7))
    }

    #[test]
    fn keys_and_ids_follow_from_the_random_numbers() {
        let made = |keys: &Keys| {
            let (pair, symmetric) = (keys.new_key_pair(), keys.new_symmetric());
            (
                pair,
                keys.private_key(&pair),
                symmetric,
                keys.symmetric(&symmetric).unwrap().as_bytes().to_owned(),
            )
        };
        assert_eq!(made(&keys()), made(&keys()));
        let other = Keys::new(&mut StdRng::seed_from_u64(8));
        assert_ne!(made(&keys()), made(&other));
    }

    #[test]
    fn each_key_gets_its_own_id() {
        let keys = keys();
        let first = keys.symmetric_from_password("test");
        let second = keys.symmetric_from_password("test");
        assert_ne!(first, second);
        for id in [first, second] {
            assert_eq!(hex::encode(keys.symmetric(&id).unwrap().as_bytes()), OF_TEST);
        }
        assert!(keys.delete_symmetric(&first));
        assert!(keys.has_symmetric(&second), "the other copy stays");
    }

    #[test]
    fn deletion_returns_whether_the_key_existed() {
        let keys = keys();
        let (pair, symmetric) = (keys.new_key_pair(), keys.new_symmetric());
        assert!(!keys.delete_key_pair(&symmetric), "the ids of the two kinds are separate");
        assert!(keys.delete_key_pair(&pair) && keys.delete_symmetric(&symmetric));
        assert!(!keys.delete_key_pair(&pair) && !keys.delete_symmetric(&symmetric));
        assert!(keys.private_key(&pair).is_none() && keys.symmetric(&symmetric).is_none());
    }

    #[test]
    fn debug_shows_no_secret() {
        let keys = keys();
        let id = keys.symmetric_from_password("test");
        let shown = format!("{keys:?}");
        assert!(!shown.contains(&OF_TEST[..8]) && !shown.contains(&id.to_string()[..8]), "{shown}");
    }
}
