//! The record of a place in a history: `[application, name, cursor]`.

use rlp_codec::Encodable;

use super::{Record, read_list};
use crate::error::RecordError;

/// The record of a place in a history.
pub(crate) struct CursorRecord<'a> {
    pub(crate) application: &'a str,
    pub(crate) name: &'a str,
    pub(crate) cursor: &'a [u8],
}

impl Record for CursorRecord<'_> {
    fn with_items<T>(&self, write: impl FnOnce(&[&dyn Encodable]) -> T) -> T {
        write(&[&self.application, &self.name, &self.cursor])
    }
}

/// The name of the application, that of the place, and the place.
pub(crate) fn read_cursor(record: &[u8]) -> Result<(&str, &str, &[u8]), RecordError> {
    read_list(record, |list| Ok((list.str()?, list.str()?, list.bytes()?)))
}
