//! The flags about the archive.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use p2p_identity::NodeId;
use whisper_archive::{PostgresAddress, Retention};
use whisper_node::{ArchiveConfig, ArchiveStore};
use whisper_protocol::{MailServerSettings, OpenRequests, SymmetricKey};
use zeroize::Zeroizing;

use super::key::{require_regular_file, warn_if_exposed};
use super::list::{List, list};
use crate::cli::failure::Failure;

/// The file in the directory of an archive.
pub(crate) const ARCHIVE_FILE: &str = "archive";

/// Whether and how this node stores envelopes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Archive")]
pub(crate) struct ArchiveFlags {
    /// Store every envelope in this directory or PostgreSQL database (postgres://USER@HOST/DATABASE), and answer requests for
    /// old ones: those of status-go, and with --archive.password-file those of go-ethereum. The password of the database is
    /// best in PGPASSWORD or in a file
    #[arg(long, value_name = "DIR|URL")]
    archive: Option<Store>,

    /// Days for which an envelope is stored; 0: forever
    #[arg(long = "archive.days", value_name = "DAYS", default_value_t = 30, requires = "archive")]
    archive_days: u32,

    /// Maximum size of all stored envelopes, in MiB; the oldest are removed [default: no limit]
    #[arg(long = "archive.size", value_name = "MIB", requires = "archive")]
    archive_size: Option<u64>,

    /// Answer requests that are encrypted with the password in the first line of this file
    #[arg(long = "archive.password-file", value_name = "FILE", requires = "archive")]
    archive_password_file: Option<PathBuf>,

    /// Take the password of the database from the first line of this file
    #[arg(long = "archive.db-password-file", value_name = "FILE", requires = "archive")]
    archive_db_password_file: Option<PathBuf>,

    /// Answer unencrypted requests of these nodes only: ids, comma-separated (128 hex digits each); an empty list: of none
    /// [default: of any peer]
    #[arg(
        long = "archive.clients",
        value_name = "IDS",
        value_parser = list(NodeId::from_str),
        requires = "archive"
    )]
    archive_clients: Vec<List<NodeId>>,
}

/// The value of `--archive`. Its `Debug` text does not show it, because a URL can contain a password.
#[derive(Clone)]
struct Store(OsString);

impl From<OsString> for Store {
    fn from(value: OsString) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl ArchiveFlags {
    /// The archive, if there is to be one. Makes its directory, and reads the password.
    pub(crate) fn config(self) -> Result<Option<ArchiveConfig>, Failure> {
        let Some(store) = self.archive else { return Ok(None) };
        let store = open_store(&store, self.archive_db_password_file.as_deref())?;
        let max_age = match self.archive_days {
            0 => None,
            days => Some(Duration::from_secs(u64::from(days) * 24 * 3600)),
        };
        let max_bytes = self.archive_size.map(|size| size.saturating_mul(1 << 20));
        let password = self
            .archive_password_file
            .as_deref()
            .map(|file| read_password("--archive.password-file", file))
            .transpose()?;
        let open = match self.archive_clients {
            lists if lists.is_empty() => OpenRequests::Any,
            lists => OpenRequests::Of(List::joined(lists).into_iter().collect()),
        };
        let defaults = MailServerSettings::default();
        Ok(Some(ArchiveConfig {
            store,
            retention: Retention { max_age, max_bytes },
            mail: MailServerSettings { password, open, ..defaults },
        }))
    }
}

/// Where the archive is. Makes the directory, or finds the password of the database.
fn open_store(store: &Store, password_file: Option<&Path>) -> Result<ArchiveStore, Failure> {
    let url = store.0.to_str().filter(|text| {
        ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme))
    });
    let Some(url) = url else {
        if password_file.is_some() {
            return Err(Failure::ArchiveWithoutDatabase);
        }
        let dir = Path::new(&store.0);
        fs::create_dir_all(dir)
            .map_err(|source| Failure::ArchiveDir { path: dir.to_owned(), source })?;
        return Ok(ArchiveStore::File(dir.join(ARCHIVE_FILE)));
    };
    let address: PostgresAddress = url.parse().map_err(Failure::ArchiveUrl)?;
    let address = match password_file {
        Some(path) => address.password(&read_secret("--archive.db-password-file", path)?),
        None => address.password_from_env(),
    };
    Ok(ArchiveStore::Database(address))
}

/// The key of the password in the first line of the file of a flag.
pub(crate) fn read_password(flag: &'static str, path: &Path) -> Result<SymmetricKey, Failure> {
    Ok(SymmetricKey::from_password(read_secret(flag, path)?.as_bytes()))
}

/// The password in the first line of the file of a flag.
pub(super) fn read_secret(flag: &'static str, path: &Path) -> Result<Zeroizing<String>, Failure> {
    require_regular_file(flag, path)?;
    warn_if_exposed(path);
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let path = path.to_owned();
    match text {
        Err(source) => Err(Failure::PasswordFile { flag, path, source }),
        Ok(text) => match text.lines().next() {
            None | Some("") => Err(Failure::NoPassword { flag, path }),
            Some(password) => Ok(Zeroizing::new(password.to_owned())),
        },
    }
}
