//! Envelopes that arrive before their time are kept until it comes.
//!
//! A peer sends an envelope once. If this node's clock is behind, or the clock of the envelope's maker is ahead, the
//! envelope would be rejected as from the future, and be lost. So the session keeps it, and processes it as soon as the
//! node's clock reaches the second in which the envelope was sent. If the session ends before, nothing is lost either:
//! peers send all live envelopes to a new connection.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use p2p_mux::MemoryCharge;
use p2p_world::planted::{self, Bug};
use whisper_envelope::Envelope;

use crate::{
    lock::lock, relay::admission::EnvelopeOutcome, relay::driver::MAX_BATCH,
    relay::reject_reason::RejectReason,
};

/// Envelopes further in the future than this many seconds are not kept: their maker's clock was never set.
const MAX_AHEAD_SECS: u32 = 600;

/// Maximum number and bytes of the envelopes that are kept for one peer. Beyond that, they are rejected for good.
const MAX_KEPT: usize = 4096;
const MAX_KEPT_BYTES: usize = 1024 * 1024;

/// Memory of an entry besides the bytes of its envelope.
const ENTRY_BYTES: usize = size_of::<((u32, [u8; 32]), Envelope)>();

/// The envelopes of one peer that arrived before their time. Their work is not checked yet: the peer gains nothing by
/// filling this room, which is its own.
#[derive(Debug, Default)]
pub(super) struct EarlyEnvelopes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// By the second of sending.
    waiting: BTreeMap<(u32, [u8; 32]), Envelope>,
    bytes: usize,
    memory: MemoryCharge,
}

impl EarlyEnvelopes {
    /// None so far. `memory`: counts what is kept.
    pub(super) fn new(memory: MemoryCharge) -> Self {
        Self(Mutex::new(Kept { memory, ..Kept::default() }))
    }

    /// Keeps the envelopes of a batch that were rejected as from the future. Returns how many were kept.
    pub(super) fn keep(&self, batch: &[Envelope], outcomes: &[EnvelopeOutcome]) -> usize {
        let keep = |(envelope, outcome): &(&Envelope, &EnvelopeOutcome)| match outcome {
            EnvelopeOutcome::Rejected(RejectReason::FromTheFuture { ahead }) => {
                self.kept().keep(envelope, *ahead)
            }
            _ => false,
        };
        batch.iter().zip(outcomes).filter(keep).count()
    }

    /// When the next envelope's time comes, in seconds since 1970; `None` if there is none.
    pub(super) fn next_due(&self) -> Option<u32> {
        self.kept().waiting.first_key_value().map(|((sent, _), _)| *sent)
    }

    /// Takes up to [`MAX_BATCH`] envelopes whose time has come, the earliest first.
    pub(super) fn take_due(&self, now: u32) -> Vec<Envelope> {
        self.kept().take_due(now)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.0)
    }
}

impl Kept {
    /// Keeps an envelope that was sent `ahead` seconds in the future. Returns whether it was kept.
    fn keep(&mut self, envelope: &Envelope, ahead: u32) -> bool {
        let Some(sent) = envelope.sent().filter(|_| ahead <= MAX_AHEAD_SECS) else { return false };
        let bytes = self.bytes + envelope.raw().len();
        let has_room = self.waiting.len() < MAX_KEPT && bytes <= MAX_KEPT_BYTES;
        let key = (sent, *envelope.hash());
        if !has_room || self.waiting.contains_key(&key) {
            return false;
        }
        self.bytes = bytes;
        // A copy: it must not keep the large packet alive that it came in.
        self.waiting.insert(key, envelope.detached());
        self.update_memory();
        true
    }

    fn take_due(&mut self, now: u32) -> Vec<Envelope> {
        let mut due = Vec::new();
        while due.len() < MAX_BATCH
            && let Some(first) = self.waiting.first_entry()
            && first.key().0 <= now
        {
            let envelope = first.remove();
            self.bytes -= envelope.raw().len();
            due.extend((!planted::is(Bug::EarlyLost)).then_some(envelope));
        }
        self.update_memory();
        due
    }

    fn update_memory(&mut self) {
        self.memory.set(self.bytes + self.waiting.len() * ENTRY_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::testing::{NOW, envelope_of_size, envelope_until};

    /// An envelope sent `seconds` from now, which lives for 50 s.
    fn ahead(seconds: u32, number: u64) -> Envelope {
        envelope_until(NOW + seconds + 50, number)
    }

    fn keep(early: &EarlyEnvelopes, envelope: Envelope, ahead: u32) -> bool {
        let outcome = EnvelopeOutcome::Rejected(RejectReason::FromTheFuture { ahead });
        early.keep(&[envelope], &[outcome]) == 1
    }

    #[test]
    fn their_memory_is_counted() {
        let early = EarlyEnvelopes::default();
        let used = || early.kept().memory.bytes();
        let envelope = ahead(20, 1);
        let size = envelope.raw().len();
        assert!(keep(&early, envelope, 20));
        assert_eq!(used(), size + ENTRY_BYTES);
        assert_eq!(early.take_due(NOW + 20).len(), 1);
        assert_eq!(used(), 0);
    }

    #[test]
    fn envelopes_are_returned_when_their_time_has_come_the_earliest_first() {
        let early = EarlyEnvelopes::default();
        assert_eq!(early.next_due(), None);
        for (seconds, number) in [(300, 1), (20, 2), (20, 3)] {
            assert!(keep(&early, ahead(seconds, number), seconds));
            assert!(!keep(&early, ahead(seconds, number), seconds), "once");
        }
        assert_eq!((early.next_due(), early.take_due(NOW + 19)), (Some(NOW + 20), Vec::new()));
        let mut nonces: Vec<u64> = early.take_due(NOW + 20).iter().map(Envelope::nonce).collect();
        nonces.sort_unstable();
        assert_eq!((nonces, early.next_due()), (vec![2, 3], Some(NOW + 300)));
        assert_eq!(early.take_due(NOW + 1000).len(), 1);
        assert_eq!(early.next_due(), None);
        assert_eq!(early.kept().bytes, 0);
    }

    #[test]
    fn only_envelopes_from_the_near_future_are_kept() {
        let early = EarlyEnvelopes::default();
        let batch = [ahead(20, 1), ahead(20, 2), ahead(20, 3)];
        let outcomes = [
            EnvelopeOutcome::New,
            EnvelopeOutcome::Rejected(RejectReason::FromTheFuture { ahead: 20 }),
            EnvelopeOutcome::Rejected(RejectReason::TooLarge { size: 1, limit: 0 }),
        ];
        assert_eq!(early.keep(&batch, &outcomes), 1);
        assert!(keep(&early, ahead(MAX_AHEAD_SECS, 4), MAX_AHEAD_SECS));
        assert!(!keep(&early, ahead(MAX_AHEAD_SECS + 1, 5), MAX_AHEAD_SECS + 1));
    }

    #[test]
    fn number_and_bytes_are_limited() {
        let early = EarlyEnvelopes::default();
        let many = (0..2 * MAX_KEPT as u64).filter(|number| keep(&early, ahead(20, *number), 20));
        assert_eq!(many.count(), MAX_KEPT);
        let early = EarlyEnvelopes::default();
        let large = (0..100).filter(|number| keep(&early, envelope_of_size(100_000, *number), 20));
        assert_eq!(large.count(), MAX_KEPT_BYTES / 100_000);
        assert!(early.kept().bytes <= MAX_KEPT_BYTES);
        let due = early.take_due(u32::MAX);
        assert_eq!((due.len(), early.kept().bytes), (MAX_KEPT_BYTES / 100_000, 0));
    }
}
