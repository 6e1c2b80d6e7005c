//! The store.

use std::{
    mem,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::UNIX_EPOCH,
};

use node_store::{Damage, Store, StoreError, redb};
use p2p_world::{World, rng};
use whisper_protocol::identity::SecretKey;
use whisper_protocol::{ApplicationState, StateChange, StateError, StateFuture, StateStore};
use zeroize::Zeroizing;

use crate::{
    data_key::{DataKey, NotAuthentic},
    error::{OpenError, RecordError},
    index::{Index, Writer},
    load::{self, Loaded},
    secret::{Kind, StoreSecret},
    tables::{LAYOUT, META, NODE_KEY, WRAPPED, place},
    wrapped_key::WrappedKey,
};

/// Keys, filters and waiting messages in an encrypted file. Clones share it.
///
/// Each record is encrypted with XChaCha20-Poly1305 under a random data key, which is in the file, encrypted under a key that
/// follows from the [`StoreSecret`]. The file is never moved aside: if it is damaged, it cannot be opened.
#[derive(Debug, Clone)]
pub struct EncryptedStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    key: DataKey,
    /// The data key, to encrypt it under another secret.
    key_bytes: Zeroizing<[u8; 32]>,
    /// `None` after a write that has failed, because it is not known what is in the file.
    index: Mutex<Option<Index>>,
    /// What the file had when it was opened, until it is asked for.
    loaded: Mutex<Vec<ApplicationState>>,
}

impl EncryptedStore {
    /// Opens the file, or makes it. It reads everything, and takes a fraction of a second if the secret is a passphrase: call it
    /// where it does not hold up tasks.
    ///
    /// # Errors
    ///
    /// All of [`OpenError`]. The file is not changed then.
    pub fn open(
        world: Arc<dyn World>,
        path: &Path,
        secret: &StoreSecret,
    ) -> Result<Self, OpenError> {
        let now = world.unix_time().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let (store, key_bytes) = unlocked(world, path, secret)?;
        let key = DataKey::new(&key_bytes);
        let Loaded { applications, index, expired } = load::load(&store, &key, now)?;
        load::remove_messages(&store, &expired)?;
        let (index, loaded) = (Mutex::new(Some(index)), Mutex::new(applications));
        Ok(Self(Arc::new(Inner { store, key, key_bytes, index, loaded })))
    }

    /// The private key of the node in the file, which is made if it does not exist. If there is none, `first` is put into it. It
    /// takes a fraction of a second if the secret is a passphrase.
    ///
    /// # Errors
    ///
    /// All of [`OpenError`].
    pub fn node_key(
        world: Arc<dyn World>,
        path: &Path,
        secret: &StoreSecret,
        first: SecretKey,
    ) -> Result<SecretKey, OpenError> {
        let (store, key_bytes) = unlocked(world, path, secret)?;
        let key = DataKey::new(&key_bytes);
        let damaged = |source| OpenError::Damaged { path: path.to_owned(), table: "meta", source };
        let record = store.read(|transaction| {
            Ok(transaction.open_table(META)?.get(NODE_KEY)?.map(|bytes| bytes.value().to_vec()))
        })?;
        let place = place("meta", 0, 0);
        if let Some(record) = record {
            let bytes = key.open(&place, &record);
            let bytes = bytes.map_err(|NotAuthentic| damaged(RecordError::NotAuthentic))?;
            let bytes = bytes.as_slice().try_into().map_err(|_| damaged(RecordError::Key))?;
            return SecretKey::from_bytes(bytes).map_err(|_| damaged(RecordError::Key));
        }
        let bytes = first.to_bytes();
        let sealed = key.seal(&place, bytes.len(), |out| out.extend_from_slice(&*bytes));
        store.write(|transaction| {
            transaction.open_table(META)?.insert(NODE_KEY, &*sealed)?;
            Ok(())
        })?;
        Ok(first)
    }

    /// From now on `new` opens the file, and `old` does not. Everything else stays as it is, and is not read. It takes a fraction of a
    /// second for each that is a passphrase.
    ///
    /// # Errors
    ///
    /// All of [`OpenError`]. Then `old` is still the right one.
    pub fn replace_secret(
        world: Arc<dyn World>,
        path: &Path,
        old: &StoreSecret,
        new: &StoreSecret,
    ) -> Result<(), OpenError> {
        let (store, key) = unlocked(world, path, old)?;
        Ok(write_key(&store, &key, new)?)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.store.path()
    }

