//! Where the messages of one filter wait to be fetched: bounded, the oldest gives way.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use crate::{
    delivery::delivered::Delivered, delivery::received::Received, lock::lock, settings::Bounds,
};

/// What became of a message that was put into a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is in; these older ones had to go.
    Stored { dropped: Vec<[u8; 32]> },
    /// It is in already, or was.
    Repeated,
    /// It alone is more than the mailbox holds.
    TooLarge,
}

#[derive(Debug, Default)]
struct Contents {
    messages: VecDeque<Arc<Received>>,
    hashes: HashSet<[u8; 32]>,
    /// Broadcast ones, also after they were taken out. A direct message is sent again because
    /// somebody asked for it.
    delivered: Delivered,
    bytes: usize,
    /// How many gave way.
    lost: usize,
    closed: bool,
}

/// A mailbox. Shared by the workers that fill it and whoever empties it.
#[derive(Debug)]
pub(crate) struct Mailbox {
    contents: Mutex<Contents>,
    arrived: Notify,
    bounds: Bounds,
}

impl Mailbox {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { contents: Mutex::default(), arrived: Notify::new(), bounds }
    }

    /// Puts a message in; the oldest ones make room for it.
    pub(crate) fn put(&self, message: Arc<Received>) -> Put {
        let size = message.size();
        if size > self.bounds.bytes || self.bounds.items == 0 {
            return Put::TooLarge;
        }
        let mut contents = lock(&self.contents);
        if contents.hashes.contains(&message.hash) || !contents.is_new(&message) {
            return Put::Repeated;
        }
        contents.hashes.insert(message.hash);
        let mut dropped = Vec::new();
        while contents.messages.len() >= self.bounds.items
            || contents.bytes + size > self.bounds.bytes
        {
            let Some(oldest) = contents.take() else { break };
            dropped.push(oldest.hash);
        }
        contents.bytes += size;
        contents.messages.push_back(message);
        let before = contents.lost;
        contents.lost += dropped.len();
        let lost = contents.lost;
        drop(contents);
        self.arrived.notify_one();
        // Of the first, and then each time that they have become about twice as many.
        if lost > before && before.checked_ilog2() != lost.checked_ilog2() {
            tracing::warn!(lost, "a client does not take its messages: the oldest are dropped");
        }
        Put::Stored { dropped }
    }

    /// Whether the message of this envelope waits here.
    pub(crate) fn holds(&self, hash: &[u8; 32]) -> bool {
        lock(&self.contents).hashes.contains(hash)
    }

    /// Takes all messages out, the oldest first.
    pub(crate) fn drain(&self) -> Vec<Arc<Received>> {
        let mut contents = lock(&self.contents);
        contents.bytes = 0;
        contents.hashes.clear();
        contents.messages.drain(..).collect()
    }

    /// Waits for the next message and takes it out; `None` when the mailbox is closed and empty. To
    /// be called by one task at a time.
    pub(crate) async fn next(&self) -> Option<Arc<Received>> {
        loop {
            {
                let mut contents = lock(&self.contents);
                if let Some(message) = contents.take() {
                    return Some(message);
                }
                if contents.closed {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Nothing will arrive any more.
    pub(crate) fn close(&self) {
        lock(&self.contents).closed = true;
        self.arrived.notify_one();
    }
}

impl Contents {
    fn is_new(&mut self, message: &Received) -> bool {
        message.direct || self.delivered.insert(message.expiry(), message.hash)
    }

    fn take(&mut self) -> Option<Arc<Received>> {
        let message = self.messages.pop_front()?;
        self.hashes.remove(&message.hash);
        self.bytes -= message.size();
        Some(message)
    }
}

#[cfg(test)]
mod tests;
