//! The pool of live envelopes: limited in bytes, ordered by work, and emptied at expiry without a scan.
//!
//! Envelopes are in numbered slots, so that the table by hash, the orders by work and by expiry, and each peer's set of
//! known envelopes store small numbers instead of hashes. The pool checks nothing except its budget: admission decides
//! before what may enter.
//!
//! An envelope costs about 140 bytes besides its own: 64 for its [`PoolEntry`], about 30 in the order by work, 13 in
//! the order by expiry, 6 to 12 in the table, and what the allocator rounds up.

mod entry;
pub(crate) mod history;
mod slots;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::BuildHasher,
};

use hashbrown::HashTable;
use p2p_world::HashState;
use whisper_envelope::Envelope;

use crate::{
    relay::admission::Proven,
    relay::pool::history::{Departure, LostEnvelope, PoolHistory},
};

pub(crate) use entry::{PoolEntry, Rank, Ticket};
use slots::Slots;

/// Bytes that the bookkeeping of one envelope is counted with, so that a flood of tiny envelopes is limited as well.
const OVERHEAD: usize = 160;

/// The result of [`Pool::admit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    New(Ticket),
    Known(Ticket),
    /// There is no room, and nothing in the pool has less work.
    Full,
}

/// The live envelopes of one dialect.
#[derive(Debug)]
pub(crate) struct Pool {
    slots: Slots,
    by_hash: HashTable<u32>,
    /// Random hash keys, so that peers cannot force collisions in the table.
    table_keys: HashState,
    by_work: BTreeMap<Rank, u32>,
    by_expiry: BTreeSet<(u32, u32)>,
    bytes: usize,
    budget: usize,
    last_arrival: u64,
    expired: u64,
    evicted: u64,
    history: PoolHistory,
}

impl Pool {
    /// An empty pool that never holds more than `budget` bytes, bookkeeping included. `table_keys` must be random.
    pub(crate) fn new(budget: usize, table_keys: HashState) -> Self {
        Self {
            slots: Slots::default(),
            by_hash: HashTable::new(),
            table_keys,
            by_work: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
            bytes: 0,
            budget,
            last_arrival: 0,
            expired: 0,
            evicted: 0,
            history: PoolHistory::default(),
        }
    }

    /// Adds an envelope, unless it is known or there is no room for one with this little work. `from`: the index of the
    /// slot of the peer that sent it; `None` if it was made here.
    pub(crate) fn admit(
        &mut self,
        now: u32,
        envelope: &Envelope,
        proven: Proven,
        from: Option<u32>,
    ) -> Admitted {
        if let Some(ticket) = self.find_same(envelope) {
            return Admitted::Known(ticket);
        }
        self.expire(now);
        let cost = cost(envelope.raw());
        let rank = Rank::new(proven.work, self.next_arrival(now));
        if !self.make_room(now, cost, rank) {
            return Admitted::Full;
        }
        let table_key = self.table_key(envelope.hash());
        let entry = PoolEntry::new(envelope, rank, proven.proof, table_key, from);
        let Some(slot) = self.slots.put(entry) else { return Admitted::Full };
        self.bytes += cost;
        self.by_work.insert(rank, slot);
        self.by_expiry.insert((envelope.expiry(), slot));
        let slots = &self.slots;
        self.by_hash.insert_unique(spread(table_key), slot, |slot| {
            slots.get(*slot).map_or(0, |entry| spread(entry.table_key()))
        });
        Admitted::New(Ticket { rank, slot })
    }

    /// The ticket of exactly this envelope.
    pub(crate) fn find_same(&self, envelope: &Envelope) -> Option<Ticket> {
        self.find_by(envelope.hash(), |entry| entry.raw() == envelope.raw().as_ref())
    }

    /// The ticket of the envelope with this hash. Hashes an envelope if it finds one: not for hot paths.
    pub(crate) fn find(&self, hash: &[u8; 32]) -> Option<Ticket> {
        self.find_by(hash, |entry| entry.hash() == *hash)
    }

    fn find_by(&self, hash: &[u8; 32], is_it: impl Fn(&PoolEntry) -> bool) -> Option<Ticket> {
        let table_key = self.table_key(hash);
        let found = self.by_hash.find(spread(table_key), |slot| {
            let entry = self.slots.get(*slot);
            entry.is_some_and(|entry| entry.table_key() == table_key && is_it(entry))
        });
        let slot = *found?;
        Some(Ticket { rank: self.slots.get(slot)?.rank(), slot })
    }

    /// The envelope of a ticket, while it is in the pool.
    pub(crate) fn get(&self, ticket: Ticket) -> Option<&PoolEntry> {
        self.slots.get(ticket.slot).filter(|entry| entry.rank() == ticket.rank)
    }