    /// Whether damage was found in the file since it was opened. If so, it cannot be opened again: it must be replaced by a backup.
    #[must_use]
    pub fn damage(&self) -> &Damage {
        self.0.store.damage()
    }

    /// Whether this secret opens the file. Takes a fraction of a second if it is a passphrase.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn is_opened_by(&self, secret: &StoreSecret) -> Result<bool, OpenError> {
        let wrapped = wrapped_key(&self.0.store)?;
        Ok(wrapped.is_some_and(|wrapped| wrapped.unwrap(secret).is_some()))
    }

    /// From now on this secret opens the file, and the one before does not. Everything else stays as it is. Takes a fraction of a
    /// second if it is a passphrase.
    ///
    /// Copies of the file that were made before are opened by the secret that they were made with.
    ///
    /// # Errors
    ///
    /// If the file cannot be written. Then the secret before is still the right one.
    pub fn change_secret(&self, secret: &StoreSecret) -> Result<(), OpenError> {
        Ok(write_key(&self.0.store, &self.0.key_bytes, secret)?)
    }
}

impl Inner {
    fn write(&self, changes: &[StateChange]) -> Result<(), OpenError> {
        let mut place = lock(&self.index);
        let mut index = match place.take() {
            Some(index) => index,
            None => load::load(&self.store, &self.key, 0)?.index,
        };
        self.store.write(|transaction| {
            let mut writer = Writer::new(&mut index, &self.key, transaction)?;
            changes.iter().try_for_each(|change| writer.apply(change))
        })?;
        *place = Some(index);
        Ok(())
    }
}

impl StateStore for EncryptedStore {
    fn load(&self) -> StateFuture<'_, Vec<ApplicationState>> {
        let loaded = mem::take(&mut *lock(&self.0.loaded));
        Box::pin(async { Ok(loaded) })
    }

    fn write(&self, changes: Vec<StateChange>) -> StateFuture<'_, ()> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let store = inner.store.clone();
            let written = store.run(move |_| inner.write(&changes)).await;
            written.ok_or_else(|| StateError::new("the program ends"))?.map_err(StateError::new)
        })
    }
}

/// Opens the file, or makes it. Returns it with the data key.
fn unlocked(
    world: Arc<dyn World>,
    path: &Path,
    secret: &StoreSecret,
) -> Result<(Store, Zeroizing<[u8; 32]>), OpenError> {
    let store = Store::open(world, path, &LAYOUT)?.store;
    let key = match wrapped_key(&store)? {
        Some(wrapped) => {
            wrapped.unwrap(secret).ok_or_else(|| wrong_secret(&store, &wrapped, secret))?
        }
        None => {
            let fresh = Zeroizing::new(rng().bytes());
            write_key(&store, &fresh, secret)?;
            fresh
        }
    };
    Ok((store, key))
}

/// The data key as it is in the file; `None` if the file is new.
fn wrapped_key(store: &Store) -> Result<Option<WrappedKey>, OpenError> {
    let bytes = store.read(|transaction| {
        Ok(transaction.open_table(META)?.get(WRAPPED)?.map(|bytes| bytes.value().to_vec()))
    })?;
    let Some(bytes) = bytes else { return Ok(None) };
    let damaged =
        |source| OpenError::Damaged { path: store.path().to_owned(), table: "meta", source };
    WrappedKey::decode(&bytes).map(Some).map_err(damaged)
}

fn write_key(store: &Store, key: &[u8; 32], secret: &StoreSecret) -> Result<(), StoreError> {
    let wrapped = WrappedKey::wrap(key, secret).encode();
    store.write(|transaction| {
        transaction.open_table(META)?.insert(WRAPPED, &*wrapped)?;
        Ok::<_, redb::Error>(())
    })
}

fn wrong_secret(store: &Store, wrapped: &WrappedKey, secret: &StoreSecret) -> OpenError {
    let given = match secret.kind() {
        Kind::Passphrase(_) => "passphrase",
        Kind::Key(_) => "key",
    };
    let needed = match (wrapped.needs_passphrase(), secret.kind()) {
        (true, Kind::Passphrase(_)) => "another passphrase",
        (true, Kind::Key(_)) => "a passphrase",
        (false, Kind::Key(_)) => "another key",
        (false, Kind::Passphrase(_)) => "a key",
    };
    OpenError::WrongSecret { path: store.path().to_owned(), given, needed }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
