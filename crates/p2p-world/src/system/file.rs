//! Files of the operating system.

use std::{
    fs::{self, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::File;

/// A locked file.
#[derive(Debug)]
pub(super) struct LockedFile(Mutex<fs::File>);

impl LockedFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(Mutex::new(file))),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The file. It has no state but its position, which is set before each use.
    fn file(&self) -> MutexGuard<'_, fs::File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings the name of a file to the disk, which the folder has: else the file may have its earlier name after a power failure.
#[cfg(unix)]
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// The system brings names to the disk by itself. It opens no folders.
#[cfg(not(unix))]
pub(super) fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

impl File for LockedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file().metadata()?.len())
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut file = self.file();
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.file();
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file().set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file().sync_data()
    }
}
