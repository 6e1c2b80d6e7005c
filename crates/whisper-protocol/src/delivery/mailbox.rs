//! Where the messages of one filter wait to be fetched. When it is full, the oldest is dropped.

mod seen;
mod unwritten;
pub(crate) mod usage;

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
    delivery::mailbox::usage::ClientUsage,
    delivery::message::{ContentHash, ReceivedMessage},
    delivery::state::StoredMessage,
    keys::id::FilterId,
    lock::lock,
};
use seen::SeenMessages;
pub(crate) use unwritten::MailboxChanges;
use unwritten::Unwritten;

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

/// A message that waits.
#[derive(Debug)]
struct Entry {
    /// Its number. Later messages have greater ones.
    number: u64,
    content: ContentHash,
    message: Arc<ReceivedMessage>,
}

#[derive(Debug, Default)]
struct Contents {
    /// In the order of their numbers.
    messages: VecDeque<Entry>,
    /// The contents of the messages.
    waiting: HashSet<ContentHash>,
    /// Broadcast messages, including those that were taken out. Direct messages are not included: a second copy was
    /// requested.
    seen: SeenMessages,
    bytes: usize,
    /// Number of messages that were dropped.
    lost: usize,
    /// The number of the last message; 0 if there was none.
    last: u64,
    /// The number of the last message that was fetched, if fetched messages stay.
    fetched: u64,
    closed: bool,
    /// The task that waits for the next message.
    waker: Option<Waker>,
    /// What a store does not have yet; `None` if the mailbox is not kept.
    unwritten: Option<Unwritten>,
    /// Where the messages count, together with those of other mailboxes.
    usage: ClientUsage,
}

/// A mailbox. Shared by the workers that fill it and the owner of the filter.
#[derive(Debug)]
pub(crate) struct Mailbox {
    contents: Mutex<Contents>,
    limits: QueueLimits,
    /// Whether messages stay until they are acknowledged.
    acknowledged: bool,
}

/// Messages that were fetched.
#[derive(Debug)]
pub(crate) struct Fetched {
    entries: Vec<Entry>,
    /// The number of the last message that had been fetched before.
    before: u64,
}

impl Fetched {
    /// The messages, the oldest first.
    pub(crate) fn messages(&self) -> Vec<Arc<ReceivedMessage>> {
        self.entries.iter().map(|entry| Arc::clone(&entry.message)).collect()
    }
}

