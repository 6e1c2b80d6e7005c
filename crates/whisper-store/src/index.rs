//! In which rows the keys and the filters are, and the changes of the tables.

use std::{fmt, sync::Arc};

use node_store::redb::{self, Table, WriteTransaction};
use p2p_world::HashMap;
use whisper_protocol::{FilterId, KeyId, StateChange};

use crate::{
    data_key::DataKey,
    record::{CursorRecord, FilterRecord, KeyRecord, MessageRecord, NumberRecord, Record},
    tables::{CURSORS, FETCHED, FILTERS, KEYS, MESSAGES, place},
};

/// In which row something is, and whose it is.
#[derive(Debug, Clone)]
struct Row {
    number: u64,
    application: Arc<str>,
}

/// In which rows the keys and the filters are.
#[derive(Default)]
pub(crate) struct Index {
    keys: HashMap<KeyId, Row>,
    filters: HashMap<FilterId, Row>,
    /// The rows of the places in histories, by application and name.
    cursors: HashMap<(Arc<str>, Arc<str>), u64>,
    /// The next row. Rows are not used again as long as the store is open.
    next: u64,
}

impl Index {
    /// A key was found in a row.
    pub(crate) fn add_key(&mut self, id: KeyId, number: u64, application: Arc<str>) {
        self.next = self.next.max(number.saturating_add(1));
        self.keys.insert(id, Row { number, application });
    }

    /// A filter was found in a row.
    pub(crate) fn add_filter(&mut self, id: FilterId, number: u64, application: Arc<str>) {
        self.next = self.next.max(number.saturating_add(1));
        self.filters.insert(id, Row { number, application });
    }

    /// A place in a history was found in a row.
    pub(crate) fn add_cursor(&mut self, application: Arc<str>, name: Arc<str>, number: u64) {
        self.next = self.next.max(number.saturating_add(1));
        self.cursors.insert((application, name), number);
    }

    /// The row of something that has `known` already, or the next one.
    fn row(&mut self, known: Option<&Row>, application: &Arc<str>) -> Row {
        let number = known.map_or(self.next, |row| row.number);
        self.next = self.next.max(number + 1);
        Row { number, application: Arc::clone(application) }
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("keys", &self.keys.len())
            .field("filters", &self.filters.len())
            .field("cursors", &self.cursors.len())
            .finish_non_exhaustive()
    }
}

/// Makes changes in a transaction. The index follows; if the transaction fails, it is of no use any more.
pub(crate) struct Writer<'a> {
    index: &'a mut Index,
    key: &'a DataKey,
    keys: Table<'a, u64, &'static [u8]>,
    filters: Table<'a, u64, &'static [u8]>,
    messages: Table<'a, (u64, u64), &'static [u8]>,
    fetched: Table<'a, u64, &'static [u8]>,
    cursors: Table<'a, u64, &'static [u8]>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(
        index: &'a mut Index,
        key: &'a DataKey,
        transaction: &'a WriteTransaction,
    ) -> Result<Self, redb::Error> {
        Ok(Self {
            index,
            key,
            keys: transaction.open_table(KEYS)?,
            filters: transaction.open_table(FILTERS)?,
            messages: transaction.open_table(MESSAGES)?,
            fetched: transaction.open_table(FETCHED)?,
            cursors: transaction.open_table(CURSORS)?,
        })
    }

    /// Makes a change.
    pub(crate) fn apply(&mut self, change: &StateChange) -> Result<(), redb::Error> {
        match change {
            StateChange::PutKey { application, id, key } => {
                let known = self.index.keys.get(id).cloned();
                let row = self.index.row(known.as_ref(), application);
                let record = KeyRecord { application, id: *id, key };
                let sealed = seal(self.key, "keys", row.number, 0, &record);
                self.keys.insert(row.number, &*sealed)?;
                self.index.keys.insert(*id, row);
            }
            StateChange::DeleteKey(id) => self.delete_key(*id)?,
            StateChange::PutFilter(filter) => {
                let known = self.index.filters.get(&filter.id).cloned();
                if let Some(known) = &known {
                    self.empty(known.number)?;
                }
                let row = self.index.row(known.as_ref(), &filter.application);
                let sealed = seal(self.key, "filters", row.number, 0, &FilterRecord(filter));
                self.filters.insert(row.number, &*sealed)?;
                self.index.filters.insert(filter.id, row);
            }
            StateChange::DeleteFilter(id) => self.delete_filter(*id)?,
            StateChange::PutMessage { filter, message } => {
                let Some(row) = self.index.filters.get(filter) else { return Ok(()) };
                let place = (row.number, message.number);
                let sealed = seal(self.key, "messages", place.0, place.1, &MessageRecord(message));
                self.messages.insert(place, &*sealed)?;
            }
            StateChange::DeleteMessage { filter, number } => {
                let Some(row) = self.index.filters.get(filter) else { return Ok(()) };
                self.messages.remove((row.number, *number))?;
            }
            StateChange::SetFetched { filter, number } => {
                let Some(row) = self.index.filters.get(filter) else { return Ok(()) };
                let sealed = seal(self.key, "fetched", row.number, 0, &NumberRecord(*number));
                self.fetched.insert(row.number, &*sealed)?;
            }
            StateChange::PutCursor { application, name, cursor } => {
                let key = (Arc::clone(application), Arc::clone(name));
                let row = self.index.cursors.get(&key).copied().unwrap_or(self.index.next);
                let record = CursorRecord { application, name, cursor };
                let sealed = seal(self.key, "cursors", row, 0, &record);
                self.cursors.insert(row, &*sealed)?;
                self.index.add_cursor(key.0, key.1, row);
            }
            StateChange::DeleteCursor { application, name } => {
                let key = (Arc::clone(application), Arc::clone(name));
                if let Some(row) = self.index.cursors.remove(&key) {
                    self.cursors.remove(row)?;
                }
            }
            StateChange::DeleteApplication(name) => self.delete_application(name)?,
        }
        Ok(())
    }

    fn delete_application(&mut self, name: &Arc<str>) -> Result<(), redb::Error> {
        for id in of(&self.index.keys, name) {
            self.delete_key(id)?;
        }
        for id in of(&self.index.filters, name) {
            self.delete_filter(id)?;
        }
        for (_, row) in self.index.cursors.extract_if(|(of, _), _| of == name) {
            self.cursors.remove(row)?;
        }
        Ok(())
    }

    fn delete_key(&mut self, id: KeyId) -> Result<(), redb::Error> {
        if let Some(row) = self.index.keys.remove(&id) {
            self.keys.remove(row.number)?;
        }
        Ok(())
    }

    fn delete_filter(&mut self, id: FilterId) -> Result<(), redb::Error> {
        if let Some(row) = self.index.filters.remove(&id) {
            self.empty(row.number)?;
            self.filters.remove(row.number)?;
        }
        Ok(())
    }

    /// Empties the mailbox of the filter in a row.
    fn empty(&mut self, row: u64) -> Result<(), redb::Error> {
        self.messages.retain_in((row, 0)..=(row, u64::MAX), |_, _| false)?;
        self.fetched.remove(row)?;
        Ok(())
    }
}

/// The ids of what belongs to an application.
fn of<K: Copy>(rows: &HashMap<K, Row>, application: &str) -> Vec<K> {
    let own = rows.iter().filter(|(_, row)| *row.application == *application);
    own.map(|(id, _)| *id).collect()
}

/// An encrypted record.
fn seal(key: &DataKey, table: &str, row: u64, number: u64, record: &impl Record) -> Vec<u8> {
    key.seal(&place(table, row, number), record.length(), |out| record.encode(out))
}
