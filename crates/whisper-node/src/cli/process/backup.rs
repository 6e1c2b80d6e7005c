//! `whisper-node backup` and `restore`: copies what a node keeps.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use keccak_lanes::Keccak256;
use p2p_world::SystemWorld;
use serde::{Deserialize, Serialize};
use whisper_archive::{EmbeddedArchive, OpenError};

use super::data_dir::{DataLock, data_dir, data_dir_path};
use crate::cli::failure::Failure;
use crate::cli::flags::Output;
use crate::cli::flags::archive::ARCHIVE_FILE;

/// The file in a backup that lists the others.
const LIST: &str = "backup.toml";

/// Files of the data directory that are of no use later.
const LEFT_OUT: [&str; 3] = ["lock", "log", LIST];

/// The flags of `backup`.
#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// Folder of the backup, which is made
    to: PathBuf,

    /// Data directory of the node, which must not run [default: ~/.whisper-node]
    #[arg(long, value_name = "DIR")]
    datadir: Option<PathBuf>,

    #[command(flatten)]
    output: Output,
}

/// What was copied.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Copied {
    /// The files, as paths from `to`.
    files: Vec<String>,
    to: PathBuf,
    /// The new id of a restored archive: its clients read it from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive_id: Option<String>,
}

/// The flags of `restore`.
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// Folder of the backup
    from: PathBuf,

    /// Data directory of the node, which is made, or is empty [default: ~/.whisper-node]
    #[arg(long, value_name = "DIR")]
    datadir: Option<PathBuf>,

    #[command(flatten)]
    output: Output,
}

/// What a backup contains.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    /// The version of the program that made it.
    version: String,
    /// Keccak-256 of each file, in hexadecimal.
    files: BTreeMap<String, String>,
}

impl Backup {
    /// Copies the node key, the configuration, the known nodes, the archive, and everything else in the data directory. The
    /// copies are on the disk when it returns.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let datadir = data_dir_path(self.datadir.as_deref())?;
        if !datadir.is_dir() {
            return Err(Failure::NoData { path: datadir });
        }
        // A running node changes its files while they are copied.
        let _lock = DataLock::acquire(&datadir, "lock")?;
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Failure::Backup { path, source }
        };
        fs::create_dir(&self.to).map_err(failed(&self.to))?;
        restrict(&self.to).map_err(failed(&self.to))?;
        let mut files = BTreeMap::new();
        for name in names(&datadir).map_err(failed(&datadir))? {
            let (from, to) = (datadir.join(&name), self.to.join(&name));
            let hash = copy(&from, &to).map_err(failed(&from))?;
            files.insert(name, hash);
        }
        let contents = Contents { version: env!("CARGO_PKG_VERSION").to_owned(), files };
        let (list, text) = (self.to.join(LIST), toml::to_string(&contents).map_err(Failure::Plan)?);
        write(&list, text.as_bytes()).map_err(failed(&list))?;
        let files = contents.files.into_keys().collect();
        let copied = Copied { files, to: self.to, archive_id: None };
        self.output.print(&copied, || {
            format!(
                "{} files of {} are in {}. They contain the key of the node: keep them secret.",
                copied.files.len(),
                datadir.display(),
                copied.to.display(),
            )
        })
    }
}

impl Restore {
    /// Checks the backup, and copies its files into an empty data directory.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Failure::Backup { path, source }
        };
        let list = self.from.join(LIST);
        let text = fs::read_to_string(&list).map_err(failed(&list))?;
        let contents: Contents =
            toml::from_str(&text).map_err(|source| Failure::BackupList { path: list, source })?;
        // All of it is checked before anything is copied.
        for (name, hash) in &contents.files {
            let path = self.from.join(name);
            if !is_inside(name) || hash_of(&path).map_err(failed(&path))? != *hash {
                return Err(Failure::BackupChanged { path });
            }
        }
        let datadir = data_dir(self.datadir.as_deref())?;
        let is_empty = names(&datadir).map_err(failed(&datadir))?.is_empty();
        if !is_empty {
            return Err(Failure::DataDirNotEmpty { path: datadir });
        }
        let _lock = DataLock::acquire(&datadir, "lock")?;
        let mut archive = None;
        for name in contents.files.keys() {
            let (from, to) = (self.from.join(name), datadir.join(name));
            copy(&from, &to).map_err(failed(&to))?;
            if to.file_name() == Some(OsStr::new(ARCHIVE_FILE)) {
                archive = renew(&to)?.map(|id| (to, id));
            }
        }
        let files = contents.files.into_keys().collect();
        let archive_id = archive.as_ref().map(|(_, id)| id.clone());
        let copied = Copied { files, to: datadir, archive_id };
        self.output.print(&copied, || {
            let renewed = archive.iter().map(|(path, id)| {
                format!(
                    "The archive {} has the new id {id}: its clients read it from the beginning.\n",
                    path.display(),
                )
            });
            let count = format!("{} files are in {}", copied.files.len(), copied.to.display());
            renewed.chain([count]).collect()
        })
    }
}

/// Gives a restored archive another id, which is returned: clients may have read more of it than the backup has, and begin
/// again.
fn renew(path: &Path) -> Result<Option<String>, Failure> {
    match EmbeddedArchive::renew(SystemWorld::shared(), path) {
        Ok(id) => Ok(Some(id.to_string())),
        // The node makes a new one.
        Err(OpenError::Damaged { .. }) => Ok(None),
        Err(error) => Err(Failure::RestoredArchive(error)),
    }
}

/// Whether a path in a backup stays inside of it.
fn is_inside(name: &str) -> bool {
    Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// The files in a folder and the folders in it, as paths from it. Sockets and what is of no use later are left out.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(dir.join(&folder))? {
            let entry = entry?;
            let (name, kind) = (folder.join(entry.file_name()), entry.file_type()?);
            if kind.is_dir() {
                folders.push(name);
            } else if kind.is_file() && !LEFT_OUT.iter().any(|left_out| name == Path::new(left_out))
            {
                let text = name.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
                found.push(text.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies a file that only its owner may use. Returns its hash.
fn copy(from: &Path, to: &Path) -> io::Result<String> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to)?;
    File::open(to)?.sync_all()?;
    hash_of(to)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Lets only the owner see what is in a folder.
fn restrict(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let _ = dir;
    Ok(())
}

fn hash_of(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher) = (File::open(path)?, Keccak256::new());
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}
