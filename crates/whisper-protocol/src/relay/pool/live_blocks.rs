//! Which blocks of numbers still have envelopes in the pool.

use std::collections::BTreeMap;

/// Number of envelopes in a block.
pub(crate) const BLOCK: u64 = 4096;

/// Envelopes are numbered in the order of their admission. These are the blocks of numbers of which some are in the
/// pool, so that what is known about the others can be forgotten.
#[derive(Debug, Default)]
pub(crate) struct LiveBlocks {
    /// Number of pooled envelopes in each block.
    counts: BTreeMap<u64, u32>,
    /// How many blocks have ended so far.
    ended: u64,
}

impl LiveBlocks {
    /// The envelope with this number is in the pool now.
    pub(super) fn insert(&mut self, number: u64) {
        *self.counts.entry(number / BLOCK).or_default() += 1;
    }

    /// The envelope with this number left the pool.
    pub(super) fn remove(&mut self, number: u64) {
        let block = number / BLOCK;
        let Some(count) = self.counts.get_mut(&block) else { return };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&block);
            self.ended += 1;
        }
    }

    /// Whether the pool has an envelope of this block.
    pub(crate) fn contains(&self, block: u64) -> bool {
        self.counts.contains_key(&block)
    }

    /// How many blocks have ended so far. If it has not changed, neither has what can be forgotten.
    pub(crate) fn ended(&self) -> u64 {
        self.ended
    }
}
