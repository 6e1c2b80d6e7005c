//! The flags about the node key.

use std::path::{Path, PathBuf};

use clap::Args;
use p2p_identity::{SecretKey, secret_file_exposure};

use crate::cli::failure::Failure;

/// The node key.
#[derive(Args, Clone, Debug)]
pub(crate) struct KeyFlags {
    /// File with the node key, 64 hex digits
    #[arg(long, value_name = "FILE", conflicts_with = "nodekeyhex")]
    nodekey: Option<PathBuf>,

    /// The node key, 64 hex digits (for tests: other users of the machine can read it)
    #[arg(long, value_name = "HEX")]
    nodekeyhex: Option<String>,
}

impl KeyFlags {
    /// The given key. If none is given, the key in the file that `default` returns, which is made if it does not exist.
    pub(crate) fn read_or_create<P: AsRef<Path>>(
        &self,
        default: impl FnOnce() -> Result<P, Failure>,
    ) -> Result<SecretKey, Failure> {
        Ok(match self.given()? {
            Some(key) => key,
            None => {
                let file = default()?;
                warn_if_exposed(&file);
                SecretKey::load_or_create(file, &mut rand::rng())?
            }
        })
    }

    /// The given key. If none is given, a random one.
    pub(crate) fn read_or_random(&self) -> Result<SecretKey, Failure> {
        Ok(self.given()?.unwrap_or_else(|| SecretKey::random(&mut rand::rng())))
    }

    /// Whether no key is given, so that the one in the data directory is used.
    pub(crate) fn is_default(&self) -> bool {
        self.nodekey.is_none() && self.nodekeyhex.is_none()
    }

    /// The given key, without a warning.
    pub(crate) fn read_given(&self) -> Result<Option<SecretKey>, Failure> {
        self.given()
    }

    fn given(&self) -> Result<Option<SecretKey>, Failure> {
        Ok(match (&self.nodekeyhex, &self.nodekey) {
            (Some(hex), _) => Some(SecretKey::from_hex(hex).map_err(Failure::KeyHex)?),
            (None, Some(file)) => {
                warn_if_exposed(file);
                Some(SecretKey::load(file)?)
            }
            (None, None) => None,
        })
    }
}

/// Warns if other users of the machine may read or change a file with a secret. `ssh` refuses such a file. Here it is only
/// a warning, because container systems often mount secrets this way.
pub(crate) fn warn_if_exposed(file: impl AsRef<Path>) {
    let file = file.as_ref();
    if let Some(mode) = secret_file_exposure(file) {
        let path = file.display();
        tracing::warn!(
            "other users of this machine may use the secret in {path} (mode {mode:04o}): chmod 600 {path}"
        );
    }
}

/// Refuses a named pipe or a folder, because reading a pipe could wait without end. A missing file is no error here.
pub(crate) fn require_regular_file(flag: &'static str, file: &Path) -> Result<(), Failure> {
    match std::fs::metadata(file) {
        Ok(found) if !found.is_file() => Err(Failure::NotAFile { flag, path: file.to_owned() }),
        _ => Ok(()),
    }
}
