//! The messages of `trace/1`, with which nodes ask each other what happened to an envelope.
//!
//! The specification is `TRACE.md` in this crate. Decoding any bytes gives a message or a typed error, and uses no more memory
//! than a small multiple of the input. Further elements of a list are ignored: a later version of the protocol may have added
//! them. Bytes after the list are refused.
//!
//! | code | message |
//! |---|---|
//! | 0 | [`TraceStatus`], the first message of both ends |
//! | 1 | [`TraceQuestion`] |
//! | 2 | [`TraceAnswer`] |
//! | 3–7 | reserved; ignored |

mod error;
mod record;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use p2p_mux::rlp::{self, Encodable, Item, List, Raw};

pub use error::TraceMessageError;
pub use record::{
    PeerFate, PeerPrefix, TraceArrival, TraceDrop, TraceRecord, TraceState, TracedPeer,
};

/// The name of the capability.
pub const NAME: &str = "trace";

/// The version of the capability.
pub const VERSION: u64 = 1;

/// Number of message codes, with those that are reserved.
pub const LENGTH: u64 = 8;

/// Maximum number of records of an answer.
pub const MAX_RECORDS: usize = 1024;

/// Maximum size of an answer, in bytes.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Maximum number of nodes between the one that asks first and the one that answers, and of steps from each to the next.
pub const MAX_HOPS: u8 = 32;

/// Identifies a question and everything that is asked because of it: random bytes, chosen by the node that asks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuestionId(pub [u8; 16]);

/// A message of `trace/1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceMessage {
    /// Code 0: the network of this end.
    Status(TraceStatus),
    /// Code 1: asks what happened to an envelope.
    Question(TraceQuestion),
    /// Code 2: the answer.
    Answer(TraceAnswer),
    /// A code that a later version may use.
    Reserved(u64),
}

/// Code 0: the network of this end, `[network]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceStatus {
    /// The number of the network.
    pub network: u64,
}

/// Code 1: asks what happened to an envelope, `[id, hash, hops, time, limit]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceQuestion {
    /// The question. A node answers it once.
    pub id: QuestionId,
    /// The hash of the envelope.
    pub hash: [u8; 32],
    /// How many steps further it may go.
    pub hops: u8,
    /// In how many milliseconds the answer is wanted.
    pub time: u32,
    /// Maximum number of records of the answer.
    pub limit: u32,
}

/// Code 2: the answer, `[id, [record ..], flags]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceAnswer {
    /// The question.
    pub id: QuestionId,
    /// What the node knows, and what it was told; none if it answers the question elsewhere, or does not answer it.
    pub records: Vec<TraceRecord>,
    /// Whether something may be missing: a limit was reached, or a node did not answer.
    pub is_cut: bool,
}

/// The flag of an answer in which something may be missing.
const CUT: u64 = 1;

impl TraceMessage {
    /// Reads a message. It keeps no reference to the payload.
    ///
    /// # Errors
    ///
    /// [`TraceMessageError`].
    pub fn decode(code: u64, payload: &[u8]) -> Result<Self, TraceMessageError> {
        if payload.len() > MAX_ANSWER_BYTES {
            return Err(TraceMessageError::Size { bytes: payload.len() });
        }
        let mut list = match code {
            0..3 => Item::parse(payload)?.items()?,
            code @ 3..LENGTH => return Ok(Self::Reserved(code)),
            code => return Err(TraceMessageError::Code { code }),
        };
        let list = &mut list;
        Ok(match code {
            0 => Self::Status(TraceStatus { network: list.uint()? }),
            1 => Self::Question(TraceQuestion {
                id: QuestionId(list.array()?),
                hash: list.array()?,
                hops: list.uint()?,
                time: list.uint()?,
                limit: list.uint()?,
            }),
            _ => Self::Answer(TraceAnswer::read(list)?),
        })
    }

    /// The code and the payload.
    #[must_use]
    pub fn encode(&self) -> (u64, Bytes) {
        match self {
            Self::Status(status) => (0, list(&[&status.network])),
            Self::Question(TraceQuestion { id, hash, hops, time, limit }) => {
                (1, list(&[&id.0, hash, hops, time, limit]))
            }
            Self::Answer(answer) => (2, answer.encode()),
            Self::Reserved(code) => (*code, list(&[])),
        }
    }
}

impl TraceAnswer {
    fn read(list: &mut List<'_>) -> Result<Self, TraceMessageError> {
        let id = QuestionId(list.array()?);
        let records = list.list(|list| list.each(TraceRecord::read))?;
        if records.len() > MAX_RECORDS {
            return Err(TraceMessageError::Records { count: records.len() });
        }
        let is_cut = list.uint::<u64>()? & CUT != 0;
        Ok(Self { id, records, is_cut })
    }

    fn encode(&self) -> Bytes {
        let records = list_of(self.records.iter().map(TraceRecord::encode));
        list(&[&self.id.0, &Raw(&records), &if self.is_cut { CUT } else { 0 }])
    }
}

/// A list of these items.
fn list(items: &[&dyn Encodable]) -> Bytes {
    let mut out = Vec::with_capacity(rlp::list_length(items));
    rlp::encode_list(&mut out, items);
    out.into()
}

/// A list of items that are encoded already.
fn list_of(items: impl Iterator<Item = Bytes>) -> Bytes {
    let items: Vec<_> = items.collect();
    let raw: Vec<_> = items.iter().map(|item| Raw(item)).collect();
    let raw: Vec<&dyn Encodable> = raw.iter().map(|item| item as &dyn Encodable).collect();
    list(&raw)
}
