//! Messages and commands from the tasks of a connection to its driver.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake},
};

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::{CloseReason, DisconnectReason, Message, QueueLoad, SendError, SlotId};

/// Messages and commands for the driver of a connection, and the waker of the driver.
///
/// Its size is bounded, because a sender reserves room in the outbound queue of its slot first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    contents: Mutex<OutboxContents>,
    driver: AtomicWaker,
    woken: AtomicBool,
    /// Notifies senders that wait while memory is short.
    memory_freed: Notify,
    /// Whether a sender may be waiting for `memory_freed`.
    has_waiting_senders: AtomicBool,
    ended: OnceLock<CloseReason>,
}

/// A message from a sender to the state machine.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) slot: SlotId,
    /// The run of the sub-protocol that sent it.
    pub(crate) run: u64,
    pub(crate) message: Message,
}

#[derive(Debug, Default)]
struct OutboxContents {
    messages: Vec<Outgoing>,
    commands: Commands,
    closed: bool,
}

/// Commands of the connection's owner.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    /// End the connection.
    pub(crate) disconnect: Option<DisconnectReason>,
    /// End these slots.
    pub(crate) removed: Vec<SlotId>,
}

impl Outbox {
    pub(crate) fn push(&self, outgoing: Outgoing) -> Result<(), SendError> {
        let mut contents = self.lock();
        if contents.closed {
            return Err(SendError::Closed);
        }
        contents.messages.push(outgoing);
        drop(contents);
        self.wake_driver();
        Ok(())
    }

    /// Asks the driver to end the connection. Only the first reason counts.
    pub(crate) fn disconnect(&self, reason: DisconnectReason) {
        self.lock().commands.disconnect.get_or_insert(reason);
        self.wake_driver();
    }

    /// Asks the driver to end a slot.
    pub(crate) fn remove(&self, slot: SlotId) {
        self.lock().commands.removed.push(slot);
        self.wake_driver();
    }

    /// Takes all messages and commands. The memory of the messages goes with them: an idle connection has none.
    pub(crate) fn take(&self) -> (Vec<Outgoing>, Commands) {
        let mut contents = self.lock();
        (std::mem::take(&mut contents.messages), std::mem::take(&mut contents.commands))
    }

    /// Refuses further messages. Those that are here can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Records how the connection ended. Call it before its slots close. Only the first call counts.
    pub(crate) fn end(&self, closed: CloseReason) {
        let _ = self.ended.set(closed);
    }

    pub(crate) fn ended(&self) -> Option<&CloseReason> {
        self.ended.get()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits until `exceeds_share` is false: memory is not short, the connection is within its share,
    /// or the sender's slot has ended.
    pub(crate) async fn wait_for_memory(&self, exceeds_share: impl Fn() -> bool) {
        while exceeds_share() {
            let freed = self.memory_freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            self.has_waiting_senders.store(true, SeqCst);
            // Checked again, because it may have changed before the notification was enabled.
            if exceeds_share() {
                freed.await;
            }
        }
    }

    /// Lets the senders that wait for memory check again.
    pub(crate) fn wake_senders(&self) {
        if self.has_waiting_senders.swap(false, SeqCst) {
            self.memory_freed.notify_waiters();
        }
    }

    pub(crate) fn wake_driver(&self) {
        self.woken.store(true, SeqCst);
        self.driver.wake();
    }

    /// Ready if the driver was woken since the last call that was ready.
    pub(crate) fn poll_woken(&self, cx: &Context<'_>) -> Poll<()> {
        self.driver.register(cx.waker());
        if self.woken.swap(false, SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn lock(&self) -> MutexGuard<'_, OutboxContents> {
        // Poisoning is ignored: the contents are consistent after every statement.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker of the driver.
impl Wake for Outbox {
    fn wake(self: Arc<Self>) {
        self.wake_driver();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_driver();
    }
}

/// What a sub-protocol has taken out of its inbound queue since the driver collected it last, and the
/// message that it works on.
#[derive(Debug, Default)]
pub(crate) struct Freed {
    bytes: AtomicUsize,
    items: AtomicUsize,
    /// Memory of the message that was taken last, in bytes; 0 once the sub-protocol has finished it.
    unfinished: AtomicUsize,
    /// Whether to wake the driver when the next message is taken or finished.
    wake_driver: AtomicBool,
}

/// What the driver has collected from a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Collected {
    /// What was taken since the last time.
    pub(crate) freed: QueueLoad,
    /// Memory of the message that was taken and is not finished, in bytes.
    pub(crate) unfinished: usize,
}

impl Freed {
    /// Adds a message that was taken and takes `size` bytes of memory. Wakes the driver only if it waits
    /// for that.
    pub(crate) fn add(&self, load: QueueLoad, size: usize, outbox: &Outbox) {
        // First, so that the driver never sees the memory as free.
        self.unfinished.store(size, SeqCst);
        self.bytes.fetch_add(load.bytes, SeqCst);
        self.items.fetch_add(load.items, SeqCst);
        self.wake(outbox);
    }

    /// The sub-protocol has finished the message that it has taken last.
    pub(crate) fn finish(&self, outbox: &Outbox) {
        if self.unfinished.swap(0, SeqCst) > 0 {
            self.wake(outbox);
        }
    }

    fn wake(&self, outbox: &Outbox) {
        if self.wake_driver.swap(false, SeqCst) {
            outbox.wake_driver();
        }
    }

    /// Returns what was taken since the last call.
    pub(crate) fn collect(&self) -> Collected {
        let freed =
            QueueLoad { bytes: self.bytes.swap(0, SeqCst), items: self.items.swap(0, SeqCst) };
        Collected { freed, unfinished: self.unfinished.load(SeqCst) }
    }

    /// Has the driver woken when the next message is taken or finished. Collect after this call, not before:
    /// otherwise a message may be missed.
    pub(crate) fn request_wake(&self) {
        self.wake_driver.store(true, SeqCst);
    }
}
