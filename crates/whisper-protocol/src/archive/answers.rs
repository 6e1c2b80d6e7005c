//! The parts of an answer that arrived and were not taken yet.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use super::wire::{ArchivePage, ArchiveRefusal};
use crate::lock::lock;

/// A part of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Page(ArchivePage),
    /// The end, without a complete answer.
    Refused(ArchiveRefusal),
}

/// The end of the connection with the archive. The answer ends when it is dropped.
#[derive(Debug)]
pub(super) struct AnswerSender(Arc<Queue>);

/// The end of the client.
#[derive(Debug)]
pub(super) struct AnswerReceiver(Arc<Queue>);

/// More arrived than the queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug)]
struct Queue {
    /// Bytes of pages from which on no further page is taken.
    limit: usize,
    waiting: Mutex<Waiting>,
    /// Notified when something was added, or the sender is gone.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// The parts, with their bytes on the wire.
    parts: VecDeque<(Answer, usize)>,
    bytes: usize,
    has_ended: bool,
}

/// A queue that takes pages while it holds less than `limit` bytes of them, as long as they were on the wire. A page without
/// envelopes, which says how far the answer is complete, does not wait beside another one.
pub(super) fn queue(limit: u32) -> (AnswerSender, AnswerReceiver) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let queue = Arc::new(Queue { limit, waiting: Mutex::default(), changed: Notify::new() });
    (AnswerSender(Arc::clone(&queue)), AnswerReceiver(queue))
}

impl AnswerSender {
    /// Adds a part, which had this number of bytes on the wire.
    pub(super) fn send(&self, answer: Answer, bytes: usize) -> Result<(), Full> {
        let mut waiting = lock(&self.0.waiting);
        if matches!(answer, Answer::Page(_)) && waiting.bytes >= self.0.limit {
            return Err(Full);
        }
        waiting.bytes += bytes;
        match (waiting.parts.back_mut(), answer) {
            (Some((Answer::Page(last), total)), Answer::Page(page))
                if page.envelopes.is_empty() =>
            {
                let envelopes = std::mem::take(&mut last.envelopes);
                *last = ArchivePage { envelopes, ..page };
                *total += bytes;
            }
            (_, answer) => waiting.parts.push_back((answer, bytes)),
        }
        drop(waiting);
        self.0.changed.notify_one();
        Ok(())
    }
}

impl Drop for AnswerSender {
    fn drop(&mut self) {
        lock(&self.0.waiting).has_ended = true;
        self.0.changed.notify_one();
    }
}

impl AnswerReceiver {
    /// Waits for the next part, and says how many bytes it had; `None` at the end. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<(Answer, usize)> {
        loop {
            {
                let mut waiting = lock(&self.0.waiting);
                if let Some((answer, bytes)) = waiting.parts.pop_front() {
                    waiting.bytes -= bytes;
                    return Some((answer, bytes));
                }
                if waiting.has_ended {
                    return None;
                }
            }
            self.0.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use whisper_envelope::{Topic, Unsealed};

    use super::*;
    use crate::{StoredEnvelope, archive::wire::PageState};

    fn page(envelopes: u64, end: u64) -> Answer {
        let stored = |arrival| {
            let envelope = Unsealed::v6(1000, 50, Topic([1; 4]), b"").seal(arrival);
            StoredEnvelope { arrival, envelope }
        };
        let envelopes = (1..=envelopes).map(stored).collect();
        let state = PageState::Tail;
        Answer::Page(ArchivePage { id: 1, envelopes, end, oldest: 1, newest: end, state })
    }

    #[tokio::test]
    async fn a_full_queue_takes_no_page() {
        let (sender, mut receiver) = queue(100);
        assert_eq!(sender.send(page(1, 1), 60), Ok(()));
        assert_eq!(sender.send(page(1, 2), 60), Ok(()), "it was not full");
        assert_eq!(sender.send(page(1, 3), 1), Err(Full));
        assert_eq!(receiver.next().await, Some((page(1, 1), 60)));
        assert_eq!(sender.send(page(1, 3), 1), Ok(()));
        drop(sender);
        assert_eq!(receiver.next().await, Some((page(1, 2), 60)));
        assert_eq!(receiver.next().await, Some((page(1, 3), 1)));
        assert_eq!(receiver.next().await, None);
    }

    #[tokio::test]
    async fn pages_without_envelopes_do_not_pile_up() {
        let (sender, mut receiver) = queue(1_000_000);
        sender.send(page(2, 2), 50).unwrap();
        for end in 3..1000 {
            sender.send(page(0, end), 10).unwrap();
        }
        assert_eq!(lock(&sender.0.waiting).parts.len(), 1);
        assert_eq!(receiver.next().await, Some((page(2, 999), 50 + 997 * 10)));
        assert_eq!(lock(&sender.0.waiting).bytes, 0);
    }
}
