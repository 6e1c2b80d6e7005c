//! Where the messages of one filter wait to be fetched. When it is full, the oldest is dropped.

mod seen;

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use p2p_world::{
    HashSet,
    planted::{self, Bug},
};

use crate::{
    config::QueueLimits,
    delivery::message::{ContentHash, ReceivedMessage},
    delivery::usage::ClientUsage,
    lock::lock,
};
use seen::SeenMessages;

/// The result of [`Mailbox::put`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PutOutcome {
    /// The message was stored; these older ones were dropped for it.
    Stored { dropped: Vec<[u8; 32]> },
    /// The message is or was already in the mailbox.
    Repeated,
    /// The message alone exceeds the limits of the mailbox, or with other mailboxes the limit of the application.
    TooLarge,
}

#[derive(Debug, Default)]
struct Contents {
    messages: VecDeque<(ContentHash, Arc<ReceivedMessage>)>,
    /// The contents of the messages.
    waiting: HashSet<ContentHash>,
    /// Broadcast messages, including those that were taken out. Direct messages are not included: a second copy was
    /// requested.
    seen: SeenMessages,
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
    /// Where its messages count, together with those of other mailboxes.
    usage: ClientUsage,
}

impl Mailbox {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self { contents: Mutex::default(), limits, usage: ClientUsage::default() }
    }

    /// Counts its messages for this application, whose limit they share.
    pub(crate) fn counted(self, usage: &ClientUsage) -> Self {
        Self { contents: Mutex::default(), limits: self.limits, usage: usage.clone() }
    }

    /// Where its messages count.
    pub(crate) fn usage(&self) -> &ClientUsage {
        &self.usage
    }

    /// Stores a message. Drops the oldest ones if there is no room.
    pub(crate) fn put(&self, content: ContentHash, message: Arc<ReceivedMessage>) -> PutOutcome {
        let size = message.size();
        if size > self.limits.bytes || self.limits.items == 0 {
            return PutOutcome::TooLarge;
        }
        let mut contents = lock(&self.contents);
        if !self.usage.has_room(size, contents.bytes) {
            return PutOutcome::TooLarge;
        }
        if contents.waiting.contains(&content) || !contents.is_new(content, &message) {
            return PutOutcome::Repeated;
        }
        let mut dropped = Vec::new();
        while contents.messages.len() >= self.limits.items
            || contents.bytes + size > self.limits.bytes
            || !self.usage.has_room(size, 0)
        {
            let Some(oldest) = contents.take() else { break };
            self.usage.remove_messages(oldest.size());
            dropped.push(oldest.hash);
        }
        contents.waiting.insert(content);
        self.usage.add_message(size);
        contents.bytes += size;
        contents.messages.push_back((content, message));
        let before = contents.lost;
        contents.lost += dropped.len();
        let lost = contents.lost;
        let waker = contents.waker.take().filter(|_| !planted::is(Bug::WatchNotWoken));
        drop(contents);
        waker.into_iter().for_each(Waker::wake);
        // Logs the first drop, then at every doubling.
        if lost > before && before.checked_ilog2() != lost.checked_ilog2() {
            tracing::warn!(lost, "a client does not fetch its messages: the oldest are dropped");
        }
        PutOutcome::Stored { dropped }
    }

    /// Whether the message with this content waits here.
    pub(crate) fn holds(&self, content: &ContentHash) -> bool {
        lock(&self.contents).waiting.contains(content)
    }

    /// Takes all messages out, the oldest first.
    pub(crate) fn drain(&self) -> Vec<Arc<ReceivedMessage>> {
        let mut contents = lock(&self.contents);
        self.usage.remove_messages(std::mem::take(&mut contents.bytes));
        contents.waiting.clear();
        contents.messages.drain(..).map(|(_, message)| message).collect()
    }

    /// Waits for the next message and takes it out; `None` if the mailbox is closed and empty. Only one task may wait.
    pub(crate) async fn next(&self) -> Option<Arc<ReceivedMessage>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Arc<ReceivedMessage>>> {
        let mut contents = lock(&self.contents);
        if let Some(message) = contents.take() {
            self.usage.remove_messages(message.size());
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

/// What is left is no longer counted.
impl Drop for Mailbox {
    fn drop(&mut self) {
        self.usage.remove_messages(lock(&self.contents).bytes);
    }
}

impl Contents {
    fn is_new(&mut self, content: ContentHash, message: &ReceivedMessage) -> bool {
        message.direct
            || planted::is(Bug::DeliveredTwice)
            || self.seen.insert(message.expiry(), content)
    }

    fn take(&mut self) -> Option<Arc<ReceivedMessage>> {
        let (content, message) = self.messages.pop_front()?;
        self.waiting.remove(&content);
        self.bytes -= message.size();
        Some(message)
    }
}

#[cfg(test)]
mod tests;
