//! The flags about the node key.

use std::path::{Path, PathBuf};

use clap::Args;
use p2p_identity::SecretKey;

use crate::cli::failure::Failure;

/// The node key.
#[derive(Args, Clone, Debug)]
pub(crate) struct KeyFlags {
    /// File with the node key, 64 hex digits [default: a file in the data directory, made on the first start]
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
            None => SecretKey::load_or_create(default()?, &mut rand::rng())?,
        })
    }

    /// The given key. If none is given, a random one.
    pub(crate) fn read_or_random(&self) -> Result<SecretKey, Failure> {
        Ok(self.given()?.unwrap_or_else(|| SecretKey::random(&mut rand::rng())))
    }

    fn given(&self) -> Result<Option<SecretKey>, Failure> {
        Ok(match (&self.nodekeyhex, &self.nodekey) {
            (Some(hex), _) => Some(SecretKey::from_hex(hex).map_err(Failure::KeyHex)?),
            (None, Some(file)) => Some(SecretKey::load(file)?),
            (None, None) => None,
        })
    }
}
