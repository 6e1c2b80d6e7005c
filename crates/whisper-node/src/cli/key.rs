//! Which key a command runs under.

use std::path::{Path, PathBuf};

use clap::Args;
use p2p_identity::SecretKey;

use super::failure::Failure;

/// Who the node is.
#[derive(Args, Clone, Debug)]
pub(crate) struct KeyFlags {
    /// File with the node key, 64 hex digits [default: a file in the data directory, made on first start]
    #[arg(long, value_name = "FILE", conflicts_with = "nodekeyhex")]
    pub(crate) nodekey: Option<PathBuf>,

    /// The node key itself, 64 hex digits (for tests: other users of the machine can read it)
    #[arg(long, value_name = "HEX")]
    pub(crate) nodekeyhex: Option<String>,
}

impl KeyFlags {
    /// The key that is named, or else the one in the file `default`, which is made where there is none.
    pub(super) fn read(&self, default: &Path) -> Result<SecretKey, Failure> {
        Ok(match self.named()? {
            Some(key) => key,
            None => SecretKey::load_or_create(default, &mut rand::rng())?,
        })
    }

    /// The key that is named, or else one for this time only.
    pub(super) fn read_or_random(&self) -> Result<SecretKey, Failure> {
        Ok(self.named()?.unwrap_or_else(|| SecretKey::random(&mut rand::rng())))
    }

    fn named(&self) -> Result<Option<SecretKey>, Failure> {
        Ok(match (&self.nodekeyhex, &self.nodekey) {
            (Some(hex), _) => Some(SecretKey::from_hex(hex).map_err(Failure::KeyHex)?),
            (None, Some(file)) => Some(SecretKey::load(file)?),
            (None, None) => None,
        })
    }
}
