//! What a sub-protocol holds: its messages from and to one peer.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use rlp_codec::Encodable;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    Message, QueueLoad, SendError, SlotId,
    driver::{Freed, Outbox, Outgoing},
    memory::Share,
    slot::{memory_size, queue_size},
};

/// One sub-protocol's messages from and to one peer.
///
/// The codes are the sub-protocol's own, from 0. Everything is bounded: [`send`](Self::send) waits
/// while too much waits to be sent, and what arrives without being taken is bounded by the slot's
/// budget, so a sub-protocol should always be receiving. Where sending must not wait for receiving,
/// [`split`](Self::split) it or take a [`sender`](Self::sender).
#[derive(Debug)]
pub struct Channel {
    sender: Sender,
    receiver: Receiver,
}

/// The sending half of a [`Channel`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sender(Arc<Line>);

/// The receiving half of a [`Channel`].
#[derive(Debug)]
pub struct Receiver {
    queue: mpsc::Receiver<Message>,
    credit: Credit,
}

/// What all senders of one slot have in common.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) version: u64,
    pub(crate) length: u64,
    /// A permit for each byte that may wait.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) capacity: usize,
    pub(crate) target: Target,
}

/// Where messages go.
#[derive(Debug)]
pub(crate) enum Target {
    Connection { outbox: Arc<Outbox>, share: Arc<Share>, slot: SlotId, run: u64 },
    Pipe(mpsc::Sender<Message>),
}

/// Who is told that a message was taken.
#[derive(Debug)]
pub(crate) enum Credit {
    Connection { freed: Arc<Freed>, outbox: Arc<Outbox>, capacity: usize },
    Pipe { permits: Arc<Semaphore>, capacity: usize },
}

impl Channel {
    pub(crate) fn new(line: Arc<Line>, queue: mpsc::Receiver<Message>, credit: Credit) -> Self {
        Self { sender: Sender(line), receiver: Receiver { queue, credit } }
    }

    /// The next message of the peer; `None` when the slot or the connection has ended, and
    /// everything that had arrived before was taken.
    ///
    /// Cancel safe: a message is not lost if this is dropped.
    pub async fn recv(&mut self) -> Option<Message> {
        self.receiver.recv().await
    }

    /// Sends `body`, encoded as RLP. See [`Sender::send`].
    ///
    /// # Errors
    ///
    /// [`SendError`].
    pub async fn send(&self, code: u64, body: &(impl Encodable + ?Sized)) -> Result<(), SendError> {
        self.sender.send(code, body).await
    }

    /// Sends `payload` as it is. See [`Sender::send_raw`].
    ///
    /// # Errors
    ///
    /// [`SendError`].
    pub async fn send_raw(&self, code: u64, payload: impl Into<Bytes>) -> Result<(), SendError> {
        self.sender.send_raw(code, payload).await
    }

    /// Another sender to the same peer.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// The two halves, for two tasks. The slot ends when the sub-protocol's own task does, whoever
    /// holds them.
    #[must_use]
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }

    /// The version of the sub-protocol that both ends agreed on.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.sender.version()
    }
}

impl Sender {
    /// Sends `body`, encoded as RLP, once there is room for it in the slot's outbound queue, and in
    /// the memory that the connection shares with others ([`MemoryBudget`](crate::MemoryBudget)).
    ///
    /// Being queued is not being received: the connection may end before.
    ///
    /// # Errors
    ///
    /// [`SendError`], except for [`SendError::Full`].
    pub async fn send(&self, code: u64, body: &(impl Encodable + ?Sized)) -> Result<(), SendError> {
        self.send_raw(code, rlp_codec::encode(body)).await
    }

    /// Sends `payload` as it is, once there is room for it. Nothing is copied before it is sealed.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_raw(&self, code: u64, payload: impl Into<Bytes>) -> Result<(), SendError> {
        let message = Message { code, payload: payload.into() };
        message.check(self.0.length)?;
        self.0.wait_for_memory().await;
        let size = self.0.queue_size(&message);
        // Where there is room it is taken at once. Waiting for it, even if not for long, would have
        // the runtime put the task back after so many messages, small or large, and a sub-protocol
        // of small ones would not get its share of the bytes.
        if let Ok(permits) = self.0.permits.try_acquire_many(size) {
            permits.forget();
        } else {
            let permits = self.0.permits.acquire_many(size).await;
            permits.map_err(|_| SendError::Closed)?.forget();
        }
        self.0.push(message)
    }

    /// Sends `payload` as it is if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`SendError`].
    pub fn try_send_raw(&self, code: u64, payload: impl Into<Bytes>) -> Result<(), SendError> {
        let message = Message { code, payload: payload.into() };
        message.check(self.0.length)?;
        if self.0.exceeds_share() {
            return Err(SendError::Full);
        }
        match self.0.permits.try_acquire_many(self.0.queue_size(&message)) {
            Ok(permits) => permits.forget(),
            Err(_) if self.is_closed() => return Err(SendError::Closed),
            Err(_) => return Err(SendError::Full),
        }
        self.0.push(message)
    }

    /// Whether the slot, or the connection, has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.permits.is_closed()
    }

    /// The version of the sub-protocol that both ends agreed on.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version
    }
}

impl Receiver {
    /// As [`Channel::recv`].
    pub async fn recv(&mut self) -> Option<Message> {
        let message = self.queue.recv().await?;
        self.credit.give_back(&message);
        Some(message)
    }

    /// As [`recv`](Self::recv), for those who write futures by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let message = ready!(self.queue.poll_recv(cx));
        if let Some(message) = &message {
            self.credit.give_back(message);
        }
        Poll::Ready(message)
    }
}

impl Line {
    fn queue_size(&self, message: &Message) -> u32 {
        u32::try_from(queue_size(message.payload.len(), self.capacity)).unwrap_or(u32::MAX)
    }

    /// Whether memory is short and the connection has more than its share, in which case nothing
    /// more is taken; not once the slot has ended.
    fn exceeds_share(&self) -> bool {
        match &self.target {
            Target::Connection { share, .. } => share.exceeds_share() && !self.permits.is_closed(),
            Target::Pipe(_) => false,
        }
    }

    async fn wait_for_memory(&self) {
        if let Target::Connection { outbox, .. } = &self.target {
            outbox.wait_for_memory(|| self.exceeds_share()).await;
        }
    }

    fn push(&self, message: Message) -> Result<(), SendError> {
        match &self.target {
            Target::Connection { outbox, share, slot, run } => {
                let size = memory_size(message.payload.len());
                share.charge(size);
                let pushed = outbox.push(Outgoing { slot: *slot, run: *run, message });
                if pushed.is_err() {
                    share.release(size);
                }
                pushed
            }
            // Every message in there holds permits, and there are places for all that can.
            Target::Pipe(queue) => queue.try_send(message).map_err(|_| SendError::Closed),
        }
    }
}

impl Credit {
    fn give_back(&self, message: &Message) {
        let length = message.payload.len();
        match self {
            Self::Connection { freed, outbox, capacity } => {
                freed.add(QueueLoad { bytes: queue_size(length, *capacity), items: 1 }, outbox);
            }
            Self::Pipe { permits, capacity } => permits.add_permits(queue_size(length, *capacity)),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // What is still inside must not weigh on the budget of a slot that may go on sending.
        self.queue.close();
        while let Ok(message) = self.queue.try_recv() {
            self.credit.give_back(&message);
        }
        if let Credit::Pipe { permits, .. } = &self.credit {
            permits.close();
        }
    }
}
