//! The messages of a sub-protocol from and to one peer.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use rlp_codec::Encodable;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    MemoryCharge, Message, QueueLoad, SendError, SlotId,
    driver::{Freed, Outbox, Outgoing},
    memory::Share,
    slot::{memory_size, queue_size},
};

/// The messages of a sub-protocol from and to one peer.
///
/// Codes are those of the sub-protocol, from 0. Both queues are bounded: [`send`](Self::send) waits
/// while the outbound queue is full, and a sub-protocol that does not receive is
/// [overloaded](crate::OnOverload) once its inbound queue is full. If sending must not wait for
/// receiving, [`split`](Self::split) the channel or use a [`sender`](Self::sender).
#[derive(Debug)]
pub struct Channel {
    sender: Sender,
    receiver: Receiver,
}

/// The sending half of a [`Channel`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sender(Arc<SenderCore>);

/// The receiving half of a [`Channel`].
#[derive(Debug)]
pub struct Receiver {
    queue: mpsc::Receiver<Message>,
    freed: FreedTarget,
}

/// The part that all senders of one slot share.
#[derive(Debug)]
pub(crate) struct SenderCore {
    pub(crate) version: u64,
    pub(crate) length: u64,
    /// A permit for each free byte of the outbound queue.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) capacity: usize,
    pub(crate) target: SendTarget,
}

/// Where sent messages go.
#[derive(Debug)]
pub(crate) enum SendTarget {
    Connection { outbox: Arc<Outbox>, share: Arc<Share>, slot: SlotId, run: u64 },
    Pipe(mpsc::Sender<Message>),
}

/// What gets back the room of a message that was taken from the inbound queue.
#[derive(Debug)]
pub(crate) enum FreedTarget {
    Connection { freed: Arc<Freed>, outbox: Arc<Outbox>, capacity: usize },
    Pipe { permits: Arc<Semaphore>, capacity: usize },
}

impl Channel {
    pub(crate) fn new(
        sender: Arc<SenderCore>,
        queue: mpsc::Receiver<Message>,
        freed: FreedTarget,
    ) -> Self {
        Self { sender: Sender(sender), receiver: Receiver { queue, freed } }
    }

    /// Receives the next message of the peer, and finishes the one before: it counts in the
    /// [`MemoryBudget`](crate::MemoryBudget) until then. `None` once the slot or the connection has ended and
    /// all messages that arrived before were taken.
    ///
    /// Cancel safe: no message is lost if the future is dropped.
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

    /// Sends `payload` unchanged. See [`Sender::send_raw`].
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

    /// Counts memory that the sub-protocol keeps for the peer; 0 bytes at first.
    #[must_use]
    pub fn memory_charge(&self) -> MemoryCharge {
        self.sender.0.memory_charge()
    }

    /// Splits the channel into two halves, for two tasks. The slot still ends when the task of the
    /// sub-protocol ends.
    #[must_use]
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }

    /// The version of the sub-protocol on this connection.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.sender.version()
    }
}

impl Sender {
    /// Queues `body`, encoded as RLP, once the slot's outbound queue and the
    /// [`MemoryBudget`](crate::MemoryBudget) have room for it.
    ///
    /// The peer may not receive a queued message, because the connection may end before.
    ///
    /// # Errors
    ///
    /// [`SendError`], except for [`SendError::Full`].
    pub async fn send(&self, code: u64, body: &(impl Encodable + ?Sized)) -> Result<(), SendError> {
        self.send_raw(code, rlp_codec::encode(body)).await
    }

    /// Same as [`send`](Self::send), for a payload that is already encoded. It is not copied before it
    /// is encrypted.
    ///
    /// # Errors
    ///
    /// Same as [`send`](Self::send).
    pub async fn send_raw(&self, code: u64, payload: impl Into<Bytes>) -> Result<(), SendError> {
        let message = Message { code, payload: payload.into() };
        message.check(self.0.length)?;
        self.0.wait_for_memory().await;
        let size = self.0.queue_size(&message);
        // Do not await if there is room: tokio makes a task yield after a number of awaits. With
        // small messages a sub-protocol would then get less than its share of the bytes.
        if let Ok(permits) = self.0.permits.try_acquire_many(size) {
            permits.forget();
        } else {
            let permits = self.0.permits.acquire_many(size).await;
            permits.map_err(|_| SendError::Closed)?.forget();
        }
        self.0.push(message)
    }

    /// Queues `payload` if there is room for it now.
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

    /// Bytes in the slot's outbound queue, as its limit counts them.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.0.capacity.saturating_sub(self.0.permits.available_permits())
    }

    /// Whether the slot or the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.permits.is_closed()
    }

    /// The version of the sub-protocol on this connection.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version
    }
}

impl Receiver {
    /// Same as [`Channel::recv`].
    pub async fn recv(&mut self) -> Option<Message> {
        self.freed.finish();
        let message = self.queue.recv().await?;
        self.freed.add(&message);
        Some(message)
    }

    /// Same as [`recv`](Self::recv), for hand-written futures.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.freed.finish();
        let message = ready!(self.queue.poll_recv(cx));
        if let Some(message) = &message {
            self.freed.add(message);
        }
        Poll::Ready(message)
    }
}

impl SenderCore {
    fn queue_size(&self, message: &Message) -> u32 {
        u32::try_from(queue_size(message.payload.len(), self.capacity)).unwrap_or(u32::MAX)
    }

    /// Whether memory is short and the connection exceeds its share, so that no message is accepted.
    /// `false` once the slot has ended.
    fn exceeds_share(&self) -> bool {
        match &self.target {
            SendTarget::Connection { share, .. } => {
                share.exceeds_share() && !self.permits.is_closed()
            }
            SendTarget::Pipe(_) => false,
        }
    }

    async fn wait_for_memory(&self) {
        if let SendTarget::Connection { outbox, .. } = &self.target {
            outbox.wait_for_memory(|| self.exceeds_share()).await;
        }
    }

    fn memory_charge(&self) -> MemoryCharge {
        MemoryCharge::new(match &self.target {
            SendTarget::Connection { share, .. } => Some(Arc::clone(share)),
            SendTarget::Pipe(_) => None,
        })
    }

    fn push(&self, message: Message) -> Result<(), SendError> {
        match &self.target {
            SendTarget::Connection { outbox, share, slot, run } => {
                let size = memory_size(message.payload.len());
                share.charge(size);
                let pushed = outbox.push(Outgoing { slot: *slot, run: *run, message });
                if pushed.is_err() {
                    share.release(size);
                }
                pushed
            }
            // Cannot be full: every queued message holds permits, and the queue has a place for each.
            SendTarget::Pipe(queue) => queue.try_send(message).map_err(|_| SendError::Closed),
        }
    }
}

impl FreedTarget {
    /// The message that was taken last is finished.
    fn finish(&self) {
        if let Self::Connection { freed, outbox, .. } = self {
            freed.finish(outbox);
        }
    }

    fn add(&self, message: &Message) {
        let length = message.payload.len();
        match self {
            Self::Connection { freed, outbox, capacity } => {
                let load = QueueLoad { bytes: queue_size(length, *capacity), items: 1 };
                freed.add(load, memory_size(length), outbox);
            }
            Self::Pipe { permits, capacity } => permits.add_permits(queue_size(length, *capacity)),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // Messages in the queue must not use up the budget of a slot that may continue to send.
        self.queue.close();
        while let Ok(message) = self.queue.try_recv() {
            self.freed.add(&message);
        }
        self.freed.finish();
        if let FreedTarget::Pipe { permits, .. } = &self.freed {
            permits.close();
        }
    }
}
