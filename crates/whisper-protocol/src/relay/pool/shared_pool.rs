//! The pool of a relay, which many sessions use at once.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use whisper_envelope::Unhashed;

use super::{Pool, PoolEntry, TableKeys, recent_keys::RecentKeys};
use crate::lock::{lock, try_lock};

/// A pool with a lock, and what is read without it.
#[derive(Debug)]
pub(crate) struct SharedPool {
    pool: Mutex<Pool>,
    table_keys: TableKeys,
    recent: RecentKeys,
    /// The pool's [`LiveBlocks::ended`](super::live_blocks::LiveBlocks::ended).
    ended_blocks: AtomicU64,
}

impl SharedPool {
    /// An empty pool that never holds more than `budget` bytes.
    pub(crate) fn new(budget: usize, table_keys: TableKeys) -> Self {
        Self {
            pool: Mutex::new(Pool::new(budget, table_keys.clone())),
            table_keys,
            recent: RecentKeys::default(),
            ended_blocks: AtomicU64::new(0),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Pool> {
        lock(&self.pool)
    }

    /// The keys of the pool's tables.
    pub(crate) fn table_keys(&self) -> &TableKeys {
        &self.table_keys
    }

    /// [`LiveBlocks::ended`](super::live_blocks::LiveBlocks::ended) when the pool was last released.
    pub(crate) fn ended_blocks(&self) -> u64 {
        self.ended_blocks.load(Relaxed)
    }

    /// Removes envelopes from this list that are in the pool, and returns their numbers.
    ///
    /// If others use the pool and none of the envelopes came lately, the pool is not waited for: all stay, and those that
    /// are in the pool are found when they are admitted.
    pub(crate) fn remove_known(&self, envelopes: &mut Vec<Unhashed>) -> Vec<u64> {
        let key = |envelope: &Unhashed| self.table_keys.of_content(envelope.raw());
        let keys: Vec<u32> = envelopes.iter().map(key).collect();
        let is_recent = keys.iter().any(|key| self.recent.contains(*key));
        let pool = if is_recent { Some(self.lock()) } else { try_lock(&self.pool) };
        pool.map(|pool| pool.remove_known(envelopes, keys)).unwrap_or_default()
    }

    /// An envelope has entered the pool.
    pub(crate) fn handle_new(&self, entry: &PoolEntry) {
        self.recent.insert(entry.keys().content);
    }

    /// Releases the pool. Returns what has left it, to be dropped without a lock: freeing memory takes time.
    pub(crate) fn release(&self, mut pool: MutexGuard<'_, Pool>) -> Vec<Arc<PoolEntry>> {
        self.ended_blocks.store(pool.live_blocks().ended(), Relaxed);
        pool.take_removed()
    }
}
