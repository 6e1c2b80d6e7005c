//! A secret key kept in a file, as go-ethereum's `nodekey`: 64 hexadecimal digits.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{KeyError, SecretKey};

/// More than any key file holds: 64 digits, `0x`, a line end, and some to see that it is too long.
const MAX_FILE: usize = 128;

/// Why a key file could not be used, and which. Nothing is ever overwritten.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is no such file.
    #[error("there is no key file {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is there, and cannot be read.
    #[error("key file {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file does not contain a key.
    #[error("key file {} does not contain a key", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        source: KeyError,
    },
    /// The file cannot be made.
    #[error("key file {} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl SecretKey {
    /// Reads the key from the file at `path`: 64 hexadecimal digits, and perhaps `0x` before and
    /// white space after them.
    ///
    /// # Errors
    ///
    /// [`KeyFileError::Missing`], [`KeyFileError::Read`], [`KeyFileError::Content`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let text = read(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => KeyFileError::Missing { path: path.into() },
            _ => KeyFileError::Read { path: path.into(), source },
        })?;
        // What is not UTF-8 is shown to the parser as one wrong digit where it begins.
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

    /// Reads the key from the file at `path`, or makes one from `rng` and keeps it there, readable
    /// by its owner only (mode 0600 on Unix). The folder must exist.
    ///
    /// A crash leaves the whole file or none, and of several processes that do this at once all get
    /// the same key.
    ///
    /// # Errors
    ///
    /// All of [`KeyFileError`] but [`KeyFileError::Missing`]. A file that does not contain a key
    /// stays as it is.
    ///
    /// ```
    /// use p2p_identity::SecretKey;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("nodekey");
    /// let made = SecretKey::load_or_create(&path, &mut rand::rng())?;
    /// assert_eq!(SecretKey::load(&path)?, made);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_or_create(
        path: impl AsRef<Path>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        match Self::load(path) {
            Err(KeyFileError::Missing { .. }) => {}
            loaded => return loaded,
        }
        let key = Self::random(rng);
        let digits = Zeroizing::new(hex::encode(*key.to_bytes()));
        match create(path, &digits, rng.next_u64()) {
            Ok(()) => Ok(key),
            // Somebody else was faster: theirs is the key.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::load(path),
            Err(source) => Err(KeyFileError::Write { path: path.into(), source }),
        }
    }
}

/// Reads a file of no more than [`MAX_FILE`] bytes (of a longer one, only so many).
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // With all the room at once, or growing would leave copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_FILE + 1));
    File::open(path)?.take(MAX_FILE as u64).read_to_end(&mut content)?;
    Ok(content)
}

/// Makes the file at `path` with this one line, whole or not at all; fails with `AlreadyExists` if it
/// is there. `unique` tells apart the temporary files of several processes.
fn create(path: &Path, line: &str, unique: u64) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{unique:016x}.tmp"));
    let temporary = path.with_file_name(name);
    let created = write_new(&temporary, line).and_then(|()| publish(&temporary, path));
    // Whatever happened, the key must not lie around under a second name.
    let _ = fs::remove_file(&temporary);
    created
}

fn write_new(path: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // In two pieces: joining them would leave a copy of the key in memory.
    file.write_all(line.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Gives the finished file its name. A link, unlike a renaming, does not replace what is there.
fn publish(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.exists() => {
            // A file system without links.
            fs::rename(temporary, path)
        }
        linked => linked,
    }
}
