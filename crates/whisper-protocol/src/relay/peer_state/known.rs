//! Which pooled envelopes a peer has, and who sent them: two bits for each.

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
/// It grows with the highest slot of the pool and needs no limit of its own. A slot's bits are overwritten when the
/// slot is reused, so nothing has to be cleared when envelopes leave the pool.
#[derive(Debug, Default)]
pub(crate) struct KnownEnvelopes(Vec<u64>);

impl KnownEnvelopes {
    pub(crate) fn get(&self, slot: u32) -> Exchange {
        let (word, shift) = position(slot);
        Exchange::of(self.0.get(word).map_or(0, |bits| bits >> shift))
    }

    /// Whether the peer has the envelope.
    pub(crate) fn contains(&self, slot: u32) -> bool {
        self.get(slot) != Exchange::NOTHING
    }

    /// Replaces what was recorded for the slot.
    pub(crate) fn set(&mut self, slot: u32, exchange: Exchange) {
        let (word, shift) = position(slot);
        if word >= self.0.len() {
            if exchange == Exchange::NOTHING {
                return;
            }
            self.0.resize(word + 1, 0);
        }
        self.0[word] = self.0[word] & !(3 << shift) | exchange.bits() << shift;
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
