//! `archive/1` and cursors: what is decoded, encoded again, decodes to the same value.

use whisper_protocol::{HistoryCursor, archive_1::ArchiveMessage};

/// The input is a message code and a payload.
pub fn archive_message(data: &[u8]) {
    let Some((&code, payload)) = data.split_first() else { return };
    let Ok(message) = ArchiveMessage::decode(u64::from(code % 17), payload) else { return };
    let (code, written) = message.encode();
    assert_eq!(ArchiveMessage::decode(code, &written), Ok(message), "written as {written:02x?}");
}

/// The input is a cursor.
pub fn history_cursor(data: &[u8]) {
    let Ok(cursor) = HistoryCursor::from_bytes(data) else { return };
    let written = cursor.to_bytes();
    assert_eq!(written, data, "there is one encoding of a cursor");
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
}

/// The content of a record of the store of keys, filters and messages, of any kind: what is read has one form.
pub fn state_record(data: &[u8]) {
    whisper_store::fuzzing::read_records(data);
}
