//! What the tasks of a connection leave for its driver.

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

/// The place where senders leave messages, and a bell that wakes the driver.
///
/// It is bounded by its senders: each message has taken its place in the budget of its slot before
/// it comes here.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    driver: AtomicWaker,
    woken: AtomicBool,
    /// Where senders wait while memory is short.
    relief: Notify,
    /// Whether any do.
    pressed: AtomicBool,
    ended: OnceLock<CloseReason>,
}

/// A message on its way from a sender to the machine.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) slot: SlotId,
    /// Which run of the sub-protocol said it.
    pub(crate) run: u64,
    pub(crate) message: Message,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: Vec<Outgoing>,
    wishes: Wishes,
    closed: bool,
}

/// What the owner of the connection wants of it.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// That it ends.
    pub(crate) disconnect: Option<DisconnectReason>,
    /// That these slots end.
    pub(crate) removed: Vec<SlotId>,
}

impl Outbox {
    pub(crate) fn push(&self, outgoing: Outgoing) -> Result<(), SendError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(SendError::Closed);
        }
        waiting.messages.push(outgoing);
        drop(waiting);
        self.wake_driver();
        Ok(())
    }

    /// Asks for the end of the connection. The first reason counts.
    pub(crate) fn disconnect(&self, reason: DisconnectReason) {
        self.lock().wishes.disconnect.get_or_insert(reason);
        self.wake_driver();
    }

    /// Asks for the end of a slot.
    pub(crate) fn remove(&self, slot: SlotId) {
        self.lock().wishes.removed.push(slot);
        self.wake_driver();
    }

    /// Moves everything that waits into `messages`, which must be empty, and says what else is
    /// wanted.
    pub(crate) fn take(&self, messages: &mut Vec<Outgoing>) -> Wishes {
        let mut waiting = self.lock();
        std::mem::swap(messages, &mut waiting.messages);
        std::mem::take(&mut waiting.wishes)
    }

    /// Nothing is accepted any more. What waits can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// How the connection ended, to be told before its slots close. The first word counts.
    pub(crate) fn end(&self, closed: CloseReason) {
        let _ = self.ended.set(closed);
    }

    pub(crate) fn ended(&self) -> Option<&CloseReason> {
        self.ended.get()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits, while memory is short and the connection has more than its share (`exceeds_share`), until
    /// that or the sender's slot has ended.
    pub(crate) async fn wait_for_memory(&self, exceeds_share: impl Fn() -> bool) {
        while exceeds_share() {
            let relieved = self.relief.notified();
            tokio::pin!(relieved);
            relieved.as_mut().enable();
            self.pressed.store(true, SeqCst);
            // Looked at once more: it may have ended before there was anybody to tell.
            if exceeds_share() {
                relieved.await;
            }
        }
    }

    /// Lets the senders that wait for memory look again.
    pub(crate) fn wake_senders(&self) {
        if self.pressed.swap(false, SeqCst) {
            self.relief.notify_waiters();
        }
    }

    pub(crate) fn wake_driver(&self) {
        self.woken.store(true, SeqCst);
        self.driver.wake();
    }

    /// Ready when the bell has rung since the last time it was.
    pub(crate) fn poll_woken(&self, cx: &Context<'_>) -> Poll<()> {
        self.driver.register(cx.waker());
        if self.woken.swap(false, SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Plain data: whoever panicked has left it whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bell as others see it who have to wake the driver.
impl Wake for Outbox {
    fn wake(self: Arc<Self>) {
        self.wake_driver();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_driver();
    }
}

/// What a sub-protocol has taken out of its inbound queue, for the driver to collect.
#[derive(Debug, Default)]
pub(crate) struct Freed {
    bytes: AtomicUsize,
    items: AtomicUsize,
    /// The driver holds a message until there is room.
    wanted: AtomicBool,
}

impl Freed {
    /// A message was taken. The bell is rung only if the driver waits for that.
    pub(crate) fn add(&self, load: QueueLoad, outbox: &Outbox) {
        self.bytes.fetch_add(load.bytes, SeqCst);
        self.items.fetch_add(load.items, SeqCst);
        if self.wanted.swap(false, SeqCst) {
            outbox.wake_driver();
        }
    }

    /// What was taken since the last time.
    pub(crate) fn collect(&self) -> QueueLoad {
        QueueLoad { bytes: self.bytes.swap(0, SeqCst), items: self.items.swap(0, SeqCst) }
    }

    /// Asks for the bell at the next message that is taken. Collect after this, not before, or one
    /// may be missed.
    pub(crate) fn want(&self) {
        self.wanted.store(true, SeqCst);
    }
}
