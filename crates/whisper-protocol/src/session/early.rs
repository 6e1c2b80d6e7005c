//! Envelopes that came before their time: kept until it comes.
//!
//! A peer offers an envelope once. Where this node's clock is behind, or that of whoever made the
//! envelope is ahead, it would be refused as from the future and be gone for good. So the session
//! keeps it, and offers it again itself as soon as the node's clock has reached the second in which
//! it was sent. If the session ends before, nothing is lost either: the peer offers what is alive to
//! whoever connects anew.

use std::{collections::BTreeMap, future::pending, time::Duration};

use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};
use whisper_envelope::Envelope;

use super::Session;
use crate::{
    delivery::PATIENCE,
    hub::BATCH,
    lock::lock,
    relay::Seat,
    relay::admission::{Rejection, Verdict},
};

/// Who is ahead by more seconds than this is not only inexact: what it sends is not waited for.
const LONGEST: u32 = 600;

/// How many envelopes of one peer wait at most, and how many bytes of them. Beyond that a new one is
/// refused for good.
const MOST: usize = 4096;
const MOST_BYTES: usize = 1024 * 1024;

/// How often to look within the last second. Clocks tell seconds only, and not when one begins.
const OFTEN: Duration = Duration::from_millis(50);

/// How often to look before: the clock may be set.
const SELDOM: Duration = Duration::from_secs(1);

/// The envelopes of one peer that came before their time. Their work is not looked at before: a peer
/// gains nothing by filling the room that only it has.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// By the second in which they were sent.
    waiting: BTreeMap<(u32, [u8; 32]), Envelope>,
    bytes: usize,
}

impl Early {
    /// Keeps an envelope that was sent so many seconds from now; false if it is not to be waited for.
    fn keep(&mut self, envelope: &Envelope, ahead: u32) -> bool {
        let Some(sent) = envelope.sent().filter(|_| ahead <= LONGEST) else { return false };
        let bytes = self.bytes + envelope.raw().len();
        let has_room = self.waiting.len() < MOST && bytes <= MOST_BYTES;
        let key = (sent, *envelope.hash());
        if !has_room || self.waiting.contains_key(&key) {
            return false;
        }
        self.bytes = bytes;
        // In memory of its own: it must not keep the large packet alive that it came in.
        self.waiting.insert(key, envelope.detached());
        true
    }

    /// When the next one's time comes, in seconds since 1970.
    fn next(&self) -> Option<u32> {
        self.waiting.first_key_value().map(|((sent, _), _)| *sent)
    }

    /// Some of those whose time has come, the first first.
    fn take_due(&mut self, now: u32) -> Vec<Envelope> {
        let mut due = Vec::new();
        while due.len() < BATCH
            && let Some(first) = self.waiting.first_entry()
            && first.key().0 <= now
        {
            let envelope = first.remove();
            self.bytes -= envelope.raw().len();
            due.push(envelope);
        }
        due
    }
}

impl Session {
    /// Keeps what came before its time, of a batch with these verdicts.
    pub(super) fn keep_early(&self, batch: &[Envelope], verdicts: &[Verdict]) {
        for (envelope, verdict) in batch.iter().zip(verdicts) {
            if let Verdict::Rejected(Rejection::FromTheFuture { ahead }) = verdict
                && lock(&self.early).keep(envelope, *ahead)
            {
                self.hub.counters.envelopes.early.one();
            }
        }
    }

    /// Waits until the time of something that was kept has come; for ever while there is nothing.
    pub(super) async fn due(&self) {
        loop {
            let Some(next) = lock(&self.early).next() else { return pending().await };
            match next.saturating_sub(self.hub.settings.clock.now()) {
                0 => return,
                1 => sleep(OFTEN).await,
                _ => sleep(SELDOM).await,
            }
        }
    }

    /// Takes what was kept and whose time has come, as if the peer sent it now.
    pub(super) async fn handle_due(&self, seat: Seat) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let batch = lock(&self.early).take_due(self.hub.settings.clock.now());
            if batch.is_empty() {
                return;
            }
            self.hub.delivery.room(deadline).await;
            self.hub.receive_due(seat, &batch);
            yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::testing::{NOW, envelope_of_size, envelope_until};

    /// Sent so many seconds from now: those of the tests live for 50 s.
    fn ahead(seconds: u32, number: u64) -> Envelope {
        envelope_until(NOW + seconds + 50, number)
    }

    #[test]
    fn given_back_when_their_time_has_come_the_first_first() {
        let mut early = Early::default();
        assert_eq!(early.next(), None);
        for (seconds, number) in [(300, 1), (20, 2), (20, 3)] {
            assert!(early.keep(&ahead(seconds, number), seconds));
            assert!(!early.keep(&ahead(seconds, number), seconds), "once");
        }
        assert_eq!((early.next(), early.take_due(NOW + 19)), (Some(NOW + 20), Vec::new()));
        let mut nonces: Vec<u64> = early.take_due(NOW + 20).iter().map(Envelope::nonce).collect();
        nonces.sort_unstable();
        assert_eq!((nonces, early.next()), (vec![2, 3], Some(NOW + 300)));
        assert_eq!(early.take_due(NOW + 1000).len(), 1);
        assert_eq!((early.bytes, early.next()), (0, None));
    }

    #[test]
    fn who_is_too_far_ahead_is_not_waited_for() {
        let mut early = Early::default();
        assert!(early.keep(&ahead(LONGEST, 1), LONGEST));
        assert!(!early.keep(&ahead(LONGEST + 1, 2), LONGEST + 1));
    }

    #[test]
    fn bounded_in_number_and_bytes() {
        let mut early = Early::default();
        let many = (0..2 * MOST as u64).filter(|number| early.keep(&ahead(20, *number), 20));
        assert_eq!(many.count(), MOST);
        let mut early = Early::default();
        let large = (0..100).map(|number| envelope_of_size(100_000, number));
        assert_eq!(large.filter(|large| early.keep(large, 20)).count(), MOST_BYTES / 100_000);
        assert!(early.bytes <= MOST_BYTES);
        let due = early.take_due(u32::MAX);
        assert_eq!((due.len(), early.bytes), (MOST_BYTES / 100_000, 0));
    }
}
