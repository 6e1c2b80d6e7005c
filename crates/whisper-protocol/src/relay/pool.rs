//! The pool of live envelopes: limited in bytes, ordered by work, and emptied at expiry without a scan.
//!
//! Envelopes are numbered in the order of admission, so that each peer's set of known envelopes stores numbers instead
//! of hashes. The pool checks nothing except its budget: admission decides before what may enter.
//!
//! Nothing takes long, however many envelopes there are: the table by hash grows in small steps, and expired envelopes
//! are removed a few at a time.
//!
//! An envelope costs 170 to 210 bytes besides its own: 96 for its [`PoolEntry`], 36 to 48 in the order by work, 10 in
//! the order by expiry, 10 to 20 in each of the two tables; and what the allocator rounds up.
//!
//! Most envelopes that arrive are in the pool already, because several peers send them. They are found by a keyed hash of
//! their bytes, which is cheap, and then compared: the envelope's own hash is computed for new ones only.

mod entry;
mod expiries;
mod hash_table;
pub(crate) mod history;
pub(crate) mod live_blocks;
mod recent_keys;
pub(crate) mod shared_pool;

use std::{collections::BTreeMap, hash::BuildHasher, mem::take, ops::Bound, sync::Arc};

use p2p_world::{
    HashState,
    planted::{self, Bug},
};
use whisper_envelope::{Envelope, Unhashed};

use crate::{
    relay::admission::Proven,
    relay::pool::history::{Departure, LostEnvelope, PoolHistory},
    relay::pool::live_blocks::LiveBlocks,
};

use entry::EntryKeys;
pub(crate) use entry::{PoolEntry, Ticket};
use expiries::Expiries;
use hash_table::EntryTables;

/// Bytes that the bookkeeping of one envelope is counted with, so that a flood of tiny envelopes is limited as well.
const OVERHEAD: usize = 216;

/// Number of expired envelopes that are removed for each new one, if the timer has not removed them yet.
const EXPIRED_PER_ADMISSION: usize = 16;

/// Random keys, so that peers cannot force collisions in the pool's tables.
#[derive(Debug, Clone)]
pub(crate) struct TableKeys(HashState);

impl TableKeys {
    /// `keys` must be random.
    pub(crate) fn new(keys: HashState) -> Self {
        Self(keys)
    }

    /// The key of an envelope with these bytes: half of a hash.
    #[expect(clippy::cast_possible_truncation, reason = "the half that is kept")]
    pub(crate) fn of_content(&self, raw: &[u8]) -> u32 {
        self.0.hash_one(raw) as u32
    }

    /// The key of an envelope with this hash: half of another hash.
    #[expect(clippy::cast_possible_truncation, reason = "the half that is kept")]
    fn of_hash(&self, hash: &[u8; 32]) -> u32 {
        self.0.hash_one(hash) as u32
    }

    /// An envelope before its admission. Copies its bytes; no lock is needed. `from`: the index of the slot of the peer
    /// that sent it; `None` if it was made here.
    pub(crate) fn entry(
        &self,
        envelope: &Envelope,
        proven: Proven,
        from: Option<u32>,
    ) -> PoolEntry {
        let content = self.of_content(envelope.raw());
        let keys = EntryKeys { content, hash: self.of_hash(envelope.hash()) };
        PoolEntry::new(envelope, proven, keys, from)
    }
}

/// The result of [`Pool::admit`].
#[derive(Debug, Clone)]
pub(crate) enum Admitted {
    New(Arc<PoolEntry>),
    Known(Ticket),
    /// There is no room, and nothing in the pool has less work.
    Full,
}

/// The live envelopes of one dialect.
#[derive(Debug)]
pub(crate) struct Pool {
    tables: EntryTables,
    table_keys: TableKeys,
    by_work: BTreeMap<Ticket, Arc<PoolEntry>>,
    by_expiry: Expiries,
    live_blocks: LiveBlocks,
    bytes: usize,
    budget: usize,
    /// The number of the next envelope.
    next_number: u64,
    /// The second of the last arrival. It does not go back, also if the clock does.
    last_arrival: u32,
    counts: PoolCounts,
    history: PoolHistory,
    /// What left the pool, to be dropped when its lock is released.
    removed: Vec<Arc<PoolEntry>>,
}

/// How many envelopes left the pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PoolCounts {
    /// Removed at their expiry.
    pub(crate) expired: u64,
    /// Evicted for others with more work.
    pub(crate) evicted: u64,
}

impl Pool {
    /// An empty pool that never holds more than `budget` bytes, bookkeeping included.
    pub(crate) fn new(budget: usize, table_keys: TableKeys) -> Self {
        Self {
            tables: EntryTables::default(),
            table_keys,
            by_work: BTreeMap::new(),
            by_expiry: Expiries::default(),
            live_blocks: LiveBlocks::default(),
            bytes: 0,
            budget,
            next_number: 0,
            last_arrival: 0,
            counts: PoolCounts::default(),
            history: PoolHistory::default(),
            removed: Vec::new(),
        }
    }

    /// Adds an envelope, unless it is known or there is no room for one with this little work.
    pub(crate) fn admit(&mut self, now: u32, entry: PoolEntry) -> Admitted {
        if let Some(known) = self.find_same(entry.keys().content, entry.raw()) {
            return Admitted::Known(known);
        }
        self.expire(now, EXPIRED_PER_ADMISSION);
        let cost = cost(entry.raw());
        if !self.make_room(now, cost, &entry) {
            return Admitted::Full;
        }
        self.last_arrival = self.last_arrival.max(now);
        let entry = Arc::new(entry.admitted(self.last_arrival, self.next_number));
        self.next_number += 1;
        self.bytes += cost;
        self.live_blocks.insert(entry.number());
        self.by_work.insert(entry.ticket(), Arc::clone(&entry));
        self.by_expiry.insert(Arc::clone(&entry));
        self.tables.insert(&entry);
        Admitted::New(entry)
    }

