//! Opens what is read, and delivers each message once.

use std::collections::BTreeSet;

use super::cursor::{HashKey, MAX_EXPECTED};
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
    /// The expiry and the beginning of the content hash.
    seen: BTreeSet<(u32, HashKey)>,
}

impl Reader {
    /// Goes on after these messages.
    pub(super) fn new(messages: StoredMessages, seen: &[(HashKey, u32)]) -> Self {
        let seen = seen.iter().map(|(key, expiry)| (*expiry, *key)).collect();
        Self { messages, seen }
    }

    /// The message in an envelope, if it is wanted and was not delivered.
    pub(super) fn open(&mut self, envelope: &Envelope) -> Option<ReceivedMessage> {
        let received = self.messages.open(envelope)?;
        let is_new = self.seen.insert((envelope.expiry(), ContentHash::of(envelope).prefix()));
        if self.seen.len() > MAX_EXPECTED {
            self.seen.pop_first(); // It expires first.
        }
        is_new.then_some(received)
    }

    /// Forgets what has expired. `now`: seconds since 1970.
    pub(super) fn forget(&mut self, now: u32) {
        let expired = (now.saturating_sub(LATE), [0; 16]);
        self.seen = self.seen.split_off(&expired);
    }

    /// The messages that may come again, ascending.
    pub(super) fn seen(&self) -> Vec<(HashKey, u32)> {
        let mut seen: Vec<_> = self.seen.iter().map(|(expiry, key)| (*key, *expiry)).collect();
        seen.sort_unstable();
        seen
    }
}
