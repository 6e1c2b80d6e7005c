//! One envelope in the pool, and its position in the order by work.

use std::{
    cmp::Reverse,
    sync::atomic::{AtomicU32, Ordering},
};

use keccak_lanes::keccak256;
use whisper_envelope::{Envelope, Topic};
use whisper_pow::{Proof, Work};

use crate::{relay::admission::Proven, relay::pool::history::ArrivalStamp};

/// The position of an envelope in the pool's order. The greater is sent first: more work, then earlier arrival. No two
/// envelopes have the same ticket, and no ticket is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    /// The bits of a float that is not negative; they sort as the float does.
    work: u64,
    number: Reverse<u64>,
}

impl Ticket {
    /// Not less than any ticket of a pool.
    pub(crate) const FIRST: Self = Self { work: u64::MAX, number: Reverse(0) };

    /// `number`: how many envelopes were admitted before.
    pub(super) fn new(work: Work, number: u64) -> Self {
        Self { work: work.get().to_bits(), number: Reverse(number) }
    }

    /// A ticket for tests of what only compares tickets.
    #[cfg(test)]
    pub(crate) fn at(number: u64) -> Self {
        Self::new(Work::ZERO, number)
    }

    pub(crate) fn work(self) -> Work {
        Work::new(f64::from_bits(self.work)).unwrap_or_default()
    }

    /// How many envelopes were admitted to the pool before this one.
    pub(crate) fn number(self) -> u64 {
        self.number.0
    }
}

/// An envelope in the pool: its bytes, and the fields that are read often. The others are decoded from the bytes.
///
/// The pool, the feed and the bundles share it.
#[derive(Debug)]
pub(crate) struct PoolEntry {
    raw: Box<[u8]>,
    ticket: Ticket,
    proof: Proof,
    keys: EntryKeys,
    expiry: u32,
    topic: Topic,
    from: u32,
    arrived: u32,
    /// The position in the list of its second. Only the pool uses it, under its lock.
    expiry_index: AtomicU32,
}

/// The keys of an envelope in the pool's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryKeys {
    /// Half of a keyed hash of the envelope's bytes.
    pub(super) content: u32,
    /// Half of a keyed hash of the envelope's hash.
    pub(super) hash: u32,
}

/// The value of `from` for an envelope that was made here.
const HERE: u32 = u32::MAX;

impl PoolEntry {
    /// An envelope before its admission. Copies the bytes: a small envelope must not keep the large packet alive that
    /// it came in. `from`: the index of the slot of the peer that sent it; `None` if it was made here.
    pub(super) fn new(
        envelope: &Envelope,
        proven: Proven,
        keys: EntryKeys,
        from: Option<u32>,
    ) -> Self {
        Self {
            raw: envelope.raw().as_ref().into(),
            ticket: Ticket::new(proven.work, 0),
            proof: proven.proof,
            keys,
            expiry: envelope.expiry(),
            topic: envelope.topic(),
            from: from.unwrap_or(HERE),
            arrived: 0,
            expiry_index: AtomicU32::new(0),
        }
    }

    /// The same when it is admitted, in this second and as the one with this number.
    pub(super) fn admitted(self, arrived: u32, number: u64) -> Self {
        Self { ticket: Ticket { number: Reverse(number), ..self.ticket }, arrived, ..self }
    }

    /// The encoded envelope, unchanged.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The envelope's hash. Computed on each call.
    pub(crate) fn hash(&self) -> [u8; 32] {
        keccak256(&self.raw)
    }

    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// How many envelopes were admitted to the pool before this one.
    pub(crate) fn number(&self) -> u64 {
        self.ticket.number()
    }

    /// The highest work under any rule that this node accepts.
    pub(crate) fn work(&self) -> Work {
        self.ticket.work()
    }

    /// The work under each rule can be computed from this.
    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The envelope's keys in the pool's tables.
    pub(super) fn keys(&self) -> EntryKeys {
        self.keys
    }

    pub(crate) fn expiry(&self) -> u32 {
        self.expiry
    }

    pub(crate) fn topic(&self) -> Topic {
        self.topic
    }

    /// Whether the envelope was made here.
    pub(crate) fn is_own(&self) -> bool {
        self.from == HERE
    }

    /// Whether a peer in the slot with this index sent the envelope.
    pub(crate) fn is_from(&self, index: usize) -> bool {
        !self.is_own() && self.from as usize == index
    }

    /// When the envelope arrived, and from which peer slot. Another peer may have that slot now.
    pub(crate) fn stamp(&self) -> ArrivalStamp {
        let from = (!self.is_own()).then_some(self.from);
        ArrivalStamp { from, number: self.number(), second: self.arrived }
    }

    pub(super) fn expiry_index(&self) -> u32 {
        self.expiry_index.load(Ordering::Relaxed)
    }

    pub(super) fn set_expiry_index(&self, index: u32) {
        self.expiry_index.store(index, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_entries_fit_into_80_megabytes() {
        assert_eq!(size_of::<PoolEntry>(), 80);
    }
}
