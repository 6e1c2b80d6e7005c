//! Which of the pooled envelopes a peer has, one bit each.

/// A set of the pool's slots.
///
/// It grows with the pool's highest slot and needs no bound of its own. A slot's bit is written
/// anew when the slot is filled again, so nothing has to be cleared when envelopes leave the pool.
#[derive(Debug, Default)]
pub(crate) struct Known(Vec<u64>);

impl Known {
    pub(crate) fn contains(&self, slot: u32) -> bool {
        let (word, bit) = place(slot);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    pub(crate) fn set(&mut self, slot: u32, known: bool) {
        let (word, bit) = place(slot);
        if known {
            if word >= self.0.len() {
                self.0.resize(word + 1, 0);
            }
            self.0[word] |= bit;
        } else if let Some(bits) = self.0.get_mut(word) {
            *bits &= !bit;
        }
    }
}

fn place(slot: u32) -> (usize, u64) {
    (slot as usize / 64, 1 << (slot % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_a_set(changes in prop::collection::vec((0_u32..300, any::<bool>()), 0..200)) {
            let mut known = Known::default();
            let mut oracle = HashSet::new();
            for (slot, insert) in changes {
                known.set(slot, insert);
                if insert { oracle.insert(slot); } else { oracle.remove(&slot); }
            }
            for slot in 0..400 {
                prop_assert_eq!(known.contains(slot), oracle.contains(&slot));
            }
        }
    }
}
