//! `whisper-node store`: the store of a stopped node.

use std::path::PathBuf;

use clap::Subcommand;
use p2p_world::SystemWorld;
use whisper_node::NodeError;
use whisper_node::whisper_store::{EncryptedStore, StoreSecret};

use super::key::new_password_of;
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::{STORE_FILE, STORE_PASSPHRASE, Secret, first_line};
use crate::cli::process::data_dir::{DataLock, data_dir_path};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Change the passphrase or the key that opens the store of a stopped node. What is in it stays as it is
    Passwd {
        /// Data directory of the node [default: ~/.whisper-node]
        #[arg(long, value_name = "DIR")]
        datadir: Option<PathBuf>,

        /// The passphrase: file:PATH, env:NAME or ask [default: the variable WHISPER_STORE_PASSPHRASE, or it is asked for]
        #[arg(long, value_name = "SECRET", conflicts_with = "key_file")]
        passphrase: Option<Secret>,

        /// The file with the key that opens it, instead of a passphrase
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,

        /// The new passphrase: file:PATH, env:NAME or ask [default: asked for twice]
        #[arg(long, value_name = "SECRET", conflicts_with = "new_key_file")]
        new_passphrase: Option<Secret>,

        /// The file with the new key, 64 hex digits, instead of a passphrase
        #[arg(long, value_name = "FILE")]
        new_key_file: Option<PathBuf>,
    },
}

impl Command {
    /// Runs the command. It does not need much memory or time, however much is in the store.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self::Passwd { datadir, passphrase, key_file, new_passphrase, new_key_file } = self;
        let datadir = data_dir_path(datadir.as_deref())?;
        let path = datadir.join(STORE_FILE);
        if !path.is_file() {
            return Err(Failure::NoStore { path });
        }
        let _lock = DataLock::acquire(&datadir, "lock")?;
        let old = match key_file {
            Some(file) => key_in("--key-file", file)?,
            None => {
                let given = passphrase.unwrap_or_else(|| Secret::variable_or_ask(STORE_PASSPHRASE));
                of_passphrase(given.read("--passphrase", "Passphrase of the store")?)?
            }
        };
        let new = match new_key_file {
            Some(file) => key_in("--new-key-file", file)?,
            None => of_passphrase(new_password_of(new_passphrase)?)?,
        };
        let changed = EncryptedStore::replace_secret(SystemWorld::shared(), &path, &old, &new);
        changed.map_err(|error| NodeError::Store(error.into()))?;
        console::print(
            "Only the new secret opens the store from now on. Backups are opened by the one before.",
        )
    }
}

fn key_in(flag: &'static str, file: PathBuf) -> Result<StoreSecret, Failure> {
    let key = StoreSecret::key_from_hex(&first_line(flag, &file)?);
    key.map_err(|source| Failure::StoreKey { path: file, source })
}

fn of_passphrase(text: zeroize::Zeroizing<String>) -> Result<StoreSecret, Failure> {
    StoreSecret::passphrase(text).map_err(|_| Failure::StorePassphraseMissing)
}
