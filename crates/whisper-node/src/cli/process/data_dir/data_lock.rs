//! The lock on the data directory: two processes must not run with one node key.

use std::fs::{OpenOptions, TryLockError};
use std::{fs::File, io, path::Path};

use crate::cli::failure::Failure;

/// A lock on a file in the data directory, held until it is dropped. The system releases it if the process crashes.
#[derive(Debug)]
pub(crate) struct DataLock {
    _file: Option<File>,
}

impl DataLock {
    /// Takes the lock on the file `name`, which is made if it does not exist.
    pub(crate) fn acquire(datadir: &Path, name: &str) -> Result<Self, Failure> {
        let path = datadir.join(name);
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let locked = opened.map_err(TryLockError::Error).and_then(|file| {
            file.try_lock()?;
            Ok(file)
        });
        match locked {
            Ok(file) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => {
                Err(Failure::DataDirInUse { path: datadir.to_owned() })
            }
            // Some network file systems have no locks.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                tracing::warn!(
                    "the file system of the data directory has no locks: make sure that no other node uses it"
                );
                Ok(Self { _file: None })
            }
            Err(TryLockError::Error(source)) => Err(Failure::Lock { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_is_locked_once() {
        let datadir = tempfile::tempdir().unwrap();
        let lock = DataLock::acquire(datadir.path(), "lock").unwrap();
        let refused = DataLock::acquire(datadir.path(), "lock").unwrap_err();
        assert!(matches!(refused, Failure::DataDirInUse { .. }), "{refused:?}");
        assert!(DataLock::acquire(datadir.path(), "bootkey.lock").is_ok());
        drop(lock);
        assert!(DataLock::acquire(datadir.path(), "lock").is_ok());
    }
}
