//! The sub-protocols of one connection as its driver sees them: tasks, and queues to them.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use tokio::{
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinSet},
};

use super::{Freed, Outbox};
use crate::{
    Channel, Direction, DisconnectReason, Exit, Message, ObservedMessage, Peer, Protocol,
    QueueLimits, QueueLoad, SharedCapability, SlotEndReason, SlotId,
    memory::Share,
    protocol::{Credit, Line, Target},
};

/// The running sub-protocols. Dropping it cancels their tasks and closes their channels.
#[derive(Debug)]
pub(crate) struct Ports {
    outbox: Arc<Outbox>,
    /// What the senders' messages are charged to.
    share: Arc<Share>,
    peer: Peer,
    ports: Vec<Port>,
    /// Tasks of slots that were removed, and when they are cancelled.
    retired: Vec<(Instant, AbortHandle)>,
    tasks: JoinSet<Result<(), Exit>>,
}

#[derive(Debug)]
struct Port {
    protocol: Protocol,
    /// How often it was started again. Senders of an earlier run are not listened to.
    run: u64,
    /// `None` once the slot has ended.
    queue: Option<mpsc::Sender<Message>>,
    freed: Arc<Freed>,
    permits: Arc<Semaphore>,
    task: AbortHandle,
}

/// How a sub-protocol's task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exited {
    /// It ended by itself, this way.
    Ended(SlotEndReason),
    /// It wants the connection to end.
    Disconnect(DisconnectReason),
}

impl Ports {
    /// Starts a task for each sub-protocol. Must be called within a tokio runtime.
    pub(crate) fn open(
        (outbox, share): (Arc<Outbox>, Arc<Share>),
        slots: &[(SharedCapability, Protocol)],
        peer: &Peer,
    ) -> Self {
        let mut ports = Self {
            outbox,
            share,
            peer: peer.clone(),
            ports: Vec::with_capacity(slots.len()),
            retired: Vec::new(),
            tasks: JoinSet::new(),
        };
        for (index, (_, protocol)) in slots.iter().enumerate() {
            let line = (SlotId(index), 0, protocol.settings().outbound_capacity());
            let port = ports.start(protocol.clone(), line);
            ports.ports.push(port);
        }
        ports
    }

    /// Starts the sub-protocol of a slot anew, while `waiting` bytes of what it said before wait to
    /// be sent.
    pub(crate) fn reopen(&mut self, slot: SlotId, waiting: usize) {
        let Port { protocol, run, .. } = &self.ports[slot.0];
        let room = protocol.settings().outbound_capacity().saturating_sub(waiting);
        let line = (slot, run + 1, room);
        self.ports[slot.0] = self.start(protocol.clone(), line);
    }

    /// Starts the task of a slot: which run it is, and how many bytes it may leave to be sent now.
    fn start(&mut self, protocol: Protocol, (slot, run, room): (SlotId, u64, usize)) -> Port {
        let QueueLimits { bytes, items } = protocol.settings().inbound;
        let (queue, arrivals) = mpsc::channel(items.clamp(1, Semaphore::MAX_PERMITS));
        let freed = Arc::new(Freed::default());
        let capacity = protocol.settings().outbound_capacity();
        let permits = Arc::new(Semaphore::new(room));
        let line = Line {
            version: protocol.capability().version,
            length: protocol.length(),
            permits: Arc::clone(&permits),
            capacity,
            target: Target::Connection {
                outbox: Arc::clone(&self.outbox),
                share: Arc::clone(&self.share),
                slot,
                run,
            },
        };
        let credit = Credit::Connection {
            freed: Arc::clone(&freed),
            outbox: Arc::clone(&self.outbox),
            capacity: bytes,
        };
        let channel = Channel::new(Arc::new(line), arrivals, credit);
        let (running, peer) = (protocol.clone(), self.peer.clone());
        let task = self.tasks.spawn(async move {
            let id = peer.id();
            let end = running.run(peer, channel).await;
            if let Err(exit) = &end {
                tracing::debug!(peer = ?id, protocol = %running.capability(), %exit, "gave up");
            }
            end
        });
        Port { protocol, run, queue: Some(queue), freed, permits, task }
    }

