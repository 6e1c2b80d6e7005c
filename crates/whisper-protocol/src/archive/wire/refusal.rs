//! The end of a query without a complete answer.

use bytes::Bytes;
use p2p_mux::rlp::List;

use super::{ArchiveMessageError, list};

/// Code 5: a query ends without a complete answer, `[id, code, text]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveRefusal {
    /// The query.
    pub id: u64,
    /// The reason, by which a client decides what to do.
    pub code: RefusalCode,
    /// The reason for people, at most 256 bytes. It may be any text, so quote it.
    pub text: String,
}

/// Why a query has no complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalCode {
    /// 1: this end has no archive.
    NoArchive,
    /// 2: the cursor is of another archive. The client must start over.
    Replaced,
    /// 3: the cursor is of this archive but beyond its newest envelope: an older copy of it was restored. The client must
    /// start over.
    Ahead,
    /// 4: the client may not ask.
    NotAllowed,
    /// 5: the client has too many open queries. Some must end first.
    TooMany,
    /// 6: the archive cannot be read. The client may ask again later, where it stopped.
    Unreadable,
    /// 7: an open query has the same id.
    SameId,
    /// Any other code: the client must not ask this again.
    Other(u64),
}

impl RefusalCode {
    /// The number of the code.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::NoArchive => 1,
            Self::Replaced => 2,
            Self::Ahead => 3,
            Self::NotAllowed => 4,
            Self::TooMany => 5,
            Self::Unreadable => 6,
            Self::SameId => 7,
            Self::Other(code) => code,
        }
    }

    /// The code with this number.
    #[must_use]
    pub const fn of(number: u64) -> Self {
        match number {
            1 => Self::NoArchive,
            2 => Self::Replaced,
            3 => Self::Ahead,
            4 => Self::NotAllowed,
            5 => Self::TooMany,
            6 => Self::Unreadable,
            7 => Self::SameId,
            code => Self::Other(code),
        }
    }
}

impl ArchiveRefusal {
    pub(super) fn read(list: &mut List<'_>) -> Result<Self, ArchiveMessageError> {
        let (id, code) = (list.uint()?, RefusalCode::of(list.uint()?));
        Ok(Self { id, code, text: crate::wire::packet::text(list.bytes()?) })
    }

    pub(super) fn encode(&self) -> Bytes {
        list(&[&self.id, &self.code.number(), &self.text])
    }
}
