//! The messages of `archive/1`, the sub-protocol of archives and their clients.
//!
//! The specification is `crates/whisper-archive/ARCHIVE-1.md`. Decoding any bytes gives a message or a typed error, and
//! uses no more memory than a small multiple of the input. Further elements of a list are ignored: a later version of the
//! protocol may have added them. Bytes after the list are refused.
//!
//! | code | message | sender |
//! |---|---|---|
//! | 0 | [`ArchiveStatus`] | both, as the first message |
//! | 1 | [`ArchiveQuery`] | client |
//! | 2 | [`ArchivePage`] | archive |
//! | 3 | [`ArchiveCredit`] | client |
//! | 4 | [`ArchiveCancel`] | client |
//! | 5 | [`ArchiveRefusal`] | archive |
//! | 6–15 | reserved; ignored | |

mod error;
mod filter;
mod page;
mod query;
mod refusal;
mod status;

use bytes::Bytes;

pub use error::ArchiveMessageError;
pub use page::{ArchivePage, PageState};
pub use query::ArchiveQuery;
pub use refusal::{ArchiveRefusal, RefusalCode};
pub use status::{ArchiveStatus, ArchiveSummary};

use p2p_mux::rlp::{self, Encodable, Item};

/// The name of the capability.
pub const NAME: &str = "archive";

/// The version of the capability.
pub const VERSION: u64 = 1;

/// Number of message codes, with those that are reserved.
pub const LENGTH: u64 = 16;

/// Maximum number of topics or hashes of a query.
pub const MAX_VALUES: usize = 4096;

/// Maximum number of envelopes of a page.
pub const MAX_ENVELOPES: usize = 1000;

// A reader can ask one archive about all envelopes of a page of another one.
const _: () = assert!(MAX_ENVELOPES <= MAX_VALUES);

/// A message of `archive/1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveMessage {
    /// Code 0: whether and what this end has stored.
    Status(ArchiveStatus),
    /// Code 1: asks for envelopes.
    Query(Box<ArchiveQuery>),
    /// Code 2: a part of an answer.
    Page(ArchivePage),
    /// Code 3: the archive may send more.
    Credit(ArchiveCredit),
    /// Code 4: the client wants no more.
    Cancel(ArchiveCancel),
    /// Code 5: a query ends without a complete answer.
    Refusal(ArchiveRefusal),
    /// A code that a later version may use.
    Reserved(u64),
}

/// Code 3: the archive may send more, `[id, bytes]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveCredit {
    /// The query.
    pub id: u64,
    /// By how many bytes the credit grows.
    pub bytes: u32,
}

/// Code 4: the client wants no more, `[id]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveCancel {
    /// The query.
    pub id: u64,
}

impl ArchiveMessage {
    /// Reads a message. It keeps no reference to the payload.
    ///
    /// # Errors
    ///
    /// [`ArchiveMessageError`].
    pub fn decode(code: u64, payload: &[u8]) -> Result<Self, ArchiveMessageError> {
        let mut list = match code {
            0..6 => Item::parse(payload)?.items()?,
            code @ 6..LENGTH => return Ok(Self::Reserved(code)),
            code => return Err(ArchiveMessageError::Code { code }),
        };
        let list = &mut list;
        Ok(match code {
            0 => Self::Status(ArchiveStatus::read(list)?),
            1 => Self::Query(Box::new(ArchiveQuery::read(list)?)),
            2 => Self::Page(ArchivePage::read(list)?),
            3 => Self::Credit(ArchiveCredit { id: list.uint()?, bytes: list.uint()? }),
            4 => Self::Cancel(ArchiveCancel { id: list.uint()? }),
            _ => Self::Refusal(ArchiveRefusal::read(list)?),
        })
    }

    /// The code and the payload.
    #[must_use]
    pub fn encode(&self) -> (u64, Bytes) {
        match self {
            Self::Status(status) => (0, status.encode()),
            Self::Query(query) => (1, query.encode()),
            Self::Page(page) => (2, page.encode()),
            Self::Credit(credit) => (3, list(&[&credit.id, &credit.bytes])),
            Self::Cancel(cancel) => (4, list(&[&cancel.id])),
            Self::Refusal(refusal) => (5, refusal.encode()),
            Self::Reserved(code) => (*code, list(&[])),
        }
    }
}

/// A list of these items.
fn list(items: &[&dyn Encodable]) -> Bytes {
    let mut out = Vec::with_capacity(rlp::list_length(items));
    rlp::encode_list(&mut out, items);
    out.into()
}

#[cfg(test)]
mod tests;
