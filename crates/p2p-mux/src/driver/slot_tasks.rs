//! The tasks that run the sub-protocols of one connection, and the queues to them.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use p2p_world::{
    WakeGate,
    planted::{self, Bug},
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinSet},
};

use super::{Collected, Freed, Outbox};
use crate::{
    Channel, Direction, DisconnectReason, Exit, Message, ObservedMessage, Peer, Protocol,
    ProtocolEnd, QueueLimits, SharedCapability, SlotEndReason, SlotId,
    memory::Share,
    protocol::{FreedTarget, SendTarget, SenderCore},
};

/// The tasks of a connection's slots. Dropping it cancels them and closes their channels.
#[derive(Debug)]
pub(crate) struct SlotTasks {
    outbox: Arc<Outbox>,
    /// The share to which sent messages are charged.
    share: Arc<Share>,
    peer: Peer,
    slots: Vec<SlotTask>,
    /// Tasks of removed slots, each with the time at which it is cancelled.
    retired: Vec<(Instant, AbortHandle)>,
    tasks: JoinSet<Result<(), Exit>>,
    /// Lets the tasks be asked whether one has ended only when one has.
    ends: WakeGate,
}

#[derive(Debug)]
struct SlotTask {
    protocol: Protocol,
    /// Number of restarts. Messages of an earlier run are dropped.
    run: u64,
    /// `None` once the slot has ended.
    queue: Option<mpsc::Sender<Message>>,
    freed: Arc<Freed>,
    permits: Arc<Semaphore>,
    task: AbortHandle,
}

/// Why a sub-protocol's task ended with an error.
enum TaskError {
    Exit(Exit),
    /// What the panic says.
    Panic(String),
}

/// What ends with a sub-protocol's task, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskEnd {
    /// Its slot.
    Slot(SlotEndReason),
    /// The whole connection ([`Exit::Disconnect`]).
    Connection(DisconnectReason),
}

impl SlotTasks {
    /// Starts a task for each sub-protocol. Must be called within a tokio runtime.
    pub(crate) fn open(
        outbox: Arc<Outbox>,
        share: Arc<Share>,
        slots: &[(SharedCapability, Protocol)],
        peer: &Peer,
    ) -> Self {
        let mut tasks = Self {
            outbox,
            share,
            peer: peer.clone(),
            slots: Vec::with_capacity(slots.len()),
            retired: Vec::new(),
            tasks: JoinSet::new(),
            ends: WakeGate::new(),
        };
        for (index, (_, protocol)) in slots.iter().enumerate() {
            let room = protocol.settings().outbound_capacity();
            let task = tasks.start(protocol.clone(), SlotId(index), 0, room);
            tasks.slots.push(task);
        }
        tasks
    }

    /// Starts the sub-protocol of a slot again. `queued` bytes of the earlier run are not sent yet.
    pub(crate) fn reopen(&mut self, slot: SlotId, queued: usize) {
        let SlotTask { protocol, run, .. } = &self.slots[slot.0];
        let room = protocol.settings().outbound_capacity().saturating_sub(queued);
        let task = self.start(protocol.clone(), slot, run + 1, room);
        self.slots[slot.0] = task;
    }

    /// Starts the task of a slot with `room` bytes in its outbound queue.
    fn start(&mut self, protocol: Protocol, slot: SlotId, run: u64, room: usize) -> SlotTask {
        let QueueLimits { bytes, items } = protocol.settings().inbound;
        let (queue, arrivals) = mpsc::channel(items.clamp(1, Semaphore::MAX_PERMITS));
        let freed = Arc::new(Freed::default());
        let capacity = protocol.settings().outbound_capacity();
        let permits = Arc::new(Semaphore::new(room));
        let sender = SenderCore {
            version: protocol.capability().version,
            length: protocol.length(),
            permits: Arc::clone(&permits),
            capacity,
            target: SendTarget::Connection {
                outbox: Arc::clone(&self.outbox),
                share: Arc::clone(&self.share),
                slot,
                run,
            },
        };
        let freed_target = FreedTarget::Connection {
            freed: Arc::clone(&freed),
            outbox: Arc::clone(&self.outbox),
            capacity: bytes,
        };
        let channel = Channel::new(Arc::new(sender), arrivals, freed_target);
        let (running, peer) = (protocol.clone(), self.peer.clone());
        let task = self.tasks.spawn(async move { running.run(peer, channel).await });
        self.ends.open();
        SlotTask { protocol, run, queue: Some(queue), freed, permits, task }
    }

