//! The properties of an envelope by which it is found, as numbers.

use whisper_protocol::{Dialect, Envelope, Topic};

/// The time of sending. It is 0 for an envelope that lives longer than the clock counts.
pub(crate) fn sent(envelope: &Envelope) -> u32 {
    envelope.expiry().saturating_sub(envelope.ttl())
}

pub(crate) fn topic_key(topic: Topic) -> u32 {
    u32::from_be_bytes(topic.0)
}

pub(crate) fn topic_of(key: u32) -> Topic {
    Topic(key.to_be_bytes())
}

pub(crate) fn dialect_byte(dialect: Dialect) -> u8 {
    match dialect {
        Dialect::V5 => 5,
        Dialect::V6 => 6,
    }
}
