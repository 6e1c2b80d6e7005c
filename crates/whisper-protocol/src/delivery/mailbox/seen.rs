//! Which messages were already delivered to a filter.

use std::collections::BTreeSet;

use crate::delivery::message::ContentHash;

/// Maximum number of messages that are remembered. Beyond that, those that expire first are forgotten first.
const MAX_SEEN: usize = 4096;

/// The messages that were delivered to a filter and that may arrive again: in an envelope with another nonce, or in one
/// that was evicted from the pool and counts as new when a peer sends it again. After its expiry it is rejected.
///
/// No clock is needed: the one that expires first is forgotten first, and is the most likely to have expired. Only a
/// sender with the filter's key can fill this set.
#[derive(Debug, Default)]
pub(crate) struct SeenMessages(BTreeSet<(u32, ContentHash)>);

impl SeenMessages {
    /// Remembers a message. Returns whether it is new.
    pub(crate) fn insert(&mut self, expiry: u32, content: ContentHash) -> bool {
        let new = self.0.insert((expiry, content));
        if self.0.len() > MAX_SEEN {
            self.0.pop_first();
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(number: u8) -> ContentHash {
        ContentHash::from_bytes([number; 32])
    }

    #[test]
    fn forgets_first_what_expires_first() {
        let mut seen = SeenMessages::default();
        let most = u32::try_from(MAX_SEEN).unwrap();
        for expiry in (0..most).rev() {
            assert!(seen.insert(expiry, content(1)));
        }
        assert!(!seen.insert(0, content(1)));
        assert!(seen.insert(most, content(1)) && seen.0.len() == MAX_SEEN);
        assert!(!seen.insert(1, content(1)) && !seen.insert(most, content(1)));
        assert!(seen.insert(1, content(2)), "another message of the same second");
    }
}
