//! What is kept of an envelope beside its RLP.

use bytes::Bytes;
use node_store::redb;
use whisper_protocol::{Dialect, Envelope};

use crate::keys::{dialect_byte, sent, topic_key};

/// What an envelope is found by.
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

/// # Errors
///
/// An envelope that cannot be decoded is damage: it is not left out.
pub(super) fn decode(arrival: u64, dialect: u8, raw: &[u8]) -> Result<Envelope, redb::Error> {
    let damaged = |what: &str| redb::Error::Corrupted(format!("envelope {arrival}: {what}"));
    let dialect = match dialect {
        5 => Dialect::V5,
        6 => Dialect::V6,
        _ => return Err(damaged("no such dialect")),
    };
    let envelope = Envelope::decode(dialect, Bytes::copy_from_slice(raw));
    envelope.map_err(|error| damaged(&error.to_string()))
}
