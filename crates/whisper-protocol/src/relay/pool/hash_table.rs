//! The pool's entries by one of their keys.

use std::sync::Arc;

use hashbrown::HashTable;

use super::PoolEntry;

/// Number of parts. The table of a million envelopes then grows in steps of 4000.
const PARTS: usize = 256;

/// A part that is not fuller than one in this many gives memory back.
const SPARSE: usize = 8;

/// Smallest part that gives memory back.
const MIN_CAPACITY: usize = 16;

/// The pool's entries, by each of their keys.
#[derive(Debug)]
pub(super) struct EntryTables {
    pub(super) by_content: EntryTable,
    pub(super) by_hash: EntryTable,
}

impl Default for EntryTables {
    fn default() -> Self {
        Self {
            by_content: EntryTable::new(|entry| entry.keys().content),
            by_hash: EntryTable::new(|entry| entry.keys().hash),
        }
    }
}

impl EntryTables {
    /// Adds an entry that is not in the tables.
    pub(super) fn insert(&mut self, entry: &Arc<PoolEntry>) {
        self.by_content.insert(Arc::clone(entry));
        self.by_hash.insert(Arc::clone(entry));
    }

    pub(super) fn remove(&mut self, entry: &Arc<PoolEntry>) {
        self.by_content.remove(entry);
        self.by_hash.remove(entry);
    }
}

/// The pool's entries by one of their keys, in many small tables: one table of a million entries would stop the relay for
/// as long as it takes to move them to a larger one.
#[derive(Debug)]
pub(super) struct EntryTable {
    parts: Box<[HashTable<Arc<PoolEntry>>]>,
    key: fn(&PoolEntry) -> u32,
    len: usize,
}

impl EntryTable {
    /// An empty table. `key`: the key of an entry.
    fn new(key: fn(&PoolEntry) -> u32) -> Self {
        Self { parts: (0..PARTS).map(|_| HashTable::new()).collect(), key, len: 0 }
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds an entry that is not in the table.
    fn insert(&mut self, entry: Arc<PoolEntry>) {
        let key = self.key;
        let hash = spread(key(&entry));
        self.parts[part(hash)].insert_unique(hash, entry, |entry| spread(key(entry)));
        self.len += 1;
    }

    /// The entry with this key for which `is_it` returns true.
    pub(super) fn find(
        &self,
        key: u32,
        is_it: impl Fn(&PoolEntry) -> bool,
    ) -> Option<&Arc<PoolEntry>> {
        let hash = spread(key);
        self.parts[part(hash)].find(hash, |entry| (self.key)(entry) == key && is_it(entry))
    }

    fn remove(&mut self, entry: &Arc<PoolEntry>) {
        let key = self.key;
        let hash = spread(key(entry));
        let table = &mut self.parts[part(hash)];
        let Ok(found) = table.find_entry(hash, |other| Arc::ptr_eq(entry, other)) else { return };
        found.remove();
        self.len -= 1;
        if table.capacity() > MIN_CAPACITY && table.len() * SPARSE < table.capacity() {
            table.shrink_to(2 * table.len(), |entry| spread(key(entry)));
        }
    }
}

/// The 64 bits that a table needs. The key is half of a hash; the high bits are computed from it.
fn spread(key: u32) -> u64 {
    u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The part for a hash. Its bits are not those that the part itself uses, the lowest and the highest.
fn part(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}
