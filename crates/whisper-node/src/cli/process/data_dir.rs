//! The data directory of a node.

mod data_lock;

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
pub(crate) use data_lock::DataLock;

/// The path of the data directory.
pub(crate) fn data_dir_path(given: Option<&Path>) -> Result<PathBuf, Failure> {
    match given {
        Some(datadir) => Ok(datadir.to_owned()),
        None => Ok(std::env::home_dir().ok_or(Failure::NoHome)?.join(".whisper-node")),
    }
}

/// The data directory, which is made if it does not exist.
pub(crate) fn data_dir(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let datadir = data_dir_path(given)?;
    fs::create_dir_all(&datadir)
        .map_err(|source| Failure::DataDir { path: datadir.clone(), source })?;
    Ok(datadir)
}
