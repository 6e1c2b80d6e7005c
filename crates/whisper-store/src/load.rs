//! Reads everything that a file has.

use std::{path::Path, sync::Arc};

use node_store::{
    Store, StoreError,
    redb::{self, ReadTransaction, ReadableTable as _, ReadableTableMetadata as _},
};
use p2p_world::HashMap;
use whisper_protocol::{ApplicationState, FilterState, KeyId, StoredKey, StoredMessage};

use crate::{
    data_key::{DataKey, NotAuthentic},
    error::{OpenError, RecordError},
    index::Index,
    record::{read_cursor, read_filter, read_key, read_message, read_number},
    tables::{CURSORS, FETCHED, FILTERS, KEYS, MESSAGES, Sealed, place},
};

/// For how long after its expiry a message is recognized when it comes again, in seconds. Clocks differ.
const MAX_CLOCK_DIFFERENCE: u64 = 3600;

/// What a file has.
pub(crate) struct Loaded {
    pub(crate) applications: Vec<ApplicationState>,
    pub(crate) index: Index,
    /// Rows of messages that are of no use any more.
    pub(crate) expired: Vec<(u64, u64)>,
}

/// Reads everything. `now`: the time in seconds since 1970.
pub(crate) fn load(store: &Store, key: &DataKey, now: u64) -> Result<Loaded, OpenError> {
    let read = store.read(|transaction| {
        let mut loader = Loader::new(key, now);
        Ok(loader.read(transaction)?.map(|()| loader.finish()))
    })?;
    read.map_err(|fault| fault.of(store.path()))
}

/// A record that cannot be read.
struct Fault {
    table: &'static str,
    error: RecordError,
}

impl Fault {
    fn of(self, path: &Path) -> OpenError {
        OpenError::Damaged { path: path.to_owned(), table: self.table, source: self.error }
    }
}

/// The outer error is one of the database, the inner one that of a record.
type Read<T> = Result<Result<T, Fault>, redb::Error>;

struct Loader<'a> {
    key: &'a DataKey,
    now: u64,
    index: Index,
    expired: Vec<(u64, u64)>,
    keys: Vec<(Arc<str>, KeyId, StoredKey)>,
    filters: Vec<FilterState>,
    cursors: Vec<(Arc<str>, Arc<str>, Vec<u8>)>,
    /// The places of the filters in the list, by row.
    by_row: HashMap<u64, usize>,
    names: HashMap<String, Arc<str>>,
}

impl<'a> Loader<'a> {
    fn new(key: &'a DataKey, now: u64) -> Self {
        Self {
            key,
            now,
            index: Index::default(),
            expired: Vec::new(),
            keys: Vec::new(),
            filters: Vec::new(),
            cursors: Vec::new(),
            by_row: HashMap::default(),
            names: HashMap::default(),
        }
    }

    fn read(&mut self, transaction: &ReadTransaction) -> Read<()> {
        let key = self.key;
        let keys =
            each(transaction, KEYS, |row| (row, 0), key, |row, record| self.key(row, record))?;
        if keys.is_err() {
            return Ok(keys);
        }
        let filters = each(
            transaction,
            FILTERS,
            |row| (row, 0),
            key,
            |row, record| self.filter(row, record),
        )?;
        if filters.is_err() {
            return Ok(filters);
        }
        let messages =
            each(transaction, MESSAGES, |row| row, key, |row, record| self.message(row, record))?;
        if messages.is_err() {
            return Ok(messages);
        }
        let cursors = each(
            transaction,
            CURSORS,
            |row| (row, 0),
            key,
            |row, record| self.cursor(row, record),
        )?;
        if cursors.is_err() {
            return Ok(cursors);
        }
        each(
            transaction,
            FETCHED,
            |row| (row, 0),
            key,
            |(row, _), record| {
                self.filter_of(row)?.fetched = read_number(record)?;
                Ok(())
            },
        )
    }

    fn key(&mut self, (row, _): (u64, u64), record: &[u8]) -> Result<(), RecordError> {
        let (name, id, key) = read_key(record)?;
        let application = self.name(name);
        self.index.add_key(id, row, Arc::clone(&application));
        self.keys.push((application, id, key));
        Ok(())
    }

