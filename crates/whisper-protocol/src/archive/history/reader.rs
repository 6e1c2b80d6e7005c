//! Opens what is read, and delivers each message once.

use std::collections::BTreeMap;

use super::{
    cursor::{HashKey, MAX_EXPECTED},
    merge::MAX_IN_MEMORY,
};
use crate::{
    Envelope, StoredMessages,
    delivery::message::{ContentHash, ReceivedMessage},
};

/// Seconds after its expiry for which a message may come again. See `merge`.
const LATE: u32 = 120;

/// Opens envelopes, and remembers the messages that have not expired: a message that was sealed under several rules has several
/// envelopes, which arrive at different times.
#[derive(Debug)]
pub(super) struct Reader {
    messages: StoredMessages,
    seen: Seen,
}

/// The messages that were delivered and may come again.
#[derive(Debug, Default)]
struct Seen {
    /// The expiry and the beginning of the content hash → the number of the delivery.
    messages: BTreeMap<(u32, HashKey), u64>,
    /// The opposite: the messages in the order of their delivery.
    deliveries: BTreeMap<u64, (u32, HashKey)>,
    delivered: u64,
}

impl Reader {
    /// Goes on after these messages.
    pub(super) fn new(messages: StoredMessages, seen: &[(HashKey, u32)]) -> Self {
        Self { messages, seen: Seen::new(seen) }
    }

    /// The message in an envelope, if it is wanted and was not delivered.
    pub(super) fn open(&mut self, envelope: &Envelope) -> Option<ReceivedMessage> {
        let received = self.messages.open(envelope)?;
        let is_new = self.seen.insert((envelope.expiry(), ContentHash::of(envelope).prefix()));
        self.seen.limit(MAX_IN_MEMORY);
        is_new.then_some(received)
    }

    /// Forgets what has expired. `now`: seconds since 1970.
    pub(super) fn forget(&mut self, now: u32) {
        self.seen.forget(now);
    }

    /// The messages that may come again, ascending: the last that were delivered, as many as a cursor may have.
    pub(super) fn seen(&self) -> Vec<(HashKey, u32)> {
        self.seen.last(MAX_EXPECTED)
    }
}

impl Seen {
    /// The order of their delivery is not known: those that expire first are forgotten first.
    fn new(messages: &[(HashKey, u32)]) -> Self {
        let mut messages: Vec<_> = messages.iter().map(|(key, expiry)| (*expiry, *key)).collect();
        messages.sort_unstable();
        let mut seen = Self::default();
        for message in messages {
            seen.insert(message);
        }
        seen
    }

    /// Returns whether the message is new.
    fn insert(&mut self, message: (u32, HashKey)) -> bool {
        if self.messages.contains_key(&message) {
            return false;
        }
        self.delivered += 1;
        self.messages.insert(message, self.delivered);
        self.deliveries.insert(self.delivered, message);
        true
    }

    /// Forgets the first that were delivered, if there are more than `max`. Not those that expire first: the other envelopes of a
    /// message come soon after the first, however short its time to live is.
    fn limit(&mut self, max: usize) {
        while self.deliveries.len() > max
            && let Some((_, message)) = self.deliveries.pop_first()
        {
            self.messages.remove(&message);
        }
    }

    fn forget(&mut self, now: u32) {
        let left = self.messages.split_off(&(now.saturating_sub(LATE), [0; 16]));
        for delivery in std::mem::replace(&mut self.messages, left).into_values() {
            self.deliveries.remove(&delivery);
        }
    }

    /// The last `max` that were delivered, ascending.
    fn last(&self, max: usize) -> Vec<(HashKey, u32)> {
        let last = self.deliveries.values().rev().take(max);
        let mut last: Vec<_> = last.map(|(expiry, key)| (*key, *expiry)).collect();
        last.sort_unstable();
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(expiry: u32, number: u8) -> (u32, HashKey) {
        (expiry, [number; 16])
    }

    #[test]
    fn the_first_delivered_is_forgotten_first_whenever_it_expires() {
        let mut seen = Seen::default();
        for (expiry, number) in [(900, 1), (800, 2), (100, 3)] {
            assert!(seen.insert(message(expiry, number)));
            seen.limit(2);
        }
        assert!(!seen.insert(message(100, 3)), "the newest, although it expires first");
        assert_eq!(seen.last(1), [([3; 16], 100)], "a cursor has the last");
        assert_eq!(seen.last(9), [([2; 16], 800), ([3; 16], 100)]);
        assert!(seen.insert(message(900, 1)), "the first was forgotten");
    }

    #[test]
    fn what_has_expired_long_ago_is_forgotten() {
        let mut seen = Seen::new(&[([1; 16], 300), ([2; 16], 99), ([3; 16], 100)]);
        seen.forget(100 + LATE);
        assert_eq!(seen.last(9), [([1; 16], 300), ([3; 16], 100)]);
        assert_eq!(seen.deliveries.len(), 2);
        seen.limit(1);
        assert_eq!(seen.last(9), [([1; 16], 300)], "what expires first was put first");
    }
}
