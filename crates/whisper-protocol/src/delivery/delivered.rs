//! Which envelopes a filter has had.

use std::collections::BTreeSet;

/// How many are remembered. With more than that alive at the same time, the first to expire are
/// forgotten first.
const MOST: usize = 4096;

/// The envelopes that a filter has had and that may come again: one that was evicted from the pool
/// counts as new when a peer sends it once more. After its expiry nobody takes it.
///
/// Needs no clock: what expires first is forgotten when there is no more room, and is the most likely
/// to have expired. Nobody can fill it who does not have the filter's key.
#[derive(Debug, Default)]
pub(crate) struct Delivered(BTreeSet<(u32, [u8; 32])>);

impl Delivered {
    /// Remembers an envelope; false if it was remembered already.
    pub(crate) fn insert(&mut self, expiry: u32, hash: [u8; 32]) -> bool {
        let new = self.0.insert((expiry, hash));
        if self.0.len() > MOST {
            self.0.pop_first();
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_expires_first() {
        let mut delivered = Delivered::default();
        let most = u32::try_from(MOST).unwrap();
        for expiry in (0..most).rev() {
            assert!(delivered.insert(expiry, [1; 32]));
        }
        assert!(!delivered.insert(0, [1; 32]));
        assert!(delivered.insert(most, [1; 32]) && delivered.0.len() == MOST);
        assert!(!delivered.insert(1, [1; 32]) && !delivered.insert(most, [1; 32]));
        assert!(delivered.insert(1, [2; 32]), "another of the same second");
    }
}