impl Mailbox {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self { contents: Mutex::default(), limits, acknowledged: false }
    }

    /// Whether its messages stay until they are acknowledged.
    pub(crate) fn acknowledged(self, acknowledged: bool) -> Self {
        Self { acknowledged, ..self }
    }

    /// Counts its messages for this application, whose limit they share.
    pub(crate) fn counted(self, usage: &ClientUsage) -> Self {
        self.count_for(usage);
        self
    }

    /// Counts what it has, and what will come, for this application.
    pub(crate) fn count_for(&self, usage: &ClientUsage) {
        let mut contents = lock(&self.contents);
        contents.usage.remove_messages(contents.bytes);
        usage.add_message(contents.bytes);
        contents.usage = usage.clone();
    }

    /// Where its messages count.
    pub(crate) fn usage(&self) -> ClientUsage {
        lock(&self.contents).usage.clone()
    }

    /// What changes must be written from now on. Nothing of it is in the store.
    pub(crate) fn keep(&self) {
        lock(&self.contents).unwritten = Some(Unwritten::everything());
    }

    /// Puts back what a store has.
    pub(crate) fn restore(&self, fetched: u64, mut messages: Vec<StoredMessage>) {
        messages.sort_unstable_by_key(|message| message.number);
        let mut contents = lock(&self.contents);
        contents.last = messages.last().map_or(0, |last| last.number).max(fetched);
        contents.fetched = fetched;
        contents.unwritten = Some(Unwritten::nothing(contents.last + 1));
        for StoredMessage { number, content, expiry, message } in messages {
            let content = ContentHash::from_bytes(content);
            if message.as_ref().is_none_or(|message| !message.direct) {
                contents.remember(expiry, content, number);
            }
            if let Some(message) = message
                && contents.waiting.insert(content)
            {
                contents.add(message.size());
                contents.messages.push_back(Entry { number, content, message });
            }
        }
    }

    /// Stores a message. Drops the oldest ones if there is no room.
    pub(crate) fn put(&self, content: ContentHash, message: Arc<ReceivedMessage>) -> PutOutcome {
        let size = message.size();
        if size > self.limits.bytes || self.limits.items == 0 {
            return PutOutcome::TooLarge;
        }
        let mut contents = lock(&self.contents);
        if !contents.usage.has_room(size, contents.bytes) {
            return PutOutcome::TooLarge;
        }
        if contents.waiting.contains(&content) || contents.was_seen(content, &message) {
            return PutOutcome::Repeated;
        }
        contents.waiting.insert(content);
        contents.last += 1;
        let number = contents.last;
        if !message.direct {
            contents.remember(message.expiry(), content, number);
        }
        let mut dropped = Vec::new();
        while contents.messages.len() >= self.limits.items
            || contents.bytes + size > self.limits.bytes
            || !contents.usage.has_room(size, 0)
        {
            let Some(oldest) = contents.messages.pop_front() else { break };
            contents.handle_gone(&oldest);
            dropped.push(oldest.message.hash);
        }
        contents.add(size);
        contents.messages.push_back(Entry { number, content, message });
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

    /// Fetches the messages that were not fetched yet, the oldest first. They leave the mailbox, or stay until they are
    /// acknowledged; then `again` fetches all that wait.
    pub(crate) fn fetch(&self, again: bool) -> Fetched {
        let mut contents = lock(&self.contents);
        let before = contents.fetched;
        if !self.acknowledged {
            let entries: Vec<_> = contents.messages.drain(..).collect();
            entries.iter().for_each(|entry| contents.handle_gone(entry));
            return Fetched { entries, before };
        }
        let first = if again { 0 } else { contents.first_new() };
        let entries: Vec<_> = contents.messages.range(first..).map(Entry::share).collect();
        if let Some(last) = entries.last() {
            contents.set_fetched(last.number.max(before));
        }
        Fetched { entries, before }
    }

    /// Undoes a fetch whose answer is not given.
    pub(crate) fn undo(&self, fetched: Fetched) {
        let Fetched { entries, before } = fetched;
        let mut contents = lock(&self.contents);
        if self.acknowledged {
            contents.fetched = before.min(contents.fetched);
        } else {
            for entry in entries.into_iter().rev() {
                if contents.waiting.insert(entry.content) {
                    contents.add(entry.message.size());
                    contents.messages.push_front(entry);
                }
            }
        }
        contents.unwritten.iter_mut().for_each(Unwritten::forget);
    }

    /// The messages in these envelopes do not wait any more. Returns how many did; `None` if messages of this mailbox are not
    /// acknowledged.
    pub(crate) fn acknowledge(&self, hashes: &HashSet<[u8; 32]>) -> Option<usize> {
        if !self.acknowledged {
            return None;
        }
        let mut contents = lock(&self.contents);
        let all = std::mem::take(&mut contents.messages).into_iter();
        let (gone, rest): (Vec<_>, _) = all.partition(|entry| hashes.contains(&entry.message.hash));
        contents.messages = rest.into();
        gone.iter().for_each(|entry| contents.handle_gone(entry));
        Some(gone.len())
    }

    /// Waits for the next message and takes it out; `None` if the mailbox is closed and empty. Only one task may wait.
    pub(crate) async fn next(&self) -> Option<Arc<ReceivedMessage>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Arc<ReceivedMessage>>> {
        let mut contents = lock(&self.contents);
        if let Some(message) = contents.next(self.acknowledged) {
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

    /// Closes the mailbox of a filter that is removed: nothing of it is written any more.
    pub(crate) fn discard(&self) {
        lock(&self.contents).unwritten = None;
        self.close();
    }

    /// What must be written now; `None` if the mailbox is not kept.
    pub(crate) fn take_changes(&self, filter: FilterId) -> Option<MailboxChanges> {
        lock(&self.contents).take_changes(filter)
    }

    /// The store may not have what was [taken](Self::take_changes) last.
    pub(crate) fn rewrite(&self) {
        lock(&self.contents).unwritten.iter_mut().for_each(Unwritten::forget);
    }
}

/// What is left is no longer counted.
impl Drop for Contents {
    fn drop(&mut self) {
        self.usage.remove_messages(self.bytes);
    }
}

impl Contents {
    /// A message of this size is added to the list.
    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.usage.add_message(bytes);
    }

    fn was_seen(&self, content: ContentHash, message: &ReceivedMessage) -> bool {
        !message.direct
            && !planted::is(Bug::DeliveredTwice)
            && self.seen.has(message.expiry(), content)
    }

    fn remember(&mut self, expiry: u32, content: ContentHash, number: u64) {
        let forgotten = self.seen.insert(expiry, content, number);
        let Some(forgotten) = forgotten else { return };
        if !self.waits(forgotten)
            && let Some(unwritten) = &mut self.unwritten
        {
            unwritten.gone(forgotten, None);
        }
    }

    /// Whether the message with this number waits.
    fn waits(&self, number: u64) -> bool {
        self.messages.binary_search_by_key(&number, |entry| entry.number).is_ok()
    }

    /// A message is not in the list any more.
    fn handle_gone(&mut self, entry: &Entry) {
        let Entry { number, content, message } = entry;
        self.waiting.remove(content);
        self.bytes -= message.size();
        self.usage.remove_messages(message.size());
        let expiry = message.expiry();
        let seen = !message.direct && self.seen.has(expiry, *content);
        if let Some(unwritten) = &mut self.unwritten {
            unwritten.gone(*number, seen.then_some((*content, expiry)));
        }
    }

    /// The index of the first message that was not fetched, if fetched messages stay.
    fn first_new(&self) -> usize {
        self.messages.partition_point(|entry| entry.number <= self.fetched)
    }

    fn set_fetched(&mut self, number: u64) {
        self.fetched = number;
        self.unwritten.iter_mut().for_each(Unwritten::fetched);
    }

    fn next(&mut self, acknowledged: bool) -> Option<Arc<ReceivedMessage>> {
        if acknowledged {
            let entry = self.messages.get(self.first_new())?;
            let (number, message) = (entry.number, Arc::clone(&entry.message));
            self.set_fetched(number);
            return Some(message);
        }
        let entry = self.messages.pop_front()?;
        self.handle_gone(&entry);
        Some(entry.message)
    }
}

impl Entry {
    fn share(&self) -> Self {
        Self { number: self.number, content: self.content, message: Arc::clone(&self.message) }
    }

    fn stored(&self) -> StoredMessage {
        StoredMessage {
            number: self.number,
            content: self.content.to_bytes(),
            expiry: self.message.expiry(),
            message: Some(Arc::clone(&self.message)),
        }
    }
}

#[cfg(test)]
mod tests;
