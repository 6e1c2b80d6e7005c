//! Which of the pooled envelopes a peer has, and from whom: two bits each.

/// What passed between this node and a peer of one envelope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// The peer was sent it.
    pub(crate) sent: bool,
    /// The peer sent it.
    pub(crate) received: bool,
}

impl Passed {
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

/// What passed of each of the pool's slots.
///
/// It grows with the pool's highest slot and needs no bound of its own. A slot's bits are written
/// anew when the slot is filled again, so nothing has to be cleared when envelopes leave the pool.
#[derive(Debug, Default)]
pub(crate) struct Known(Vec<u64>);

impl Known {
    pub(crate) fn get(&self, slot: u32) -> Passed {
        let (word, shift) = place(slot);
        Passed::of(self.0.get(word).map_or(0, |bits| bits >> shift))
    }

    /// Whether the peer has it.
    pub(crate) fn contains(&self, slot: u32) -> bool {
        self.get(slot) != Passed::NOTHING
    }

    /// Forgets what was there before.
    pub(crate) fn set(&mut self, slot: u32, passed: Passed) {
        let (word, shift) = place(slot);
        if word >= self.0.len() {
            if passed == Passed::NOTHING {
                return;
            }
            self.0.resize(word + 1, 0);
        }
        self.0[word] = self.0[word] & !(3 << shift) | passed.bits() << shift;
    }

    /// Besides what was there before.
    pub(crate) fn add(&mut self, slot: u32, passed: Passed) {
        let before = self.get(slot);
        let sent = before.sent || passed.sent;
        self.set(slot, Passed { sent, received: before.received || passed.received });
    }
}

fn place(slot: u32) -> (usize, u32) {
    (slot as usize / 32, slot % 32 * 2)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_slot_has_its_own(
            changes in prop::collection::vec((0_u32..300, 0_u64..4, any::<bool>()), 0..200)
        ) {
            let mut known = Known::default();
            let mut oracle = HashMap::new();
            for (slot, bits, add) in changes {
                let before = oracle.entry(slot).or_insert(0);
                if add {
                    known.add(slot, Passed::of(bits));
                    *before |= bits;
                } else {
                    known.set(slot, Passed::of(bits));
                    *before = bits;
                }
            }
            for slot in 0..400 {
                let bits = oracle.get(&slot).copied().unwrap_or(0);
                prop_assert_eq!(known.get(slot), Passed::of(bits));
                prop_assert_eq!(known.contains(slot), bits != 0);
            }
        }
    }
}
