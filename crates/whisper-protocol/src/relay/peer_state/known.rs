//! Which pooled envelopes a peer has, and who sent them: two bits for each.

use p2p_mux::MemoryCharge;

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

    fn bits(self) -> u64 {
        u64::from(self.sent) | u64::from(self.received) << 1
    }

    fn of(bits: u64) -> Self {
        Self { sent: bits & 1 != 0, received: bits & 2 != 0 }
    }
}

/// The exchange of each pool slot with one peer.
///
/// It grows with the highest slot of the pool: 250 KB for a million envelopes. That counts in the memory budget of the
/// peer's connection. A slot's bits are overwritten when the
/// slot is reused, so nothing has to be cleared when envelopes leave the pool.
#[derive(Debug, Default)]
pub(crate) struct KnownEnvelopes {
    words: Vec<u64>,
    memory: MemoryCharge,
}

impl KnownEnvelopes {
    /// Counts the memory from now on.
    pub(crate) fn count_memory(&mut self, memory: MemoryCharge) {
        self.memory = memory;
        self.update_memory();
    }

    fn update_memory(&mut self) {
        self.memory.set(self.words.capacity() * size_of::<u64>());
    }

    pub(crate) fn get(&self, slot: u32) -> Exchange {
        let (word, shift) = position(slot);
        Exchange::of(self.words.get(word).map_or(0, |bits| bits >> shift))
    }

    /// Whether the peer has the envelope.
    pub(crate) fn contains(&self, slot: u32) -> bool {
        self.get(slot) != Exchange::NOTHING
    }

    /// Replaces what was recorded for the slot.
    pub(crate) fn set(&mut self, slot: u32, exchange: Exchange) {
        let (word, shift) = position(slot);
        if word >= self.words.len() {
            if exchange == Exchange::NOTHING {
                return;
            }
            self.words.resize(word + 1, 0);
            self.update_memory();
        }
        self.words[word] = self.words[word] & !(3 << shift) | exchange.bits() << shift;
    }

    /// Adds to what was recorded for the slot.
    pub(crate) fn add(&mut self, slot: u32, exchange: Exchange) {
        let before = self.get(slot);
        let sent = before.sent || exchange.sent;
        self.set(slot, Exchange { sent, received: before.received || exchange.received });
    }
}

fn position(slot: u32) -> (usize, u32) {
    (slot as usize / 32, slot % 32 * 2)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn its_memory_is_counted() {
        let mut known = KnownEnvelopes::default();
        known.set(9, Exchange::SENT);
        known.count_memory(MemoryCharge::default());
        assert!((8..1000).contains(&known.memory.bytes()));
        known.set(1_000_000, Exchange::RECEIVED);
        assert!((250_000..=500_100).contains(&known.memory.bytes()), "{}", known.memory.bytes());
    }

    proptest! {
        #[test]
        fn slots_do_not_affect_each_other(
            changes in prop::collection::vec((0_u32..300, 0_u64..4, any::<bool>()), 0..200)
        ) {
            let mut known = KnownEnvelopes::default();
            let mut oracle = HashMap::new();
            for (slot, bits, add) in changes {
                let before = oracle.entry(slot).or_insert(0);
                if add {
                    known.add(slot, Exchange::of(bits));
                    *before |= bits;
                } else {
                    known.set(slot, Exchange::of(bits));
                    *before = bits;
                }
            }
            for slot in 0..400 {
                let bits = oracle.get(&slot).copied().unwrap_or(0);
                prop_assert_eq!(known.get(slot), Exchange::of(bits));
                prop_assert_eq!(known.contains(slot), bits != 0);
            }
        }
    }
}
