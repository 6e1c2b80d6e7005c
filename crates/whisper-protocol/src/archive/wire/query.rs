//! A query.

use std::ops::RangeInclusive;

use bytes::Bytes;
use p2p_mux::rlp::List;
use whisper_envelope::Dialect;

use super::{
    ArchiveMessageError,
    filter::{self, Filter},
    list,
};
use crate::{ArchiveId, HistoryFilter};

/// Code 1: asks for envelopes,
/// `[id, filter, version, from, to, archive, after, until, limit, credit, flags, proof]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveQuery {
    /// Chosen by the client. None of its open queries on this connection has the same.
    pub id: u64,
    /// Which envelopes are wanted.
    pub filter: HistoryFilter,
    /// Only envelopes of this dialect; `None`: of both.
    pub dialect: Option<Dialect>,
    /// Only envelopes that were sent at this time, in seconds since 1970, as their senders say.
    pub sent: RangeInclusive<u32>,
    /// The archive in which [`after`](Self::after) was given out; `None` from the beginning of any.
    pub archive: Option<ArchiveId>,
    /// Only envelopes with a greater arrival number. 0: from the beginning.
    pub after: u64,
    /// Only envelopes up to this arrival number; 0: no limit.
    pub until: u64,
    /// Maximum number of envelopes of the whole answer; 0: no limit.
    pub limit: u64,
    /// How many bytes of pages the archive may send at first.
    pub credit: u32,
    /// Whether the answer goes on with what arrives later.
    pub tail: bool,
    /// Proves that the client knows the password of the archive; `None`: it does not prove it.
    pub proof: Option<[u8; 32]>,
}

/// The flag of a query that goes on with what arrives later.
const TAIL: u64 = 1;

impl ArchiveQuery {
    /// A query for everything that a filter lets through, without credit.
    #[must_use]
    pub const fn new(id: u64, filter: HistoryFilter) -> Self {
        Self {
            id,
            filter,
            dialect: None,
            sent: 0..=u32::MAX,
            archive: None,
            after: 0,
            until: 0,
            limit: 0,
            credit: 0,
            tail: false,
            proof: None,
        }
    }

    pub(super) fn read(list: &mut List<'_>) -> Result<Self, ArchiveMessageError> {
        let (id, filter) = (list.uint()?, filter::read(list)?);
        let dialect = match list.uint()? {
            0 => None,
            version => Some(dialect(version)?),
        };
        let (from, to) = (list.uint()?, list.uint()?);
        if from > to {
            return Err(ArchiveMessageError::Range);
        }
        Ok(Self {
            id,
            filter,
            dialect,
            sent: from..=to,
            archive: optional(list)?.map(ArchiveId),
            after: list.uint()?,
            until: list.uint()?,
            limit: list.uint()?,
            credit: list.uint()?,
            tail: list.uint::<u64>()? & TAIL != 0,
            proof: optional(list)?,
        })
    }

    /// Encodes the payload of the message.
    pub(crate) fn encode(&self) -> Bytes {
        let version = self.dialect.map_or(0, Dialect::version);
        let archive = self.archive.as_ref().map_or(&[][..], |archive| &archive.0);
        let proof = self.proof.as_ref().map_or(&[][..], |proof| proof);
        list(&[
            &self.id,
            &Filter(&self.filter),
            &version,
            self.sent.start(),
            self.sent.end(),
            &archive,
            &self.after,
            &self.until,
            &self.limit,
            &self.credit,
            &if self.tail { TAIL } else { 0 },
            &proof,
        ])
    }
}

/// Bytes of a fixed length, or none.
pub(super) fn optional<const N: usize>(
    list: &mut List<'_>,
) -> Result<Option<[u8; N]>, ArchiveMessageError> {
    let item = list.item()?;
    if item.bytes()?.is_empty() { Ok(None) } else { Ok(Some(item.array()?)) }
}

/// The dialect with this version.
pub(super) const fn dialect(version: u64) -> Result<Dialect, ArchiveMessageError> {
    match version {
        5 => Ok(Dialect::V5),
        6 => Ok(Dialect::V6),
        version => Err(ArchiveMessageError::Dialect { version }),
    }
}
