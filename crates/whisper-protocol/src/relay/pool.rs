//! The pool of live envelopes: bounded in bytes, ordered by work, emptied at expiry without ever
//! being scanned.
//!
//! Envelopes sit in numbered slots, so that the table by hash, the orders by work and by expiry, and
//! each peer's set of known envelopes hold small numbers rather than hashes. The pool checks nothing
//! but its own budget: what may come in is decided by [`admission`](crate::admission) before.
//!
//! An envelope costs some 140 bytes beyond its own: its entry of 64 (see [`Entry`]), about 30 in the
//! order by work, 13 in the one by expiry, 6 to 12 in the table, and what the allocator rounds up.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, RandomState},
};

use hashbrown::HashTable;
use whisper_envelope::Envelope;

use crate::{
    drops::history::{Gone, History, Lost},
    relay::admission::Proven,
};

mod entry;
mod slots;

pub(crate) use entry::{Entry, Rank, Ticket};
use slots::Slots;

/// What the bookkeeping of one envelope is taken to cost, so that a flood of tiny envelopes is
/// bounded as well.
const OVERHEAD: usize = 160;

/// What the pool made of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    New(Ticket),
    Known(Ticket),
    /// No room, and nothing in the pool has less work.
    Full,
}

/// The live envelopes of one dialect.
#[derive(Debug)]
pub(crate) struct Pool {
    slots: Slots,
    by_hash: HashTable<u32>,
    /// Where an envelope stands in the table is nobody's choice but the pool's.
    places: RandomState,
    by_work: BTreeMap<Rank, u32>,
    by_expiry: BTreeSet<(u32, u32)>,
    bytes: usize,
    budget: usize,
    last: u64,
    expired: u64,
    evicted: u64,
    history: History,
}

impl Pool {
    /// An empty pool that never holds more than `budget` bytes, bookkeeping included.
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            slots: Slots::default(),
            by_hash: HashTable::new(),
            places: RandomState::new(),
            by_work: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
            bytes: 0,
            budget,
            last: 0,
            expired: 0,
            evicted: 0,
            history: History::default(),
        }
    }

    /// Takes an envelope in, unless it is known or there is no room for one of so little work.
    /// `from`: the number of the peer's seat, if a peer brought it.
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
        let rank = Rank::new(proven.work, self.arrival(now));
        if !self.make_room(now, cost, rank) {
            return Admitted::Full;
        }
        let place = self.place(envelope.hash());
        let entry = Entry::new(envelope, rank, proven.proof, place, from);
        let Some(slot) = self.slots.put(entry) else { return Admitted::Full };
        self.bytes += cost;
        self.by_work.insert(rank, slot);
        self.by_expiry.insert((envelope.expiry(), slot));
        let slots = &self.slots;
        self.by_hash.insert_unique(spread(place), slot, |slot| {
            slots.get(*slot).map_or(0, |entry| spread(entry.place()))
        });
        Admitted::New(Ticket { rank, slot })
    }

    /// The ticket of this very envelope.
    pub(crate) fn find_same(&self, envelope: &Envelope) -> Option<Ticket> {
        self.find_by(envelope.hash(), |entry| entry.raw() == envelope.raw().as_ref())
    }

    /// The ticket of the envelope with this hash. To be asked by people: hashes an envelope if it
    /// finds one.
    pub(crate) fn find(&self, hash: &[u8; 32]) -> Option<Ticket> {
        self.find_by(hash, |entry| entry.hash() == *hash)
    }

    fn find_by(&self, hash: &[u8; 32], is_it: impl Fn(&Entry) -> bool) -> Option<Ticket> {
        let place = self.place(hash);
        let found = self.by_hash.find(spread(place), |slot| {
            self.slots.get(*slot).is_some_and(|entry| entry.place() == place && is_it(entry))
        });
        let slot = *found?;
        Some(Ticket { rank: self.slots.get(slot)?.rank(), slot })
    }

    /// The envelope a ticket was given for, while it is in the pool.
    pub(crate) fn get(&self, ticket: Ticket) -> Option<&Entry> {
        self.slots.get(ticket.slot).filter(|entry| entry.rank() == ticket.rank)
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
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.by_work.values().rev().filter_map(|slot| self.slots.get(*slot))
    }

    /// Removes what expired before `now`; costs nothing when nothing did.
    pub(crate) fn expire(&mut self, now: u32) {
        while let Some(&(expiry, slot)) = self.by_expiry.first() {
            if expiry >= now {
                break;
            }
            self.remove(slot, now, false);
            self.expired += 1;
        }
    }

    /// The second after which something expires.
    pub(crate) fn next_expiry(&self) -> Option<u32> {
        self.by_expiry.first().map(|(expiry, _)| *expiry)
    }

    /// What left the pool since the last time this was asked, to be noted: all that was evicted, and
    /// some of what expired.
    pub(crate) fn take_lost(&mut self) -> Vec<Lost> {
        self.history.take_unread()
    }

    /// When this envelope left the pool, and where it came from, while that is remembered.
    pub(crate) fn gone(&self, hash: &[u8; 32]) -> Option<&Gone> {
        self.history.find(self.place(hash))
    }

    /// The number of the latest arrival, as in [`Source`](crate::drops::history::Source).
    pub(crate) fn last_arrival(&self) -> u64 {
        self.last
    }

    /// How many envelopes are in the pool.
    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// The sizes of the envelopes and of their bookkeeping, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many were removed at their expiry.
    pub(crate) fn expired(&self) -> u64 {
        self.expired
    }

    /// How many were removed to make room for others with more work.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The number of the next arrival: the second it falls in above, a count below. Only grows,
    /// also if the clock is set back.
    fn arrival(&mut self, now: u32) -> u64 {
        self.last = (self.last + 1).max(u64::from(now) << 32);
        self.last
    }

    /// Evicts envelopes of less work, lowest first and of equals the latest, until `cost` more bytes
    /// fit; evicts nothing if that cannot be.
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
        let gone = Gone { place: entry.place(), source: entry.source(), at: now, evicted };
        self.history.push(gone, || entry.hash());
        if let Ok(found) = self.by_hash.find_entry(spread(entry.place()), |other| *other == slot) {
            found.remove();
        }
        self.by_work.remove(&entry.rank());
        self.by_expiry.remove(&(entry.expiry(), slot));
        self.bytes -= cost(entry.raw());
    }

    /// Half of what says where in the table an envelope is: the other half is made of it.
    #[expect(clippy::cast_possible_truncation, reason = "the half that is kept")]
    fn place(&self, hash: &[u8; 32]) -> u32 {
        self.places.hash_one(hash) as u32
    }
}

/// All 64 bits that the table wants. What is kept is random already, so that its low bits may stay
/// as they are, but the high ones have to be made.
fn spread(place: u32) -> u64 {
    u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn cost(raw: &[u8]) -> usize {
    raw.len() + OVERHEAD
}

#[cfg(test)]
mod tests;
