//! The content of the records: RLP lists.

mod cursor;
mod filter;
mod key;
mod message;

use rlp_codec::{Item, List};
use whisper_protocol::identity::PublicKey;

pub(crate) use cursor::{CursorRecord, read_cursor};
pub(crate) use filter::{FilterRecord, read_filter};
pub(crate) use key::{KeyRecord, read_key};
pub(crate) use message::{MessageRecord, read_message};

use crate::error::RecordError;

/// Something that is written as a record.
pub(crate) trait Record {
    /// Calls `write` with the items of the list.
    fn with_items<T>(&self, write: impl FnOnce(&[&dyn rlp_codec::Encodable]) -> T) -> T;

    /// Number of bytes.
    fn length(&self) -> usize {
        self.with_items(rlp_codec::list_length)
    }

    /// Appends the record.
    fn encode(&self, out: &mut Vec<u8>) {
        self.with_items(|items| rlp_codec::encode_list(out, items));
    }
}

/// Reads the list that is a whole record.
fn read_list<'a, T>(
    record: &'a [u8],
    read: impl FnOnce(&mut List<'a>) -> Result<T, RecordError>,
) -> Result<T, RecordError> {
    Item::parse(record)?.list(read)
}

/// A public key, or nothing if it is empty.
fn public_key(bytes: &[u8]) -> Result<Option<PublicKey>, RecordError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let bytes = bytes.try_into().map_err(|_| RecordError::Key)?;
    PublicKey::from_uncompressed(bytes).map(Some).map_err(|_| RecordError::Key)
}

/// The bytes of a public key; none if there is none.
fn public_bytes(key: Option<&PublicKey>) -> Vec<u8> {
    key.map(|key| key.to_uncompressed().to_vec()).unwrap_or_default()
}

/// The number that a record of the number of the last fetched message contains.
pub(crate) fn read_number(record: &[u8]) -> Result<u64, RecordError> {
    read_list(record, |list| Ok(list.uint()?))
}

/// A number as a record.
pub(crate) struct NumberRecord(pub(crate) u64);

impl Record for NumberRecord {
    fn with_items<T>(&self, write: impl FnOnce(&[&dyn rlp_codec::Encodable]) -> T) -> T {
        write(&[&self.0])
    }
}

#[cfg(test)]
mod tests;
