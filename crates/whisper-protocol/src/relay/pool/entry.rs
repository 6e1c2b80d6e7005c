//! One envelope in the pool, and its position in the order by work.

use std::cmp::Reverse;

use keccak_lanes::keccak256;
use whisper_envelope::{Envelope, Topic};
use whisper_pow::{Proof, Work};

use crate::relay::pool::history::ArrivalStamp;

/// The position of an envelope in the pool's order. The greater is sent first: more work, then earlier arrival. No two
/// envelopes have the same rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// The bits of a float that is not negative; they sort as the float does.
    work: u64,
    arrival: Reverse<u64>,
}

impl Rank {
    /// `arrival`: the pool's arrival number, with the second in the upper half.
    pub(crate) fn new(work: Work, arrival: u64) -> Self {
        Self { work: work.get().to_bits(), arrival: Reverse(arrival) }
    }

    pub(crate) fn work(self) -> Work {
        Work::new(f64::from_bits(self.work)).unwrap_or_default()
    }
}

/// The rank and the slot of an envelope in the pool. Slots are reused, tickets are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    pub(super) rank: Rank,
    pub(super) slot: u32,
}

impl Ticket {
    /// Not less than any ticket of a pool.
    pub(crate) const FIRST: Self =
        Self { rank: Rank { work: u64::MAX, arrival: Reverse(0) }, slot: u32::MAX };

    pub(super) fn of((rank, slot): (&Rank, &u32)) -> Self {
        Self { rank: *rank, slot: *slot }
    }

    /// A ticket for tests of what only compares tickets.
    #[cfg(test)]
    pub(crate) fn at(slot: u32) -> Self {
        Self { rank: Rank::new(Work::ZERO, 0), slot }
    }

    pub(crate) fn slot(self) -> u32 {
        self.slot
    }
}

/// An envelope in the pool: its bytes, and the fields that are read often. The others are decoded from the bytes.
#[derive(Debug)]
pub(crate) struct PoolEntry {
    raw: Box<[u8]>,
    rank: Rank,
    proof: Proof,
    table_key: u32,
    expiry: u32,
    topic: Topic,
    from: u32,
}

/// The value of `from` for an envelope that was made here.
const HERE: u32 = u32::MAX;

impl PoolEntry {
    /// Copies the bytes: a small envelope must not keep the large packet alive that it came in.
    pub(super) fn new(
        envelope: &Envelope,
        rank: Rank,
        proof: Proof,
        table_key: u32,
        from: Option<u32>,
    ) -> Self {
        Self {
            raw: envelope.raw().as_ref().into(),
            rank,
            proof,
            table_key,
            expiry: envelope.expiry(),
            topic: envelope.topic(),
            from: from.unwrap_or(HERE),
        }
    }

    /// The encoded envelope, unchanged.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The envelope's hash. Computed on each call.
    pub(crate) fn hash(&self) -> [u8; 32] {
        keccak256(&self.raw)
    }

    pub(crate) fn rank(&self) -> Rank {
        self.rank
    }

    /// The highest work under any rule that this node accepts.
    pub(crate) fn work(&self) -> Work {
        self.rank.work()
    }

    /// The work under each rule can be computed from this.
    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The envelope's key in the pool's table.
    pub(super) fn table_key(&self) -> u32 {
        self.table_key
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

    /// When the envelope arrived, and from which peer slot. Another peer may have that slot now.
    pub(crate) fn stamp(&self) -> ArrivalStamp {
        let from = (!self.is_own()).then_some(self.from);
        ArrivalStamp { from, arrival: self.rank.arrival.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_entries_fit_into_64_megabytes() {
        assert_eq!(size_of::<Option<PoolEntry>>(), 64);
    }
}
