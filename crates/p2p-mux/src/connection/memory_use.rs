//! What a connection uses of a memory budget that it shares with others, and what it does when
//! memory is short.

use std::{
    task::Waker,
    time::{Duration, Instant},
};

#[cfg(feature = "tokio")]
use std::sync::Arc;

use super::Connection;
#[cfg(feature = "tokio")]
use crate::memory::Share;
use crate::{CloseReason, MemoryBudget, memory::Account, reason::EXCEEDED_SHARE_REASON};

/// What a connection uses of the shared memory budget.
///
/// Everything that a peer can make grow is charged when it arrives and released when it is gone:
/// messages in the inbound queues ([`Slots::count_inbound`](super::slots::Slots::count_inbound)),
/// the held message, messages in the outbound queues, the owner's buffers.
#[derive(Debug)]
pub(super) struct MemoryUse {
    account: Account,
    /// Size of the owner's buffers in bytes, as charged last.
    buffers: usize,
    /// Set while memory is short and the connection exceeds its share.
    wait: Option<Wait>,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    /// After this time the connection is closed if it is the largest.
    deadline: Instant,
    /// When to check next.
    check: Instant,
}

/// Smallest change of the owner's buffers, in bytes, that is charged.
const BUFFERS_STEP: usize = 2 * 1024;

impl MemoryUse {
    pub(super) fn new(memory: &MemoryBudget, waker: Waker) -> Self {
        Self { account: memory.open(waker), buffers: 0, wait: None }
    }

    /// Adds bytes to what is used.
    pub(super) fn charge(&self, bytes: usize) {
        self.account.charge(bytes);
    }

    /// Returns bytes that were charged before.
    pub(super) fn release(&self, bytes: usize) {
        self.account.release(bytes);
    }

    /// Replaces a charge of `before` bytes by one of `after` bytes.
    pub(super) fn adjust(&self, before: usize, after: usize) {
        self.account.adjust(before, after);
    }

    /// Whether memory is short and the connection exceeds its share.
    pub(super) fn exceeds_share(&self) -> bool {
        self.account.exceeds_share()
    }

    /// When to check the rule again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.wait.map(|wait| wait.check)
    }

    /// Starts or continues to wait. Returns whether the connection has waited for `limit` and is now
    /// marked for closing, because it is the largest.
    fn has_waited(&mut self, now: Instant, limit: Duration) -> bool {
        let later = now + limit;
        let wait = self.wait.get_or_insert(Wait { deadline: later, check: later });
        if wait.check <= now {
            wait.check = later;
        }
        wait.deadline <= now && self.account.mark_if_largest()
    }
}

impl Connection {
    /// Whether the connection waits because memory is short and it exceeds its share.
    ///
    /// Meanwhile nothing is read from the peer, and messages that have been read are delivered one
    /// by one.
    #[must_use]
    pub const fn is_waiting_for_memory(&self) -> bool {
        self.slots.memory.wait.is_some()
    }

    /// The fair share of a connection, in bytes, while memory is short; `None` otherwise. Keep
    /// buffers small compared with it.
    #[must_use]
    pub fn share_if_short(&self) -> Option<usize> {
        self.slots.memory.account.share_if_short()
    }

    /// Charges the owner's buffers for this connection, in bytes. Replaces the earlier charge.
    pub fn set_buffers(&mut self, bytes: usize) {
        let memory = &mut self.slots.memory;
        if bytes.abs_diff(memory.buffers) >= BUFFERS_STEP {
            memory.adjust(memory.buffers, bytes);
            memory.buffers = bytes;
        }
    }

    /// The part of the account that senders use.
    #[cfg(feature = "tokio")]
    pub(crate) const fn share(&self) -> &Arc<Share> {
        self.slots.memory.account.share()
    }

    /// Checks whether the rule of the shared memory applies to this connection.
    pub(super) fn apply_memory_rule(&mut self, now: Instant) {
        if self.closed.is_some() {
            return;
        }
        let memory = &mut self.slots.memory;
        if memory.account.is_marked() {
            self.close_for_memory();
        } else if !memory.exceeds_share() {
            if memory.wait.take().is_some() {
                self.liveness.restart_silence(now);
            }
        } else {
            if memory.wait.is_none() {
                self.slots.meters.counters.memory_waits.increment();
            }
            if memory.has_waited(now, self.config.stall_limit) {
                self.close_for_memory();
            }
        }
    }

    /// Whether the next frame may be decrypted.
    ///
    /// A connection that exceeds its share decrypts a frame only when every earlier message has been
    /// taken. So it makes progress, and grows by at most one message.
    pub(super) fn may_decrypt(&self) -> bool {
        !self.slots.memory.exceeds_share() || self.slots.are_idle()
    }

    /// Ends the connection because it is the largest while memory is short, and frees its memory.
    fn close_for_memory(&mut self) {
        let (held, share) = self.slots.memory.account.held_and_fair_share();
        self.finish(CloseReason::ExceededShare { held, share }, Some(EXCEEDED_SHARE_REASON));
        self.slots.drop_inbound();
    }
}
