//! An envelope in the log: its dialect in one byte, then its RLP.

use bytes::Bytes;
use node_store::redb;
use whisper_protocol::{Dialect, Envelope};

use crate::keys::{dialect_byte, sent, topic_key};

/// What the indices have of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) hash: u64,
    pub(super) topic: u32,
    pub(super) sent: u32,
    pub(super) dialect: u8,
}

impl Keys {
    pub(super) fn of(envelope: &Envelope) -> Self {
        Self {
            hash: hash_key(envelope.hash()),
            topic: topic_key(envelope.topic()),
            sent: sent(envelope),
            dialect: dialect_byte(envelope.dialect()),
        }
    }
}

pub(super) fn hash_key(hash: &[u8; 32]) -> u64 {
    u64::from_be_bytes(std::array::from_fn(|index| hash[index]))
}

pub(super) fn encode(envelope: &Envelope, out: &mut Vec<u8>) {
    out.clear();
    out.push(dialect_byte(envelope.dialect()));
    out.extend_from_slice(envelope.raw());
}

/// Bytes of the envelope in a row.
pub(super) fn size(row: &[u8]) -> u64 {
    row.len().saturating_sub(1) as u64
}

/// # Errors
///
/// A row that cannot be decoded is damage: it is not left out.
pub(super) fn decode(arrival: u64, row: &[u8]) -> Result<Envelope, redb::Error> {
    let damaged = |what: &str| redb::Error::Corrupted(format!("envelope {arrival}: {what}"));
    let dialect = match row.first() {
        Some(5) => Dialect::V5,
        Some(6) => Dialect::V6,
        _ => return Err(damaged("no such dialect")),
    };
    let raw = Bytes::copy_from_slice(&row[1..]);
    Envelope::decode(dialect, raw).map_err(|error| damaged(&error.to_string()))
}
