//! How a connection keeps to the memory that it shares with others.

#[cfg(feature = "tokio")]
use std::sync::Arc;
use std::{
    task::Waker,
    time::{Duration, Instant},
};

use super::Connection;
#[cfg(feature = "tokio")]
use crate::account::Share;
use crate::{CloseReason, MemoryBudget, SlotId, account::Account, closed::EXCEEDED_SHARE_REASON};

/// What a connection holds of the shared memory.
///
/// Everything that a peer can make grow is charged to it when it comes and released when it goes:
/// messages that have arrived ([`Connection::count_inbound`]), the one that is held, messages that
/// wait to be sent, the owner's buffers.
#[derive(Debug)]
pub(super) struct Holding {
    account: Account,
    /// What the owner's buffers held when it last said so.
    buffers: usize,
    /// Set while memory is short and the connection has more than its share.
    over: Option<Over>,
}

#[derive(Clone, Copy, Debug)]
struct Over {
    /// When the patience with it ends.
    until: Instant,
    /// When to look next.
    look: Instant,
}

/// How much the buffers must have changed before it is worth counting.
const STEP: usize = 2 * 1024;

impl Holding {
    pub(super) fn new(memory: &MemoryBudget, waker: Waker) -> Self {
        Self { account: memory.open(waker), buffers: 0, over: None }
    }

    /// So many bytes more are held.
    pub(super) fn charge(&self, bytes: usize) {
        self.account.charge(bytes);
    }

    /// So many bytes are held no more, which were charged before.
    pub(super) fn release(&self, bytes: usize) {
        self.account.release(bytes);
    }

    /// What was `before` is `after` now.
    pub(super) fn adjust(&self, before: usize, after: usize) {
        self.account.adjust(before, after);
    }

    /// Whether memory is short and the connection has more than its share.
    pub(super) fn exceeds_share(&self) -> bool {
        self.account.exceeds_share()
    }

    /// When to look again whether it still is.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.over.map(|over| over.look)
    }

    /// Whether the patience has an end, and that has come for the one who has the most.
    fn is_spent(&mut self, now: Instant, patience: Duration) -> bool {
        let until = now + patience;
        let over = self.over.get_or_insert(Over { until, look: until });
        if over.look <= now {
            over.look = until;
        }
        over.until <= now && self.account.condemn_if_largest()
    }
}

impl Connection {
    /// Whether the connection waits because memory is short and it has more than its share: nothing
    /// is read, and what has been read is handed over one message at a time.
    #[must_use]
    pub const fn is_waiting_for_memory(&self) -> bool {
        self.holding.over.is_some()
    }

    /// What each connection may have in any case, in bytes, while memory is short; buffers should be
    /// small beside it. `None` while there is plenty.
    #[must_use]
    pub fn share_if_short(&self) -> Option<usize> {
        self.holding.account.share_if_short()
    }

    /// Tells how many bytes of memory the owner's buffers for this connection take, so that they
    /// are counted.
    pub fn set_buffers(&mut self, bytes: usize) {
        if bytes.abs_diff(self.holding.buffers) >= STEP {
            self.holding.adjust(self.holding.buffers, bytes);
            self.holding.buffers = bytes;
        }
    }

    /// The part of the account that senders may use.
    #[cfg(feature = "tokio")]
    pub(crate) const fn share(&self) -> &Arc<Share> {
        self.holding.account.share()
    }

    /// Looks whether the rule of the shared memory applies to this connection.
    pub(super) fn keep_to_memory(&mut self, now: Instant) {
        if self.closed.is_some() {
            return;
        }
        if self.holding.account.is_condemned() {
            self.overdraw();
        } else if !self.holding.exceeds_share() {
            if self.holding.over.take().is_some() {
                self.liveness.heard(now);
            }
        } else {
            if self.holding.over.is_none() {
                self.meters.memory_waits.increment();
            }
            if self.holding.is_spent(now, self.config.stall_limit) {
                self.overdraw();
            }
        }
    }

    /// Whether the next frame may be opened. While the connection has more than its share, only if
    /// all that came before has been taken: then it gets on if it can, and grows by one message at
    /// most.
    pub(super) fn may_unpack(&self) -> bool {
        !self.holding.exceeds_share()
            || self.slots.iter().all(|slot| slot.inbound.used().items == 0)
    }

    /// Ends the connection, which has the most, and lets go of everything.
    fn overdraw(&mut self) {
        let (held, share) = self.holding.account.standing();
        self.finish(CloseReason::ExceededShare { held, share }, Some(EXCEEDED_SHARE_REASON));
        for slot in (0..self.slots.len()).map(SlotId) {
            let inbound = &mut self.slots[slot.0].inbound;
            self.meters.slots[slot.0].drops.memory.add(inbound.used().items);
            inbound.clear();
            self.count_inbound(slot);
        }
    }
}
