//! A secret key kept in a file, as go-ethereum's `nodekey`: 64 hexadecimal digits.

#[cfg(feature = "keystore")]
pub(crate) mod keystore;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{KeyError, SecretKey};

/// Maximum number of bytes that are read from a key file. A valid file is shorter: 64 digits, `0x`, a line end.
const MAX_FILE_BYTES: usize = 128;

/// Why a key file could not be used. A file is never overwritten.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is no such file.
    #[error("there is no key file {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file exists but cannot be read.
    #[error("key file {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not a regular file, such as a named pipe or a folder. It is not opened: reading a pipe could wait without end.
    #[error("key file {} is not a regular file", path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// The file does not contain a key.
    #[error("key file {} does not contain a key", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        source: KeyError,
    },
    /// The file cannot be created.
    #[error("key file {} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl SecretKey {
    /// Reads the key from the file at `path`: 64 hexadecimal digits, with optional `0x` before and
    /// white space after them.
    ///
    /// # Errors
    ///
    /// [`KeyFileError::Missing`], [`KeyFileError::NotAFile`], [`KeyFileError::Read`], [`KeyFileError::Content`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(KeyFileError::NotAFile { path: path.into() });
        }
        let text = read(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => KeyFileError::Missing { path: path.into() },
            _ => KeyFileError::Read { path: path.into(), source },
        })?;
        // Text that is not UTF-8 is reported as a wrong digit at its first invalid byte.
        let text = match core::str::from_utf8(&text) {
            Ok(text) => text,
            Err(error) => {
                let source = crate::HexError::Digit { at: error.valid_up_to() }.into();
                return Err(KeyFileError::Content { path: path.into(), source });
            }
        };
        Self::from_hex(text.trim_ascii_end())
            .map_err(|source| KeyFileError::Content { path: path.into(), source })
    }

    /// Same as [`load_or_create`](Self::load_or_create), with the random source of the system.
    ///
    /// # Panics
    ///
    /// The system has no random source.
    ///
    /// # Errors
    ///
    /// Same as [`load_or_create`](Self::load_or_create).
    #[cfg(feature = "std")]
    pub fn load_or_generate(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        Self::load_or_store(path.as_ref(), Self::generate)
    }

    /// Reads the key from the file at `path`. If there is no such file, makes a key from `rng` and writes it
    /// there, readable by its owner only (mode 0600 on Unix). The folder must exist.
    ///
    /// The file is written as a whole or not at all, even if the process crashes. Processes that call this at
    /// the same time all get the same key.
    ///
    /// # Errors
    ///
    /// Any [`KeyFileError`] except [`KeyFileError::Missing`]. A file that does not contain a key is not
    /// changed.
    ///
    /// ```
    /// use p2p_identity::SecretKey;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("nodekey");
    /// let made = SecretKey::load_or_create(&path, &mut rand::rng())?;
    /// assert_eq!(SecretKey::load(&path)?, made);
    /// assert_eq!(SecretKey::load_or_generate(&path)?, made);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_or_create(
        path: impl AsRef<Path>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, KeyFileError> {
        Self::load_or_store(path.as_ref(), || Self::random(rng))
    }

    fn load_or_store(path: &Path, make: impl FnOnce() -> Self) -> Result<Self, KeyFileError> {
        match Self::load(path) {
            Err(KeyFileError::Missing { .. }) => {}
            loaded => return loaded,
        }
        let key = make();
        let digits = Zeroizing::new(hex::encode(*key.to_bytes()));
        match create(path, &digits, &hex::encode(&key.id().0[..8])) {
            Ok(()) => Ok(key),
            // Another process was faster: its key is used.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::load(path),
            Err(source) => Err(KeyFileError::Write { path: path.into(), source }),
        }
    }
}

/// The permission bits of a file with a secret (a key, a token) if its group or other users may read or write it, as
/// `ssh` checks it. `None` if only its owner may, if the file cannot be inspected, and on systems without such bits.
///
/// ```
/// # #[cfg(unix)] {
/// use std::fs::{self, Permissions};
/// use std::os::unix::fs::PermissionsExt;
///
/// let file = tempfile::NamedTempFile::new()?;
/// for (mode, exposed) in [(0o600, None), (0o644, Some(0o644)), (0o640, Some(0o640))] {
///     fs::set_permissions(file.path(), Permissions::from_mode(mode))?;
///     assert_eq!(p2p_identity::secret_file_exposure(file.path()), exposed);
/// }
/// # }
/// # Ok::<_, std::io::Error>(())
/// ```
#[must_use]
pub fn secret_file_exposure(path: impl AsRef<Path>) -> Option<u32> {
    #[cfg(unix)]
    {
        let found = fs::metadata(path).ok()?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Reads at most [`MAX_FILE_BYTES`] bytes of a file.
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Allocated at once: a buffer that grows leaves copies of the key in memory.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES + 1));
    File::open(path)?.take(MAX_FILE_BYTES as u64).read_to_end(&mut content)?;
    Ok(content)
}

/// Creates the file at `path` with this line, as a whole or not at all. Fails with `AlreadyExists` if it
/// exists. `unique` distinguishes the temporary files of several processes.
fn create(path: &Path, line: &str, unique: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{unique}.tmp"));
    let temporary = path.with_file_name(name);
    let created = write_new(&temporary, line).and_then(|()| publish(&temporary, path));
    // In every case: the key must not stay in the temporary file.
    let _ = fs::remove_file(&temporary);
    created
}

fn write_new(path: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // Two writes: joining the parts would leave a copy of the key in memory.
    file.write_all(line.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Gives the finished file its name. Unlike a rename, a link does not replace an existing file.
fn publish(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.exists() => {
            // The file system does not support links.
            fs::rename(temporary, path)
        }
        linked => linked,
    }
}
