//! Entry points for the fuzz targets.

use whisper_protocol::StoredMessage;

use crate::{
    record::{
        CursorRecord, FilterRecord, KeyRecord, MessageRecord, Record, read_cursor, read_filter,
        read_key, read_message, read_number,
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
        // A private key of version 1 is written with its public key.
        let written = encode(&KeyRecord { application, id, key: &key });
        let (application, id, key) = read_key(&written).expect("what was written is read");
        let again = encode(&KeyRecord { application, id, key: &key });
        assert_eq!(again, written, "a key has one form");
    }
    if let Ok(filter) = read_filter(bytes) {
        let written = encode(&FilterRecord(&filter));
        let read = read_filter(&written).expect("what was written is read");
        assert_eq!(encode(&FilterRecord(&read)), written, "a filter has one form");
    }
    if let Ok((application, name, cursor)) = read_cursor(bytes) {
        let written = encode(&CursorRecord { application, name, cursor });
        assert_eq!(written, bytes, "a place in a history has one form");
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
