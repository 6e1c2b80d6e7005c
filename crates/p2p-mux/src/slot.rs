//! A slot: the settings and the state of a sub-protocol on one connection.

mod assembly;
mod queue_budget;
mod restart;
mod settings;
mod stall_allowance;

use std::time::Instant;

use crate::SharedCapability;
pub(crate) use assembly::Assembly;
use queue_budget::QueueBudget;
pub use queue_budget::{QueueLimits, QueueLoad};
pub(crate) use queue_budget::{memory_size, queue_size};
use restart::Backoff;
pub use restart::RestartSettings;
pub use settings::{OnExit, OnOverload, SlotSettings};
use stall_allowance::StallAllowance;

/// Identifies a slot of a connection: its index in the list that [`negotiate`](crate::negotiate)
/// returned. A slot that does not exist is treated like one that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub usize);

/// Why a slot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotEndReason {
    /// The sub-protocol returned.
    Returned,
    /// It returned an error.
    Failed,
    /// It panicked.
    Panicked,
    /// It did not take its messages ([`OnOverload::CloseSlot`]).
    Overloaded,
    /// The owner removed it from the connection. Its [`OnExit`] rule is not applied: it does not
    /// restart, and the connection ends only if it was the last.
    Removed,
}

/// The state of one slot.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) settings: SlotSettings,
    pub(crate) inbound: QueueBudget,
    /// Memory of this slot, in bytes, as charged last.
    pub(crate) counted: usize,
    /// Memory of the message that the task has taken and not finished, in bytes.
    pub(crate) unfinished: usize,
    /// The message that arrives in pieces, if there is one.
    pub(crate) assembly: Option<Assembly>,
    /// `None` while the slot is open.
    pub(crate) ended: Option<SlotEndReason>,
    pub(crate) backoff: Backoff,
    pub(crate) stall_allowance: StallAllowance,
    /// When a slot that has ended reopens.
    pub(crate) reopens: Option<Instant>,
    /// With [`OnOverload::DropNewest`]: the queue was full for too long, so messages are dropped
    /// until half of it is free.
    pub(crate) overloaded: bool,
}

impl Slot {
    pub(crate) const fn new(
        shared: &SharedCapability,
        settings: SlotSettings,
        now: Instant,
    ) -> Self {
        Self {
            offset: shared.offset,
            length: shared.length,
            settings,
            inbound: QueueBudget::new(settings.inbound),
            counted: 0,
            unfinished: 0,
            assembly: None,
            ended: None,
            backoff: Backoff::new(now),
            stall_allowance: StallAllowance::new(now),
            reopens: None,
            overloaded: false,
        }
    }

    /// Closes the slot because its task has ended. Messages in the inbound queue are dropped with it.
    pub(crate) fn end(&mut self, now: Instant, reason: SlotEndReason) {
        self.ended = Some(reason);
        self.inbound = QueueBudget::new(self.settings.inbound);
        self.unfinished = 0;
        if reason == SlotEndReason::Removed {
            self.reopens = None;
        } else if let OnExit::Restart(restart) = &self.settings.on_exit {
            // On overflow: never.
            self.reopens = now.checked_add(self.backoff.handle_end(now, restart));
        }
    }

    /// Opens the slot for a new task with empty queues.
    pub(crate) const fn reopen(&mut self, now: Instant) {
        self.ended = None;
        self.reopens = None;
        self.overloaded = false;
        self.backoff.handle_start(now);
    }

    /// Drops the data of the unfinished message. Whether there was a message not yet dropped.
    pub(crate) fn discard_unfinished(&mut self) -> bool {
        self.assembly.as_mut().is_some_and(|unfinished| unfinished.discard(&mut self.inbound))
    }

    /// Adds `data` to the unfinished message. `false` if there is no room for it.
    pub(crate) fn add(&mut self, data: &[u8]) -> bool {
        self.assembly.as_mut().is_none_or(|unfinished| unfinished.add(data, &mut self.inbound))
    }

    /// Memory of the inbound queue, the message that the task works on and the one that arrives in
    /// pieces, in bytes.
    pub(crate) fn memory_size(&self) -> usize {
        self.inbound.memory_size()
            + self.unfinished
            + self.assembly.as_ref().map_or(0, Assembly::spare)
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether the message id `id` belongs to this slot.
    pub(crate) const fn owns(&self, id: u64) -> bool {
        id >= self.offset && id - self.offset < self.length
    }
}
