//! Where the messages of one filter wait to be fetched. When it is full, the oldest is dropped.

mod seen;

use std::{
    collections::{HashSet, VecDeque},
    future::poll_fn,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use crate::{config::QueueLimits, delivery::message::ReceivedMessage, lock::lock};
use seen::SeenEnvelopes;

/// The result of [`Mailbox::put`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PutOutcome {
    /// The message was stored; these older ones were dropped for it.
    Stored { dropped: Vec<[u8; 32]> },
    /// The message is or was already in the mailbox.
    Repeated,
    /// The message alone exceeds the limits of the mailbox.
    TooLarge,
}

#[derive(Debug, Default)]
struct Contents {
    messages: VecDeque<Arc<ReceivedMessage>>,
    hashes: HashSet<[u8; 32]>,
    /// Broadcast messages, including those that were taken out. Direct messages are not included: a second copy was
    /// requested.
    seen: SeenEnvelopes,
    bytes: usize,
    /// Number of messages that were dropped.
    lost: usize,
    closed: bool,
    /// The task that waits for the next message.
    waker: Option<Waker>,
}

/// A mailbox. Shared by the workers that fill it and the owner of the filter.
#[derive(Debug)]
pub(crate) struct Mailbox {
    contents: Mutex<Contents>,
    limits: QueueLimits,
}

impl Mailbox {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self { contents: Mutex::default(), limits }
    }

    /// Stores a message. Drops the oldest ones if there is no room.
    pub(crate) fn put(&self, message: Arc<ReceivedMessage>) -> PutOutcome {
        let size = message.size();
        if size > self.limits.bytes || self.limits.items == 0 {
            return PutOutcome::TooLarge;
        }
        let mut contents = lock(&self.contents);
        if contents.hashes.contains(&message.hash) || !contents.is_new(&message) {
            return PutOutcome::Repeated;
        }
        contents.hashes.insert(message.hash);
        let mut dropped = Vec::new();
        while contents.messages.len() >= self.limits.items
            || contents.bytes + size > self.limits.bytes
        {
            let Some(oldest) = contents.take() else { break };
            dropped.push(oldest.hash);
        }
        contents.bytes += size;
        contents.messages.push_back(message);
        let before = contents.lost;
        contents.lost += dropped.len();
        let lost = contents.lost;
        let waker = contents.waker.take();
        drop(contents);
        waker.into_iter().for_each(Waker::wake);
        // Logs the first drop, then at every doubling.
        if lost > before && before.checked_ilog2() != lost.checked_ilog2() {
            tracing::warn!(lost, "a client does not fetch its messages: the oldest are dropped");
        }
        PutOutcome::Stored { dropped }
    }

    /// Whether the message of this envelope waits here.
    pub(crate) fn holds(&self, hash: &[u8; 32]) -> bool {
        lock(&self.contents).hashes.contains(hash)
    }

    /// Takes all messages out, the oldest first.
    pub(crate) fn drain(&self) -> Vec<Arc<ReceivedMessage>> {
        let mut contents = lock(&self.contents);
        contents.bytes = 0;
        contents.hashes.clear();
        contents.messages.drain(..).collect()
    }

    /// Waits for the next message and takes it out; `None` if the mailbox is closed and empty. Only one task may wait.
    pub(crate) async fn next(&self) -> Option<Arc<ReceivedMessage>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Arc<ReceivedMessage>>> {
        let mut contents = lock(&self.contents);
        if let Some(message) = contents.take() {
            return Poll::Ready(Some(message));
        }
        if contents.closed {
            return Poll::Ready(None);
        }
        contents.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Closes the mailbox: no message will be stored any more.
    pub(crate) fn close(&self) {
        let waker = {
            let mut contents = lock(&self.contents);
            contents.closed = true;
            contents.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Contents {
    fn is_new(&mut self, message: &ReceivedMessage) -> bool {
        message.direct || self.seen.insert(message.expiry(), message.hash)
    }

    fn take(&mut self) -> Option<Arc<ReceivedMessage>> {
        let message = self.messages.pop_front()?;
        self.hashes.remove(&message.hash);
        self.bytes -= message.size();
        Some(message)
    }
}

#[cfg(test)]
mod tests;
