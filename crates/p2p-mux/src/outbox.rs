//! What the tasks of a connection leave for its driver.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

use crate::{Load, Message, Reason, SendError, SlotId};

/// The place where senders leave messages, and a bell that wakes the driver.
///
/// It is bounded by its senders: each message has taken its place in the budget of its slot before
/// it comes here.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    driver: AtomicWaker,
    rung: AtomicBool,
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
    disconnect: Option<Reason>,
    closed: bool,
}

impl Outbox {
    pub(crate) fn push(&self, outgoing: Outgoing) -> Result<(), SendError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(SendError::Closed);
        }
        waiting.messages.push(outgoing);
        drop(waiting);
        self.ring();
        Ok(())
    }

    /// Asks for the end of the connection. The first reason counts.
    pub(crate) fn disconnect(&self, reason: Reason) {
        self.lock().disconnect.get_or_insert(reason);
        self.ring();
    }

    /// Moves everything that waits into `messages`, which must be empty, and says whether the end
    /// was asked for.
    pub(crate) fn take(&self, messages: &mut Vec<Outgoing>) -> Option<Reason> {
        let mut waiting = self.lock();
        std::mem::swap(messages, &mut waiting.messages);
        waiting.disconnect
    }

    /// Nothing is accepted any more. What waits can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(crate) fn ring(&self) {
        self.rung.store(true, SeqCst);
        self.driver.wake();
    }

    /// Ready when the bell has rung since the last time it was.
    pub(crate) fn poll_ring(&self, cx: &Context<'_>) -> Poll<()> {
        self.driver.register(cx.waker());
        if self.rung.swap(false, SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Plain data: whoever panicked has left it whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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
    pub(crate) fn add(&self, load: Load, outbox: &Outbox) {
        self.bytes.fetch_add(load.bytes, SeqCst);
        self.items.fetch_add(load.items, SeqCst);
        if self.wanted.swap(false, SeqCst) {
            outbox.ring();
        }
    }

    /// What was taken since the last time.
    pub(crate) fn collect(&self) -> Load {
        Load { bytes: self.bytes.swap(0, SeqCst), items: self.items.swap(0, SeqCst) }
    }

    /// Asks for the bell at the next message that is taken. Collect after this, not before, or one
    /// may be missed.
    pub(crate) fn want(&self) {
        self.wanted.store(true, SeqCst);
    }
}
