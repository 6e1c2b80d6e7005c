//! Which pooled envelopes a peer has, and who sent them.

mod plane;

use p2p_mux::MemoryCharge;
use p2p_world::planted::{self, Bug};

use crate::relay::pool::live_blocks::{BLOCK, LiveBlocks};
use plane::Plane;

/// Which of two ways an envelope went between this node and a peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// This node sent it to the peer.
    pub(crate) sent: bool,
    /// The peer sent it to this node.
    pub(crate) received: bool,
}

impl Exchange {
    pub(crate) const NOTHING: Self = Self { sent: false, received: false };
    pub(crate) const SENT: Self = Self { sent: true, received: false };
    pub(crate) const RECEIVED: Self = Self { sent: false, received: true };
}

/// What was exchanged with the peer of one block of numbers.
#[derive(Debug)]
struct Block {
    number: u64,
    sent: Plane,
    received: Plane,
}

/// Bytes of a block besides what its sets keep on the heap; a vector is about two thirds full.
const BLOCK_BYTES: usize = size_of::<Block>() * 3 / 2;

/// The exchange of each pooled envelope with one peer, by the number of the envelope.
///
/// A peer that is sent nearly all envelopes, and sends few of them itself, takes about 30 bytes for a thousand of them; one
/// that is sent and sends every second one, 250. That counts in the memory budget of the peer's connection. What is known
/// about envelopes that left the pool is forgotten a block at a time.
#[derive(Debug, Default)]
pub(crate) struct KnownEnvelopes {
    /// In the order of their numbers.
    blocks: Vec<Block>,
    /// Bytes that the sets of all blocks keep on the heap.
    heap: usize,
    /// [`LiveBlocks::ended`] when blocks were forgotten last.
    forgotten_at: u64,
    memory: MemoryCharge,
}

impl KnownEnvelopes {
    /// Counts the memory from now on.
    pub(crate) fn count_memory(&mut self, memory: MemoryCharge) {
        self.memory = memory;
        self.update_memory();
    }

    fn update_memory(&mut self) {
        let bytes = self.blocks.len() * BLOCK_BYTES + self.heap;
        if bytes != self.memory.bytes() {
            self.memory.set(bytes);
        }
    }

    pub(crate) fn get(&self, number: u64) -> Exchange {
        let (block, number) = position(number);
        let Ok(index) = self.find(block) else { return Exchange::NOTHING };
        let Block { sent, received, .. } = &self.blocks[index];
        Exchange { sent: sent.contains(number), received: received.contains(number) }
    }

    /// Where a block is, or where it belongs. Nearly always it is the last one.
    fn find(&self, number: u64) -> Result<usize, usize> {
        match self.blocks.last() {
            Some(last) if last.number == number => Ok(self.blocks.len() - 1),
            _ => self.blocks.binary_search_by_key(&number, |block| block.number),
        }
    }

    /// Whether the peer has the envelope.
    pub(crate) fn contains(&self, number: u64) -> bool {
        self.get(number) != Exchange::NOTHING
    }

    /// Adds to what was recorded for these envelopes.
    pub(crate) fn add(&mut self, numbers: impl IntoIterator<Item = u64>, exchange: Exchange) {
        for number in numbers {
            let (block, number) = position(number);
            let index = self.find(block).unwrap_or_else(|index| {
                let (sent, received) = (Plane::default(), Plane::default());
                self.blocks.insert(index, Block { number: block, sent, received });
                index
            });
            let Block { sent, received, .. } = &mut self.blocks[index];
            for (plane, changed) in [(sent, exchange.sent), (received, exchange.received)] {
                if changed {
                    let before = plane.heap();
                    plane.insert(number);
                    self.heap = self.heap - before + plane.heap();
                }
            }
        }
        self.update_memory();
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.blocks = Vec::new();
        self.heap = 0;
        self.update_memory();
    }

    /// Whether [`forget`](Self::forget) may free memory. `ended`: [`LiveBlocks::ended`].
    pub(crate) fn is_outdated(&self, ended: u64) -> bool {
        self.forgotten_at != ended && !self.blocks.is_empty()
    }

    /// Forgets the blocks that have no envelope in the pool any more.
    pub(crate) fn forget(&mut self, live: &LiveBlocks) {
        self.forgotten_at = live.ended();
        self.blocks.retain(|Block { number, sent, received }| {
            let is_live = live.contains(*number);
            if !is_live {
                self.heap -= sent.heap() + received.heap();
            }
            is_live
        });
        if self.blocks.len() < self.blocks.capacity() / 4 {
            self.blocks.shrink_to_fit();
        }
        self.update_memory();
    }
}

/// The block of a number, and the number within the block.
fn position(number: u64) -> (u64, u16) {
    let numbers = if planted::is(Bug::KnownMixedUp) { 64 } else { BLOCK };
    (number / BLOCK, u16::try_from(number % numbers).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn heap(known: &KnownEnvelopes) -> usize {
        known.blocks.iter().map(|block| block.sent.heap() + block.received.heap()).sum()
    }

    #[test]
    fn its_memory_is_counted() {
        let mut known = KnownEnvelopes::default();
        known.add([9], Exchange::SENT);
        known.count_memory(MemoryCharge::default());
        assert!((100..400).contains(&known.memory.bytes()), "{}", known.memory.bytes());
        known.add((0..BLOCK).step_by(2), Exchange::RECEIVED);
        assert!((512..1000).contains(&known.memory.bytes()), "{}", known.memory.bytes());
        known.forget(&LiveBlocks::default());
        assert_eq!(known.memory.bytes(), 0);
    }

    #[test]
    fn a_peer_that_gets_nearly_all_envelopes_takes_little_memory() {
        let mut known = KnownEnvelopes::default();
        let from_it = |number: &u64| number.is_multiple_of(250);
        known.add((0..1_000_000).filter(from_it), Exchange::RECEIVED);
        known.add((0..1_000_000).filter(|number| !from_it(number)), Exchange::SENT);
        assert!(known.memory.bytes() < 250_000 / 4, "{}", known.memory.bytes());
        assert_eq!(known.get(999_750), Exchange::RECEIVED);
        assert_eq!(known.get(999_751), Exchange::SENT);
    }

    proptest! {
        #[test]
        fn numbers_do_not_affect_each_other(
            runs in prop::collection::vec((0_u64..9000, 1_u64..5000, any::<bool>()), 0..12),
        ) {
            let mut known = KnownEnvelopes::default();
            let mut oracle = HashMap::new();
            for (first, length, sent) in runs {
                let exchange = if sent { Exchange::SENT } else { Exchange::RECEIVED };
                known.add(first..first + length, exchange);
                for number in first..first + length {
                    let before = oracle.entry(number).or_insert(Exchange::NOTHING);
                    *before = Exchange {
                        sent: before.sent || exchange.sent,
                        received: before.received || exchange.received,
                    };
                }
                prop_assert_eq!(known.heap, heap(&known));
            }
            for number in 0..15_000 {
                let exchange = oracle.get(&number).copied().unwrap_or(Exchange::NOTHING);
                prop_assert_eq!(known.get(number), exchange);
                prop_assert_eq!(known.contains(number), exchange != Exchange::NOTHING);
            }
        }
    }
}