    fn filter(&mut self, (row, _): (u64, u64), record: &[u8]) -> Result<(), RecordError> {
        let mut filter = read_filter(record)?;
        filter.application = self.name(&filter.application);
        self.index.add_filter(filter.id, row, Arc::clone(&filter.application));
        self.by_row.insert(row, self.filters.len());
        self.filters.push(FilterState { filter, fetched: 0, messages: Vec::new() });
        Ok(())
    }

    fn cursor(&mut self, (row, _): (u64, u64), record: &[u8]) -> Result<(), RecordError> {
        let (application, name, cursor) = read_cursor(record)?;
        let (application, name) = (self.name(application), Arc::<str>::from(name));
        self.index.add_cursor(Arc::clone(&application), Arc::clone(&name), row);
        self.cursors.push((application, name, cursor.to_vec()));
        Ok(())
    }

    fn message(&mut self, (row, number): (u64, u64), record: &[u8]) -> Result<(), RecordError> {
        let message = read_message(number, record)?;
        if is_expired(&message, self.now) {
            self.expired.push((row, number));
        } else {
            self.filter_of(row)?.messages.push(message);
        }
        Ok(())
    }

    fn filter_of(&mut self, row: u64) -> Result<&mut FilterState, RecordError> {
        let index = self.by_row.get(&row).ok_or(RecordError::NoFilter)?;
        self.filters.get_mut(*index).ok_or(RecordError::NoFilter)
    }

    /// The name of an application. Equal names share their memory.
    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(name);
        self.names.insert(name.to_owned(), Arc::clone(&new));
        new
    }

    fn finish(self) -> Loaded {
        let mut applications = HashMap::default();
        for (application, id, key) in self.keys {
            state(&mut applications, &application).keys.push((id, key));
        }
        for filter in self.filters {
            state(&mut applications, &filter.filter.application).filters.push(filter);
        }
        for (application, name, cursor) in self.cursors {
            state(&mut applications, &application).cursors.push((name, cursor));
        }
        let applications = applications.into_values().collect();
        Loaded { applications, index: self.index, expired: self.expired }
    }
}

fn state<'a>(
    applications: &'a mut HashMap<Arc<str>, ApplicationState>,
    name: &Arc<str>,
) -> &'a mut ApplicationState {
    let new = || ApplicationState::new(Arc::clone(name));
    applications.entry(Arc::clone(name)).or_insert_with(new)
}

/// Whether a message does not wait, and is rejected as expired if it comes again.
fn is_expired(message: &StoredMessage, now: u64) -> bool {
    message.message.is_none() && u64::from(message.expiry) + MAX_CLOCK_DIFFERENCE < now
}

/// Decrypts every record of a table, and reads it.
fn each<K: redb::Key + 'static>(
    transaction: &ReadTransaction,
    table: Sealed<K>,
    row_of: impl Fn(K::SelfType<'_>) -> (u64, u64),
    key: &DataKey,
    mut read: impl FnMut((u64, u64), &[u8]) -> Result<(), RecordError>,
) -> Read<()> {
    let name = redb::TableHandle::name(&table).to_owned();
    let rows = transaction.open_table(table)?;
    let mut missing = rows.len()?;
    for entry in rows.iter()? {
        missing = missing.saturating_sub(1);
        let (row, record) = entry?;
        let (row, number) = row_of(row.value());
        let opened = key.open(&place(&name, row, number), record.value());
        let read = opened
            .map_err(|NotAuthentic| RecordError::NotAuthentic)
            .and_then(|content| read((row, number), &content));
        if let Err(error) = read {
            return Ok(Err(Fault { table: table_name(&name), error }));
        }
    }
    // A damaged page can hide records.
    if missing > 0 {
        let error = RecordError::Missing { count: missing };
        return Ok(Err(Fault { table: table_name(&name), error }));
    }
    Ok(Ok(()))
}

/// The name as errors show it.
fn table_name(name: &str) -> &'static str {
    ["keys", "filters", "messages", "cursors"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or("fetched")
}

/// Removes rows of messages.
pub(crate) fn remove_messages(store: &Store, rows: &[(u64, u64)]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    store.write(|transaction| {
        let mut messages = transaction.open_table(MESSAGES)?;
        for row in rows {
            messages.remove(row)?;
        }
        Ok(())
    })
}
