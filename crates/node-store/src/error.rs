//! Why a file cannot be used.

use std::{fmt, io, path::PathBuf};

use crate::OnDamage;

/// An error of the database or of its file.
#[derive(Debug)]
pub struct DatabaseError(Box<redb::Error>);

impl DatabaseError {
    /// Whether the content of the file is wrong. Otherwise it cannot be read or written at present.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        is_damage(&self.0)
    }

    pub(crate) fn is_in_use(&self) -> bool {
        matches!(*self.0, redb::Error::DatabaseAlreadyOpen)
    }
}

pub(crate) fn is_damage(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(error) => {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::RepairAborted
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_) => true,
        _ => false,
    }
}

impl From<redb::Error> for DatabaseError {
    fn from(error: redb::Error) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// A file cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another program has the file open, or another part of this one.
    #[error("{what} {} is in use by another program: stop that one, or use another directory", .path.display())]
    InUse {
        /// What the file is called.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A newer program has written the file, and it is not to be moved aside.
    #[error(
        "{what} {} is of version {found}, but this program reads versions up to {known}: use a newer program, or restore a \
         backup that an older one made",
        .path.display()
    )]
    Newer {
        /// What the file is called.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: u64,
        /// The newest version that this program reads.
        known: u64,
    },
    /// The file is damaged. It is moved aside when it is opened, or must be replaced by a backup.
    #[error("{what} {} is damaged: {on_damage}", .path.display())]
    Damaged {
        /// What the file is called.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What happens to it.
        on_damage: OnDamage,
        /// What is wrong.
        source: DatabaseError,
    },
    /// The file cannot be opened, read or written: for example, the disk is full, or the rights are missing.
    #[error("{what} {} cannot be used", .path.display())]
    Failed {
        /// What the file is called.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The error.
        source: DatabaseError,
    },
}