    pub(crate) const fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Whether `run` is the current run of the slot.
    pub(crate) fn is_current(&self, slot: SlotId, run: u64) -> bool {
        self.slots[slot.0].run == run
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = SlotId> + use<> {
        (0..self.slots.len()).map(SlotId)
    }

    /// Puts a message into the queue of a slot, and returns what the slot has taken since the last
    /// call. Returns the message as an error if the slot's task no longer receives.
    pub(crate) fn deliver(&self, slot: SlotId, message: Message) -> Result<Collected, Message> {
        let state = &self.slots[slot.0];
        let Some(queue) = &state.queue else { return Err(message) };
        queue.try_send(message).map_err(mpsc::error::TrySendError::into_inner)?;
        Ok(state.freed.collect())
    }

    /// Returns what the slot has taken since the last call. The driver is woken if it takes or finishes
    /// more.
    pub(crate) fn collect(&self, slot: SlotId) -> Collected {
        let freed = &self.slots[slot.0].freed;
        freed.request_wake();
        freed.collect()
    }

    /// Sends an event for a message to the observers of its slot. `false` if the queue of one of them
    /// was full.
    pub(crate) fn observe(
        &self,
        slot: SlotId,
        direction: Direction,
        code: u64,
        length: usize,
    ) -> bool {
        let mut all_sent = true;
        for observer in self.slots[slot.0].protocol.observers() {
            let sent = observer.try_send(ObservedMessage {
                peer: self.peer.id(),
                direction,
                code,
                length,
            });
            all_sent &= !matches!(sent, Err(mpsc::error::TrySendError::Full(_)));
        }
        all_sent
    }

    /// Frees room in the outbound queue of a slot.
    pub(crate) fn add_permits(&self, slot: SlotId, bytes: usize) {
        self.slots[slot.0].permits.add_permits(bytes);
    }

    /// Closes a slot: its task receives no more messages and cannot send.
    pub(crate) fn close(&mut self, slot: SlotId) {
        self.slots[slot.0].close();
        self.outbox.wake_senders();
    }

    /// Closes a slot and cancels its task, which does not take its messages.
    pub(crate) fn evict(&mut self, slot: SlotId) {
        self.close(slot);
        self.slots[slot.0].task.abort();
    }

    /// Closes a removed slot: its task receives what has arrived, then `None`. It is cancelled if it
    /// has not returned by `deadline`.
    pub(crate) fn retire(&mut self, slot: SlotId, deadline: Instant) {
        if !planted::is(Bug::SlotNotClosed) {
            self.close(slot);
        }
        self.retired.push((deadline, self.slots[slot.0].task.clone()));
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.retired.iter().map(|(deadline, _)| *deadline).min()
    }

    /// Cancels the retired tasks that have not returned in time.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.retired.retain(|(deadline, task)| {
            let expired = *deadline <= now;
            if expired {
                task.abort();
            }
            !expired
        });
    }

    /// Closes all slots: every task receives what has arrived, then `None`.
    pub(crate) fn close_all(&mut self) {
        self.outbox.close();
        self.slots.iter_mut().for_each(SlotTask::close);
        self.outbox.wake_senders();
    }

    /// Returns a task that has ended, once. Cancelled tasks are not returned.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<(SlotId, TaskEnd)> {
        while let Poll::Ready(Some(joined)) =
            self.ends.poll(cx, |cx| self.tasks.poll_join_next_with_id(cx))
        {
            let (task, end) = match joined {
                Ok((task, end)) => (task, end.map_err(TaskError::Exit)),
                Err(error) if error.is_panic() => {
                    (error.id(), Err(TaskError::Panic(error.to_string())))
                }
                Err(_) => continue,
            };
            if let Some(index) = self.slots.iter().position(|slot| slot.task.id() == task) {
                return Poll::Ready((SlotId(index), self.handle_end(index, end)));
            }
        }
        Poll::Pending
    }

    /// Tells the log and the observers of a sub-protocol if it has failed.
    fn handle_end(&self, slot: usize, end: Result<(), TaskError>) -> TaskEnd {
        let Err(error) = end else { return TaskEnd::Slot(SlotEndReason::Returned) };
        let protocol = &self.slots[slot].protocol;
        let (id, capability) = (self.peer.id(), protocol.capability());
        let (reason, is_expected, text) = match &error {
            TaskError::Exit(exit) => {
                (SlotEndReason::Failed, exit.is_expected(), exit.with_causes())
            }
            TaskError::Panic(text) => (SlotEndReason::Panicked, false, text.clone()),
        };
        if is_expected {
            tracing::debug!(peer = ?id, protocol = %capability, error = text, "sub-protocol ended");
        } else {
            tracing::warn!(peer = ?id, protocol = %capability, error = text, "sub-protocol failed");
        }
        for observer in protocol.end_observers() {
            let (peer, capability, error) = (id, capability.clone(), text.clone());
            // An error means that the queue is full or closed.
            let _ = observer.try_send(ProtocolEnd { peer, capability, reason, error });
        }
        match error {
            TaskError::Exit(Exit::Disconnect(reason)) => TaskEnd::Connection(reason),
            _ => TaskEnd::Slot(reason),
        }
    }

    /// Waits until every task has ended.
    pub(crate) async fn join(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Cancels every task and waits until it has ended.
    pub(crate) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }
}

impl Drop for SlotTasks {
    fn drop(&mut self) {
        self.close_all();
    }
}

impl SlotTask {
    fn close(&mut self) {
        self.queue = None;
        self.permits.close();
    }
}