    /// The ticket of the envelope with exactly these bytes. `key`: [`TableKeys::of_content`] of them.
    pub(crate) fn find_same(&self, key: u32, raw: &[u8]) -> Option<Ticket> {
        let found = self.tables.by_content.find(key, |entry| entry.raw() == raw);
        found.map(|entry| entry.ticket())
    }

    /// Removes the envelopes from this list that are in the pool, and returns their numbers. `keys`: [`TableKeys::of_content`] of
    /// each.
    pub(crate) fn remove_known(&self, envelopes: &mut Vec<Unhashed>, keys: Vec<u32>) -> Vec<u64> {
        let (mut known, mut keys) = (Vec::new(), keys.into_iter());
        envelopes.retain(|envelope| {
            let ticket = keys.next().and_then(|key| self.find_same(key, envelope.raw()));
            known.extend(ticket.map(Ticket::number));
            ticket.is_none()
        });
        known
    }

    /// The envelope with this hash. Hashes an envelope if it finds one: not for hot paths.
    pub(crate) fn find(&self, hash: &[u8; 32]) -> Option<&Arc<PoolEntry>> {
        self.tables.by_hash.find(self.table_keys.of_hash(hash), |entry| entry.hash() == *hash)
    }

    /// The envelope of a ticket, while it is in the pool.
    pub(crate) fn get(&self, ticket: Ticket) -> Option<&Arc<PoolEntry>> {
        self.by_work.get(&ticket)
    }

    /// The live envelopes up to this ticket, highest work first.
    pub(crate) fn descend(&self, from: Bound<Ticket>) -> impl Iterator<Item = &Arc<PoolEntry>> {
        self.by_work.range((Bound::Unbounded, from)).rev().map(|(_, entry)| entry)
    }

    /// All live envelopes, highest work first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<PoolEntry>> {
        self.by_work.values().rev()
    }

    /// Removes up to `limit` envelopes that expired before `now`. Costs nothing if none did. Returns whether there may
    /// be more.
    pub(crate) fn expire(&mut self, now: u32, limit: usize) -> bool {
        for _ in 0..limit {
            let Some(entry) = self.by_expiry.pop_before(now) else { return false };
            self.counts.expired += 1;
            self.forget(entry, now, false);
        }
        true
    }

    /// The second after which the next envelope expires.
    pub(crate) fn next_expiry(&self) -> Option<u32> {
        self.by_expiry.first()
    }

    /// What left the pool since the last call. Drop it when the pool's lock is released: freeing memory takes time.
    pub(crate) fn take_removed(&mut self) -> Vec<Arc<PoolEntry>> {
        take(&mut self.removed)
    }

    /// What left the pool since the last call: all that was evicted, and a sample of what expired.
    pub(crate) fn take_lost(&mut self) -> Vec<LostEnvelope> {
        self.history.take_unread()
    }

    /// When this envelope left the pool and where it came from, while that is remembered.
    pub(crate) fn departure(&self, hash: &[u8; 32]) -> Option<&Departure> {
        self.history.find(self.table_keys.of_hash(hash))
    }

    /// The blocks of numbers of which some are in the pool.
    pub(crate) fn live_blocks(&self) -> &LiveBlocks {
        &self.live_blocks
    }

    /// Number of envelopes in the pool.
    pub(crate) fn len(&self) -> usize {
        self.tables.by_hash.len()
    }

    /// Bytes of the envelopes and of their bookkeeping.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Maximum of [`bytes`](Self::bytes).
    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    /// How many envelopes left the pool.
    pub(crate) fn counts(&self) -> PoolCounts {
        self.counts
    }

    /// Makes room for `cost` more bytes: removes what has expired, then evicts envelopes with less work than `entry`,
    /// the lowest work first, of equals the latest. Evicts nothing if that is not enough.
    fn make_room(&mut self, now: u32, cost: usize, entry: &PoolEntry) -> bool {
        let Some(allowed) = self.budget.checked_sub(cost) else { return false };
        while self.bytes > allowed && self.expire(now, EXPIRED_PER_ADMISSION) {}
        let mut bytes = self.bytes;
        let mut victims = Vec::new();
        for (lowest, victim) in &self.by_work {
            if bytes <= allowed {
                break;
            }
            if lowest.work() >= entry.work() {
                return false;
            }
            bytes -= self::cost(victim.raw());
            victims.push(Arc::clone(victim));
        }
        self.counts.evicted += victims.len() as u64;
        for victim in victims {
            self.by_expiry.remove(&victim);
            self.forget(victim, now, true);
        }
        bytes <= allowed
    }

    /// Removes an envelope that is no longer in the order by expiry.
    fn forget(&mut self, entry: Arc<PoolEntry>, now: u32, evicted: bool) {
        let (hash_key, stamp) = (entry.keys().hash, entry.stamp());
        self.history.push(Departure { hash_key, stamp, at: now, evicted }, || entry.hash());
        self.tables.remove(&entry);
        self.by_work.remove(&entry.ticket());
        self.live_blocks.remove(entry.number());
        self.bytes -= if planted::is(Bug::PoolBytesKept) { 0 } else { cost(entry.raw()) };
        self.removed.push(entry);
    }
}

fn cost(raw: &[u8]) -> usize {
    raw.len() + OVERHEAD
}

#[cfg(test)]
mod tests;
