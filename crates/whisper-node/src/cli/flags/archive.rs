//! The flags about the archive.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use p2p_identity::NodeId;
use whisper_archive::Retention;
use whisper_node::ArchiveConfig;
use whisper_protocol::{MailServerSettings, OpenRequests, SymmetricKey};

use super::key::{require_regular_file, warn_if_exposed};
use super::list::{List, list};
use crate::cli::failure::Failure;

/// Whether and how this node stores envelopes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Archive")]
pub(crate) struct ArchiveFlags {
    /// Store every envelope in this directory, and answer requests for old ones: those of status-go, and with
    /// --archive.password-file those of go-ethereum
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,

    /// Days for which an envelope is stored; 0: forever
    #[arg(long = "archive.days", value_name = "DAYS", default_value_t = 30, requires = "archive")]
    archive_days: u32,

    /// Maximum size of all stored envelopes, in MiB; the oldest are removed [default: no limit]
    #[arg(long = "archive.size", value_name = "MIB", requires = "archive")]
    archive_size: Option<u64>,

    /// Answer requests that are encrypted with the password in the first line of this file
    #[arg(long = "archive.password-file", value_name = "FILE", requires = "archive")]
    archive_password_file: Option<PathBuf>,

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

impl ArchiveFlags {
    /// The archive, if there is to be one. Makes its directory, and reads the password.
    pub(crate) fn config(self) -> Result<Option<ArchiveConfig>, Failure> {
        let Some(dir) = self.archive else { return Ok(None) };
        fs::create_dir_all(&dir)
            .map_err(|source| Failure::ArchiveDir { path: dir.clone(), source })?;
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
            path: dir.join("archive"),
            retention: Retention { max_age, max_bytes },
            mail: MailServerSettings { password, open, ..defaults },
        }))
    }
}

/// The key of the password in the first line of a file.
pub(crate) fn read_password(flag: &'static str, path: &Path) -> Result<SymmetricKey, Failure> {
    require_regular_file(flag, path)?;
    warn_if_exposed(path);
    let text = fs::read_to_string(path);
    let text =
        text.map_err(|source| Failure::PasswordFile { flag, path: path.to_owned(), source })?;
    match text.lines().next() {
        None | Some("") => Err(Failure::NoPassword { flag, path: path.to_owned() }),
        Some(password) => Ok(SymmetricKey::from_password(password.as_bytes())),
    }
}
