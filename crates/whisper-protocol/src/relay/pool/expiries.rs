//! The pool's entries by the second of their expiry.

use std::{collections::BTreeMap, sync::Arc};

use p2p_world::planted::{self, Bug};

use super::PoolEntry;

/// A list that is not fuller than one in this many gives memory back.
const SPARSE: usize = 4;

/// Smallest list that gives memory back.
const MIN_CAPACITY: usize = 64;

/// The pool's entries by the second of their expiry, in no order within a second.
#[derive(Debug, Default)]
pub(super) struct Expiries {
    seconds: BTreeMap<u32, Vec<Arc<PoolEntry>>>,
}

impl Expiries {
    pub(super) fn insert(&mut self, entry: Arc<PoolEntry>) {
        let list = self.seconds.entry(entry.expiry()).or_default();
        entry.set_expiry_index(index(list.len()));
        list.push(entry);
    }

    pub(super) fn remove(&mut self, entry: &Arc<PoolEntry>) {
        let Some(list) = self.seconds.get_mut(&entry.expiry()) else { return };
        let position = entry.expiry_index();
        list.swap_remove(position as usize);
        if let Some(moved) = list.get(position as usize) {
            moved.set_expiry_index(position);
        }
        if list.is_empty() {
            self.seconds.remove(&entry.expiry());
        } else if list.capacity() > MIN_CAPACITY && list.len() * SPARSE < list.capacity() {
            list.shrink_to(2 * list.len());
        }
    }

    /// Removes an entry that expired before `now`.
    pub(super) fn pop_before(&mut self, now: u32) -> Option<Arc<PoolEntry>> {
        let mut first = self.seconds.first_entry()?;
        if last_second(*first.key()) >= now {
            return None;
        }
        let entry = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
        }
        entry
    }

    /// The earliest second in which an entry expires.
    pub(super) fn first(&self) -> Option<u32> {
        self.seconds.first_key_value().map(|(second, _)| last_second(*second))
    }
}

/// The last second of an envelope in the pool.
fn last_second(expiry: u32) -> u32 {
    expiry.saturating_add(planted::is(Bug::LateExpiry).into())
}

/// Positions are below 2^32: an envelope takes over a hundred bytes.
fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
