//! Which messages were already delivered to a filter.

use std::collections::BTreeMap;

use crate::delivery::message::ContentHash;

/// Maximum number of messages that are remembered. Beyond that, those that expire first are forgotten first.
pub(super) const MAX_SEEN: usize = 4096;

/// The messages that were delivered to a filter and that may arrive again: in an envelope with another nonce, or in one
/// that was evicted from the pool and counts as new when a peer sends it again. After its expiry it is rejected.
///
/// No clock is needed: the one that expires first is forgotten first, and is the most likely to have expired. Only a
/// sender with the filter's key can fill this set.
#[derive(Debug, Default)]
pub(crate) struct SeenMessages(BTreeMap<(u32, ContentHash), u64>);

impl SeenMessages {
    /// Whether this message is remembered.
    pub(super) fn has(&self, expiry: u32, content: ContentHash) -> bool {
        self.0.contains_key(&(expiry, content))
    }

    /// Remembers a message that is new. Returns the number of the one that is forgotten for it, which may be itself.
    pub(super) fn insert(&mut self, expiry: u32, content: ContentHash, number: u64) -> Option<u64> {
        self.0.insert((expiry, content), number);
        if self.0.len() <= MAX_SEEN {
            return None;
        }
        self.0.pop_first().map(|(_, number)| number)
    }

    /// All of them: expiry, content and number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, ContentHash, u64)> {
        self.0.iter().map(|(&(expiry, content), &number)| (expiry, content, number))
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
            assert_eq!(seen.insert(expiry, content(1), expiry.into()), None);
        }
        assert!(seen.has(0, content(1)) && !seen.has(0, content(2)));
        assert_eq!(seen.insert(most, content(1), most.into()), Some(0));
        assert!(seen.has(most, content(1)) && !seen.has(0, content(1)));
        assert_eq!(seen.iter().count(), MAX_SEEN);
        assert_eq!(seen.insert(0, content(2), 9), Some(9), "it expires first itself");
    }
}
