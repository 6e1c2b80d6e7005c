//! Why a store cannot be used.

use std::path::PathBuf;

use node_store::StoreError;

/// A record does not have its format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The RLP is invalid.
    #[error(transparent)]
    Rlp(#[from] rlp_codec::Error),
    /// A kind that this version does not know.
    #[error("unknown kind {kind}")]
    Kind {
        /// The kind in the record.
        kind: u8,
    },
    /// Deriving the key from the passphrase would take too much memory or time, or the numbers mean nothing.
    #[error("impossible cost of the passphrase")]
    Cost,
    /// A number that is no proof of work.
    #[error("impossible proof of work")]
    Work,
    /// A topic is longer than four bytes, or empty.
    #[error("impossible topic")]
    Topic,
    /// Bytes that are no key.
    #[error("impossible key")]
    Key,
    /// The record was encrypted with another key or for another place, or it was changed.
    #[error("it is not authentic")]
    NotAuthentic,
    /// Records are not there that should be.
    #[error("{count} records are missing")]
    Missing {
        /// Their number.
        count: u64,
    },
    /// The record belongs to a filter that is not there.
    #[error("its filter is missing")]
    NoFilter,
}

/// A store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] StoreError),
    /// The secret is not the one that the file was closed with.
    #[error(
        "the {given} does not open the store {}: it needs {needed}",
        .path.display()
    )]
    WrongSecret {
        /// The file.
        path: PathBuf,
        /// The kind of the secret that was given.
        given: &'static str,
        /// What is needed.
        needed: &'static str,
    },
    /// A record is damaged.
    #[error("the store {} is damaged: restore a backup. A record in the table {table:?} cannot be read", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The table.
        table: &'static str,
        /// What is wrong.
        source: RecordError,
    },
}

impl OpenError {
    /// Whether the content of the file is wrong. Then only a backup helps.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::File(StoreError::Damaged { .. }))
    }
}
