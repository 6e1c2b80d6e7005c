//! Entry points for the fuzz targets.

use p2p_world::HashMap;
use whisper_protocol::StoredMessage;

use crate::{
    record::{
        FilterRecord, KeyRecord, MessageRecord, Record, read_filter, read_key, read_message,
        read_number,
    },
    wrapped_key::WrappedKey,
};

/// Reads the content of a record of each kind. What is read is written and read again, and must be the same.
///
/// # Panics
///
/// If it is not.
pub fn read_records(bytes: &[u8]) {
    if let Ok((application, id, key)) = read_key(bytes) {
        let written = encode(&KeyRecord { application, id, key: &key });
        assert_eq!(written, bytes, "a key has one form");
    }
    if let Ok(filter) = read_filter(bytes, &HashMap::default()) {
        assert_eq!(encode(&FilterRecord(&filter)), bytes, "a filter has one form");
    }
    if let Ok(message) = read_message(7, bytes) {
        let StoredMessage { number, .. } = message;
        assert_eq!((encode(&MessageRecord(&message)), number), (bytes.to_vec(), 7));
    }
    if let Ok(wrapped) = WrappedKey::decode(bytes) {
        assert_eq!(wrapped.encode(), bytes, "an encrypted key has one form");
    }
    let _ = read_number(bytes);
}

fn encode(record: &impl Record) -> Vec<u8> {
    let mut out = Vec::new();
    record.encode(&mut out);
    assert_eq!(out.len(), record.length());
    out
}
