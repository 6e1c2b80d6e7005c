//! The flags about the store of what applications have.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use p2p_identity::SecretKey;
use p2p_world::SystemWorld;
use whisper_node::whisper_store::{EncryptedStore, StoreSecret};
use whisper_node::{NodeError, StoreConfig};
use zeroize::Zeroizing;

use super::secret::first_line;
use crate::cli::console;
use crate::cli::failure::Failure;

/// The file of the store in the data directory.
pub(crate) const STORE_FILE: &str = "state";

/// The file of the node key in the data directory.
pub(crate) const KEY_FILE: &str = "nodekey";

/// The variable with the passphrase.
pub(crate) const STORE_PASSPHRASE: &str = "WHISPER_STORE_PASSPHRASE";

/// Whether what applications have is kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreFlags {
    /// Keep the keys, filters and waiting messages of applications in the file "state" of the data directory, encrypted. Otherwise
    /// they are in memory only. The passphrase is read from the file of --store.passphrase-file or from the variable
    /// WHISPER_STORE_PASSPHRASE, or asked for
    #[arg(long)]
    store: bool,

    /// Open the store with the passphrase in the first line of this file. If it has another one at SIGHUP or admin_reload, only the
    /// new one opens the store from then on
    #[arg(
        long = "store.passphrase-file",
        value_name = "FILE",
        requires = "store",
        conflicts_with = "store_key_file"
    )]
    store_passphrase_file: Option<PathBuf>,

    /// Open the store with the key in this file, 64 hex digits, instead of a passphrase. It can be changed like a passphrase
    #[arg(long = "store.key-file", value_name = "FILE", requires = "store")]
    store_key_file: Option<PathBuf>,

    /// Keep the node key in the store. The first time, the key in the file "nodekey" of the data directory is put into it if there is
    /// one, and a new one otherwise; then the file can be deleted
    #[arg(long = "store.nodekey", conflicts_with_all = ["nodekey", "nodekeyhex"])]
    store_nodekey: bool,

    /// Keep all memory of the program out of swap, so that no secret gets onto the disk. It needs an unlimited "max locked memory"
    /// (LimitMEMLOCK=infinity in a unit of systemd). Only on Linux
    #[arg(long = "store.mlock")]
    store_mlock: bool,
}

impl StoreFlags {
    /// The store in this data directory, if there is to be one. Reads the secret, or asks for it.
    pub(crate) fn config(&self, datadir: &Path) -> Result<Option<StoreConfig>, Failure> {
        if !self.store {
            return Ok(None);
        }
        let path = datadir.join(STORE_FILE);
        let secret = match self.secret_in_file()? {
            Some(secret) => secret,
            None => StoreSecret::passphrase(passphrase(!path.exists())?)
                .map_err(|_| Failure::StorePassphraseMissing)?,
        };
        Ok(Some(StoreConfig { path, secret }))
    }

    /// The node key in the store, if it is to be there.
    pub(crate) fn node_key(
        &self,
        datadir: &Path,
        store: Option<&StoreConfig>,
    ) -> Result<Option<SecretKey>, Failure> {
        if !self.store_nodekey {
            return Ok(None);
        }
        let StoreConfig { path, secret } = store.ok_or(Failure::NodeKeyWithoutStore)?;
        let file = datadir.join(KEY_FILE);
        let in_file = file.exists().then(|| SecretKey::load(&file)).transpose()?;
        let first = in_file.clone().unwrap_or_else(|| SecretKey::random(&mut rand::rng()));
        let key = EncryptedStore::node_key(SystemWorld::shared(), path, secret, first);
        let key = key.map_err(|error| NodeError::Store(error.into()))?;
        match in_file {
            Some(other) if other != key => {
                let (of_store, other) = (key.id().to_string(), other.id().to_string());
                return Err(Failure::TwoNodeKeys { path: file, of_store, other });
            }
            Some(_) => {
                tracing::warn!(
                    "the node key is in the store now: delete the file {}",
                    file.display()
                );
            }
            None => {}
        }
        Ok(Some(key))
    }

    /// Whether all memory is to be kept out of swap.
    pub(crate) fn locks_memory(&self) -> bool {
        self.store_mlock
    }

    /// Whether there is to be a store.
    pub(crate) fn is_on(&self) -> bool {
        self.store
    }

    /// The secret, if a file has it.
    pub(crate) fn secret_in_file(&self) -> Result<Option<StoreSecret>, Failure> {
        if let Some(path) = &self.store_passphrase_file {
            let text = first_line("--store.passphrase-file", path)?;
            return Ok(Some(
                StoreSecret::passphrase(text).map_err(|_| Failure::StorePassphraseMissing)?,
            ));
        }
        let Some(path) = &self.store_key_file else { return Ok(None) };
        let text = first_line("--store.key-file", path)?;
        let key = StoreSecret::key_from_hex(&text);
        key.map(Some).map_err(|source| Failure::StoreKey { path: path.clone(), source })
    }
}

/// The passphrase in the environment, or the one that the user types; twice if it is a `new` one.
fn passphrase(new: bool) -> Result<Zeroizing<String>, Failure> {
    if let Ok(text) = std::env::var(STORE_PASSPHRASE) {
        return Ok(Zeroizing::new(text));
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::StorePassphraseMissing);
    }
    let first = ask("Passphrase of the store:")?;
    if new && ask("The same again, because the store is new:")? != first {
        return Err(Failure::StorePassphrasesDiffer);
    }
    Ok(first)
}

fn ask(question: &str) -> Result<Zeroizing<String>, Failure> {
    console::print_error(question);
    rpassword::read_password().map(Zeroizing::new).map_err(Failure::Input)
}
