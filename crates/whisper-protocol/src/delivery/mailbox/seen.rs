//! Which envelopes were already delivered to a filter.

use std::collections::BTreeSet;

/// Maximum number of envelopes that are remembered. Beyond that, those that expire first are forgotten first.
const MAX_SEEN: usize = 4096;

/// The envelopes that were delivered to a filter and that may arrive again: one that was evicted from the pool counts as
/// new when a peer sends it again. After its expiry it is rejected.
///
/// No clock is needed: the one that expires first is forgotten first, and is the most likely to have expired. Only a
/// sender with the filter's key can fill this set.
#[derive(Debug, Default)]
pub(crate) struct SeenEnvelopes(BTreeSet<(u32, [u8; 32])>);

impl SeenEnvelopes {
    /// Remembers an envelope. Returns whether it is new.
    pub(crate) fn insert(&mut self, expiry: u32, hash: [u8; 32]) -> bool {
        let new = self.0.insert((expiry, hash));
        if self.0.len() > MAX_SEEN {
            self.0.pop_first();
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_first_what_expires_first() {
        let mut seen = SeenEnvelopes::default();
        let most = u32::try_from(MAX_SEEN).unwrap();
        for expiry in (0..most).rev() {
            assert!(seen.insert(expiry, [1; 32]));
        }
        assert!(!seen.insert(0, [1; 32]));
        assert!(seen.insert(most, [1; 32]) && seen.0.len() == MAX_SEEN);
        assert!(!seen.insert(1, [1; 32]) && !seen.insert(most, [1; 32]));
        assert!(seen.insert(1, [2; 32]), "another envelope of the same second");
    }
}
