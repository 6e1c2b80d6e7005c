//! The pool of live envelopes: bounded in bytes, ordered by work, emptied at expiry without ever
//! being scanned.
//!
//! Envelopes sit in numbered slots, so that the orders by work and by expiry, and each peer's set
//! of known envelopes, hold small numbers rather than hashes. The pool checks nothing but its own
//! budget: what may come in is decided by [`admission`](crate::admission) before.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};

use whisper_envelope::Envelope;
use whisper_pow::Work;

/// What the bookkeeping of one envelope is taken to cost, so that a flood of tiny envelopes is
/// bounded as well.
const OVERHEAD: usize = 256;

/// The place of an envelope in the pool's order, and a proof of which envelope is meant: slots are
/// used again, tickets are not. The greater ticket is sent first: more work, then earlier arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    /// The bits of a float that is not negative order as the float does.
    work: u64,
    arrival: Reverse<u64>,
    slot: u32,
}

impl Ticket {
    /// Not less than any ticket that is given out.
    pub(crate) const FIRST: Self = Self { work: u64::MAX, arrival: Reverse(0), slot: u32::MAX };

    pub(crate) fn slot(self) -> u32 {
        self.slot
    }
}

/// What the pool made of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    New(Ticket),
    Known(Ticket),
    /// No room, and nothing in the pool has less work.
    Full,
}

#[derive(Debug)]
struct Entry {
    envelope: Envelope,
    work: Work,
    ticket: Ticket,
}

/// The live envelopes of one dialect.
#[derive(Debug)]
pub(crate) struct Pool {
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_hash: HashMap<[u8; 32], u32>,
    by_work: BTreeSet<Ticket>,
    by_expiry: BTreeSet<(u32, u32)>,
    bytes: usize,
    budget: usize,
    arrivals: u64,
    expired: u64,
    evicted: u64,
}

impl Pool {
    /// An empty pool that never holds more than `budget` bytes, bookkeeping included.
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_hash: HashMap::new(),
            by_work: BTreeSet::new(),
            by_expiry: BTreeSet::new(),
            bytes: 0,
            budget,
            arrivals: 0,
            expired: 0,
            evicted: 0,
        }
    }

    /// Takes an envelope in, unless it is known or there is no room for one of so little work.
    pub(crate) fn admit(&mut self, now: u32, envelope: Envelope, work: Work) -> Admitted {
        if let Some(ticket) = self.find(envelope.hash()) {
            return Admitted::Known(ticket);
        }
        self.expire(now);
        if !self.make_room(cost(&envelope), work) {
            return Admitted::Full;
        }
        let Some(slot) = self.take_slot() else { return Admitted::Full };
        let ticket = Ticket { work: work.get().to_bits(), arrival: Reverse(self.arrivals), slot };
        self.arrivals += 1;
        self.bytes += cost(&envelope);
        self.by_hash.insert(*envelope.hash(), slot);
        self.by_work.insert(ticket);
        self.by_expiry.insert((envelope.expiry(), slot));
        self.slots[slot as usize] = Some(Entry { envelope, work, ticket });
        Admitted::New(ticket)
    }

    /// The ticket of the envelope with this hash.
    pub(crate) fn find(&self, hash: &[u8; 32]) -> Option<Ticket> {
        let slot = *self.by_hash.get(hash)?;
        self.slots[slot as usize].as_ref().map(|entry| entry.ticket)
    }

    /// The envelope a ticket was given for, while it is in the pool.
    pub(crate) fn get(&self, ticket: Ticket) -> Option<(&Envelope, Work)> {
        let entry = self.slots.get(ticket.slot as usize)?.as_ref()?;
        (entry.ticket == ticket).then_some((&entry.envelope, entry.work))
    }

    /// The greatest ticket of the pool that is not above this one.
    pub(crate) fn at_or_below(&self, ticket: Ticket) -> Option<Ticket> {
        self.by_work.range(..=ticket).next_back().copied()
    }

    /// The greatest ticket of the pool below this one.
    pub(crate) fn below(&self, ticket: Ticket) -> Option<Ticket> {
        self.by_work.range(..ticket).next_back().copied()
    }

    /// All live envelopes, highest work first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Envelope, Work)> {
        self.by_work.iter().rev().filter_map(|ticket| self.get(*ticket))
    }

    /// Removes what expired before `now`; costs nothing when nothing did.
    pub(crate) fn expire(&mut self, now: u32) {
        while let Some(&(expiry, slot)) = self.by_expiry.first() {
            if expiry >= now {
                break;
            }
            self.remove(slot);
            self.expired += 1;
        }
    }

    /// The second after which something expires.
    pub(crate) fn next_expiry(&self) -> Option<u32> {
        self.by_expiry.first().map(|(expiry, _)| *expiry)
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

    /// Evicts envelopes of less work, lowest first, until `cost` more bytes fit; evicts nothing if
    /// that cannot be.
    fn make_room(&mut self, cost: usize, work: Work) -> bool {
        let Some(allowed) = self.budget.checked_sub(cost) else { return false };
        let mut bytes = self.bytes;
        let mut victims = Vec::new();
        for ticket in &self.by_work {
            if bytes <= allowed {
                break;
            }
            let Some((envelope, less)) = self.get(*ticket) else { continue };
            if less >= work {
                return false;
            }
            bytes -= self::cost(envelope);
            victims.push(ticket.slot);
        }
        self.evicted += victims.len() as u64;
        for slot in victims {
            self.remove(slot);
        }
        bytes <= allowed
    }

    fn take_slot(&mut self) -> Option<u32> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        let slot = u32::try_from(self.slots.len()).ok()?;
        self.slots.push(None);
        Some(slot)
    }

    fn remove(&mut self, slot: u32) {
        let Some(entry) = self.slots[slot as usize].take() else { return };
        self.by_hash.remove(entry.envelope.hash());
        self.by_work.remove(&entry.ticket);
        self.by_expiry.remove(&(entry.envelope.expiry(), slot));
        self.bytes -= cost(&entry.envelope);
        self.free.push(slot);
    }
}

fn cost(envelope: &Envelope) -> usize {
    envelope.raw().len() + OVERHEAD
}

#[cfg(test)]
mod tests;