    /// Whether that is the run which goes on now.
    pub(crate) fn is_current(&self, slot: SlotId, run: u64) -> bool {
        self.ports[slot.0].run == run
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = SlotId> + use<> {
        (0..self.ports.len()).map(SlotId)
    }

    /// Hands a message to a slot, and collects what the slot has taken since the last time. The
    /// message comes back if nobody listens.
    pub(crate) fn deliver(&self, slot: SlotId, message: Message) -> Result<QueueLoad, Message> {
        let port = &self.ports[slot.0];
        let Some(queue) = &port.queue else { return Err(message) };
        queue.try_send(message).map_err(mpsc::error::TrySendError::into_inner)?;
        Ok(port.freed.collect())
    }

    /// What the slot has taken since the last time; if it takes more, the bell is rung.
    pub(crate) fn collect(&self, slot: SlotId) -> QueueLoad {
        let freed = &self.ports[slot.0].freed;
        freed.want();
        freed.collect()
    }

    /// Tells the observers of a slot, if it has any, of a message. `false` if one missed that.
    pub(crate) fn observe(
        &self,
        slot: SlotId,
        direction: Direction,
        code: u64,
        length: usize,
    ) -> bool {
        let mut all = true;
        for observer in self.ports[slot.0].protocol.observers() {
            let told = observer.try_send(ObservedMessage {
                peer: self.peer.id(),
                direction,
                code,
                length,
            });
            all &= !matches!(told, Err(mpsc::error::TrySendError::Full(_)));
        }
        all
    }

    /// A message of the slot has been sent.
    pub(crate) fn grant(&self, slot: SlotId, bytes: usize) {
        self.ports[slot.0].permits.add_permits(bytes);
    }

    /// Closes a slot: its task gets no more messages and can send none.
    pub(crate) fn close(&mut self, slot: SlotId) {
        self.ports[slot.0].close();
        self.outbox.wake_senders();
    }

    /// Closes a slot whose task does not even take its messages, and cancels the task.
    pub(crate) fn evict(&mut self, slot: SlotId) {
        self.close(slot);
        self.ports[slot.0].task.abort();
    }

    /// Closes a slot for good: its task gets what has arrived, then `None`, and is cancelled if it
    /// has not returned by `deadline`.
    pub(crate) fn retire(&mut self, slot: SlotId, deadline: Instant) {
        self.close(slot);
        self.retired.push((deadline, self.ports[slot.0].task.clone()));
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.retired.iter().map(|(deadline, _)| *deadline).min()
    }

    /// Cancels the retired tasks whose time is over.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.retired.retain(|(deadline, task)| {
            let over = *deadline <= now;
            if over {
                task.abort();
            }
            !over
        });
    }

    /// Closes all slots: every task gets what has arrived, and then `None`.
    pub(crate) fn close_all(&mut self) {
        self.outbox.close();
        self.ports.iter_mut().for_each(Port::close);
        self.outbox.wake_senders();
    }

    /// A task that has ended since the last time. Those that were cancelled are not mentioned.
    pub(crate) fn poll_exit(&mut self, cx: &mut Context<'_>) -> Poll<(SlotId, Exited)> {
        while let Poll::Ready(Some(joined)) = self.tasks.poll_join_next_with_id(cx) {
            let (task, exited) = match joined {
                Ok((task, Ok(()))) => (task, Exited::Ended(SlotEndReason::Returned)),
                Ok((task, Err(Exit::Disconnect(reason)))) => (task, Exited::Disconnect(reason)),
                Ok((task, Err(_))) => (task, Exited::Ended(SlotEndReason::Failed)),
                Err(error) if error.is_panic() => {
                    (error.id(), Exited::Ended(SlotEndReason::Panicked))
                }
                Err(_) => continue,
            };
            if let Some(index) = self.ports.iter().position(|port| port.task.id() == task) {
                return Poll::Ready((SlotId(index), exited));
            }
        }
        Poll::Pending
    }

    /// Waits until every task has ended.
    pub(crate) async fn join(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Cancels every task and waits until it is gone.
    pub(crate) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        self.close_all();
    }
}

impl Port {
    fn close(&mut self) {
        self.queue = None;
        self.permits.close();
    }
}
