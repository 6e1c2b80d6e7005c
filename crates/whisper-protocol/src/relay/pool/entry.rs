//! One envelope in the pool, and its place in the order.

use std::cmp::Reverse;

use keccak_lanes::keccak256;
use whisper_envelope::{Envelope, Topic};
use whisper_pow::{Proof, Work};

use crate::drops::history::Source;

/// The place of an envelope in the pool's order. The greater is sent first: more work, then earlier
/// arrival. No two envelopes ever have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// The bits of a float that is not negative order as the float does.
    work: u64,
    arrival: Reverse<u64>,
}

impl Rank {
    /// `arrival`: the second in the upper half.
    pub(crate) fn new(work: Work, arrival: u64) -> Self {
        Self { work: work.get().to_bits(), arrival: Reverse(arrival) }
    }

    pub(crate) fn work(self) -> Work {
        Work::new(f64::from_bits(self.work)).unwrap_or_default()
    }
}

/// The place of an envelope in the pool's order, and a proof of which envelope is meant: slots are
/// used again, tickets are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    pub(super) rank: Rank,
    pub(super) slot: u32,
}

impl Ticket {
    /// Not less than any ticket that is given out.
    pub(crate) const FIRST: Self =
        Self { rank: Rank { work: u64::MAX, arrival: Reverse(0) }, slot: u32::MAX };

    pub(super) fn of((rank, slot): (&Rank, &u32)) -> Self {
        Self { rank: *rank, slot: *slot }
    }

    pub(crate) fn slot(self) -> u32 {
        self.slot
    }
}

/// An envelope in the pool: its bytes, and what is asked of it often. The rest is in the bytes.
#[derive(Debug)]
pub(crate) struct Entry {
    raw: Box<[u8]>,
    rank: Rank,
    proof: Proof,
    place: u32,
    expiry: u32,
    topic: Topic,
    from: u32,
}

/// Made here rather than brought by a peer.
const HERE: u32 = u32::MAX;

impl Entry {
    /// Copies the bytes: a small envelope must not keep the large packet alive that it came in.
    pub(super) fn new(
        envelope: &Envelope,
        rank: Rank,
        proof: Proof,
        place: u32,
        from: Option<u32>,
    ) -> Self {
        Self {
            raw: envelope.raw().as_ref().into(),
            rank,
            proof,
            place,
            expiry: envelope.expiry(),
            topic: envelope.topic(),
            from: from.unwrap_or(HERE),
        }
    }

    /// The envelope as it came.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The envelope's id. Computed each time.
    pub(crate) fn hash(&self) -> [u8; 32] {
        keccak256(&self.raw)
    }

    pub(crate) fn rank(&self) -> Rank {
        self.rank
    }

    /// The most work it shows under the rules that this node accepts.
    pub(crate) fn work(&self) -> Work {
        self.rank.work()
    }

    /// Its work under any rule.
    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Where the pool's table keeps it.
    pub(super) fn place(&self) -> u32 {
        self.place
    }

    pub(crate) fn expiry(&self) -> u32 {
        self.expiry
    }

    pub(crate) fn topic(&self) -> Topic {
        self.topic
    }

    /// Whether it was made here.
    pub(crate) fn is_own(&self) -> bool {
        self.from == HERE
    }

    /// Who brought it, and when. Another peer may sit on that seat by now.
    pub(crate) fn source(&self) -> Source {
        let from = (!self.is_own()).then_some(self.from);
        Source { from, arrival: self.rank.arrival.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_fit_into_64_megabytes() {
        assert_eq!(size_of::<Option<Entry>>(), 64);
    }
}