    /// The greatest ticket of the pool.
    pub(crate) fn highest(&self) -> Option<Ticket> {
        self.by_work.last_key_value().map(Ticket::of)
    }

    /// The greatest ticket of the pool that is not above this one.
    pub(crate) fn at_or_below(&self, ticket: Ticket) -> Option<Ticket> {
        self.by_work.range(..=ticket.rank).next_back().map(Ticket::of)
    }

    /// The greatest ticket of the pool below this one.
    pub(crate) fn below(&self, ticket: Ticket) -> Option<Ticket> {
        self.by_work.range(..ticket.rank).next_back().map(Ticket::of)
    }

    /// All live envelopes, highest work first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &PoolEntry> {
        self.by_work.values().rev().filter_map(|slot| self.slots.get(*slot))
    }

    /// Removes what expired before `now`. Costs nothing if nothing did.
    pub(crate) fn expire(&mut self, now: u32) {
        while let Some(&(expiry, slot)) = self.by_expiry.first() {
            if expiry >= now {
                break;
            }
            self.remove(slot, now, false);
            self.expired += 1;
        }
    }

    /// The second after which the next envelope expires.
    pub(crate) fn next_expiry(&self) -> Option<u32> {
        self.by_expiry.first().map(|(expiry, _)| *expiry)
    }

    /// What left the pool since the last call: all that was evicted, and a sample of what expired.
    pub(crate) fn take_lost(&mut self) -> Vec<LostEnvelope> {
        self.history.take_unread()
    }

    /// When this envelope left the pool and where it came from, while that is remembered.
    pub(crate) fn departure(&self, hash: &[u8; 32]) -> Option<&Departure> {
        self.history.find(self.table_key(hash))
    }

    /// The number of the latest arrival, as in [`ArrivalStamp`](crate::relay::pool::history::ArrivalStamp).
    pub(crate) fn last_arrival(&self) -> u64 {
        self.last_arrival
    }

    /// Number of envelopes in the pool.
    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Bytes of the envelopes and of their bookkeeping.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of envelopes removed at their expiry.
    pub(crate) fn expired(&self) -> u64 {
        self.expired
    }

    /// Number of envelopes evicted for others with more work.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The number of the next arrival: the second in the upper half, a counter in the lower. It only grows, also if the
    /// clock is set back.
    fn next_arrival(&mut self, now: u32) -> u64 {
        self.last_arrival = (self.last_arrival + 1).max(u64::from(now) << 32);
        self.last_arrival
    }

    /// Evicts envelopes with less work until `cost` more bytes fit: the lowest work first, of equals the latest. Evicts
    /// nothing if that is impossible.
    fn make_room(&mut self, now: u32, cost: usize, rank: Rank) -> bool {
        let Some(allowed) = self.budget.checked_sub(cost) else { return false };
        let mut bytes = self.bytes;
        let mut victims = Vec::new();
        for (lowest, slot) in &self.by_work {
            if bytes <= allowed {
                break;
            }
            let Some(entry) = self.slots.get(*slot) else { continue };
            if lowest.work() >= rank.work() {
                return false;
            }
            bytes -= self::cost(entry.raw());
            victims.push(*slot);
        }
        self.evicted += victims.len() as u64;
        for slot in victims {
            self.remove(slot, now, true);
        }
        bytes <= allowed
    }

    fn remove(&mut self, slot: u32, now: u32, evicted: bool) {
        let Some(entry) = self.slots.take(slot) else { return };
        let (table_key, stamp) = (entry.table_key(), entry.stamp());
        self.history.push(Departure { table_key, stamp, at: now, evicted }, || entry.hash());
        if let Ok(found) = self.by_hash.find_entry(spread(table_key), |other| *other == slot) {
            found.remove();
        }
        self.by_work.remove(&entry.rank());
        self.by_expiry.remove(&(entry.expiry(), slot));
        self.bytes -= cost(entry.raw());
    }

    /// The key of an envelope in the table: half of a hash. [`spread`] computes the other half from it.
    #[expect(clippy::cast_possible_truncation, reason = "the half that is kept")]
    fn table_key(&self, hash: &[u8; 32]) -> u32 {
        self.table_keys.hash_one(hash) as u32
    }
}

/// The 64 bits that the table needs. The low bits of the key are random and stay; the high ones are computed from them.
fn spread(table_key: u32) -> u64 {
    u64::from(table_key).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn cost(raw: &[u8]) -> usize {
    raw.len() + OVERHEAD
}

#[cfg(test)]
mod tests;
