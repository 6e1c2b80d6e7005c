//! Whether and what an end has stored.

use bytes::Bytes;
use p2p_mux::rlp::List;

use super::{ArchiveMessageError, list, query::optional};
use crate::ArchiveId;

/// Code 0: whether and what this end has stored, `[archive, oldest, newest]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveStatus {
    /// The archive; `None` if this end is only a client.
    pub archive: Option<ArchiveSummary>,
}

/// An archive and what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveSummary {
    /// Which archive it is.
    pub id: ArchiveId,
    /// The least arrival number that it still has; 0 if it cannot be read now.
    pub oldest: u64,
    /// Its newest arrival number; 0 if nothing was ever stored.
    pub newest: u64,
}

impl ArchiveStatus {
    pub(super) fn read(list: &mut List<'_>) -> Result<Self, ArchiveMessageError> {
        let id = optional(list)?.map(ArchiveId);
        let (oldest, newest) = (list.uint()?, list.uint()?);
        Ok(Self { archive: id.map(|id| ArchiveSummary { id, oldest, newest }) })
    }

    pub(super) fn encode(self) -> Bytes {
        match self.archive {
            Some(ArchiveSummary { id, oldest, newest }) => list(&[&id.0, &oldest, &newest]),
            None => list(&[&"", &0_u64, &0_u64]),
        }
    }
}
