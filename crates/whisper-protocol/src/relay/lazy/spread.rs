//! How many peers had the last envelopes when they came.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Number of envelopes that are remembered. A session that is further behind takes an envelope for one that many have.
const REMEMBERED: usize = 4096;

/// The bits of the number of peers; those above are of the envelope's number.
const COUNT_BITS: u32 = 8;

const MAX_COUNT: u64 = (1 << COUNT_BITS) - 1;

/// How many peers are known to have each of the last [`REMEMBERED`] envelopes, by their number in the pool. Without a lock:
/// the sessions read while others write. A count that is overwritten meanwhile is not found, or one less.
#[derive(Debug)]
pub(crate) struct Spread(Box<[AtomicU64]>);

impl Default for Spread {
    fn default() -> Self {
        Self((0..REMEMBERED).map(|_| AtomicU64::new(u64::MAX)).collect())
    }
}

impl Spread {
    /// The envelope with this number came when `holders` peers were known to have it.
    pub(crate) fn insert(&self, number: u64, holders: usize) {
        if let Some(slot) = self.slot(number) {
            slot.store(tag(number) | (holders as u64).min(MAX_COUNT), Relaxed);
        }
    }

    /// One more peer has it.
    pub(crate) fn add(&self, number: u64) {
        if let Some(holders) = self.get(number) {
            self.insert(number, holders + 1);
        }
    }

    /// How many peers are known to have it, if that is remembered.
    pub(crate) fn get(&self, number: u64) -> Option<usize> {
        let stored = self.slot(number)?.load(Relaxed);
        let count = usize::try_from(stored & MAX_COUNT).ok()?;
        (stored & !MAX_COUNT == tag(number)).then_some(count)
    }

    fn slot(&self, number: u64) -> Option<&AtomicU64> {
        self.0.get(usize::try_from(number % REMEMBERED as u64).ok()?)
    }
}

/// Tells the numbers apart that share a slot.
fn tag(number: u64) -> u64 {
    (number / REMEMBERED as u64) << COUNT_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_envelopes_are_known() {
        let spread = Spread::default();
        assert_eq!(spread.get(0), None);
        spread.add(0);
        assert_eq!(spread.get(0), None, "it did not come");
        spread.insert(0, 1);
        spread.insert(1, 999);
        spread.add(0);
        spread.add(1);
        assert_eq!((spread.get(0), spread.get(1)), (Some(2), Some(255)));
        spread.insert(4096, 1);
        assert_eq!((spread.get(0), spread.get(4096)), (None, Some(1)), "one slot for both");
    }
}
