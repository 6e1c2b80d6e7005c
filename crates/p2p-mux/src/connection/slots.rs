//! The slots of one connection, with their counters and the memory that they use.

use std::{
    ops::{Index, IndexMut},
    sync::Arc,
    task::Waker,
    time::Instant,
};

use super::memory_use::MemoryUse;
use crate::{
    DisconnectReason, MemoryBudget, Message, QueueLoad, SharedCapability, SlotEndReason, SlotId,
    SlotSettings,
    slot::Slot,
    stats::{Meters, SlotMeter},
};

/// The slots of one connection, with their counters and the memory that they use.
#[derive(Debug)]
pub(super) struct Slots {
    pub(super) slots: Vec<Slot>,
    pub(super) meters: Arc<Meters>,
    pub(super) memory: MemoryUse,
}

impl Slots {
    /// Open slots, without a bound on their common memory.
    pub(super) fn new(slots: &[(SharedCapability, SlotSettings)], now: Instant) -> Self {
        Self {
            slots: slots
                .iter()
                .map(|(shared, settings)| Slot::new(shared, *settings, now))
                .collect(),
            meters: Arc::new(Meters::new(slots.iter().map(|(shared, _)| shared))),
            memory: MemoryUse::new(&MemoryBudget::unlimited(), Waker::noop().clone()),
        }
    }

    pub(super) fn get(&self, slot: SlotId) -> Option<&Slot> {
        self.slots.get(slot.0)
    }

    pub(super) fn get_mut(&mut self, slot: SlotId) -> Option<&mut Slot> {
        self.slots.get_mut(slot.0)
    }

    pub(super) fn meter(&self, slot: SlotId) -> &SlotMeter {
        &self.meters.slots[slot.0]
    }

    /// The slot that the message id `id` belongs to, and the code within that slot.
    pub(super) fn owner(&self, id: u64) -> Option<(SlotId, u64)> {
        let index = self.slots.iter().position(|slot| slot.owns(id))?;
        Some((SlotId(index), id - self.slots[index].offset))
    }

    /// Whether no other slot is open, so that this one cannot block any.
    pub(super) fn is_alone(&self, slot: SlotId) -> bool {
        self.slots.iter().enumerate().all(|(index, other)| index == slot.0 || !other.is_open())
    }

    /// Whether every message that has arrived was taken and finished.
    pub(super) fn are_idle(&self) -> bool {
        self.slots.iter().all(|slot| slot.inbound.used().items == 0 && slot.unfinished == 0)
    }

    /// Frees the room of messages that were taken from the slot's inbound queue.
    pub(super) fn release(&mut self, slot: SlotId, freed: QueueLoad) {
        let Some(state) = self.get_mut(slot).filter(|state| state.is_open()) else {
            return;
        };
        state.inbound.release(freed);
        if state.inbound.is_half_free() {
            state.overloaded = false;
        }
        self.count_inbound(slot);
    }

    /// Sets the memory of the message that the slot's task has taken and not finished, in bytes. Returns
    /// whether it is less than before.
    #[cfg(feature = "tokio")]
    pub(super) fn set_unfinished(&mut self, slot: SlotId, bytes: usize) -> bool {
        let Some(state) = self.get_mut(slot).filter(|state| state.is_open()) else { return false };
        let before = std::mem::replace(&mut state.unfinished, bytes);
        if before != bytes {
            self.count_inbound(slot);
        }
        bytes < before
    }

    /// Counts a message as dropped because the slot's task no longer receives, and frees its room.
    pub(super) fn discard(&mut self, slot: SlotId, message: &Message) {
        let Some(state) = self.get(slot) else { return };
        let freed = state.inbound.load_of(message.payload.len());
        self.meter(slot).drops.closed.increment();
        self.release(slot, freed);
    }

    /// Updates the memory budget and the counters after the slot's inbound queue or its unfinished
    /// message has changed. Call it after each such change.
    pub(super) fn count_inbound(&mut self, slot: SlotId) {
        let state = &mut self.slots[slot.0];
        let size = state.memory_size();
        self.memory.adjust(state.counted, size);
        state.counted = size;
        let queued = state.inbound.used().bytes as u64;
        self.meter(slot).counters.queued_in.set(queued);
    }

    /// The earliest time at which a slot reopens.
    pub(super) fn next_reopening(&self) -> Option<Instant> {
        self.slots.iter().filter_map(|slot| slot.reopens).min()
    }

    /// Reopens the first slot that is due.
    pub(super) fn reopen_due(&mut self, now: Instant) -> Option<SlotId> {
        let due = |slot: &Slot| slot.reopens.is_some_and(|due| due <= now);
        let slot = SlotId(self.slots.iter().position(due)?);
        self[slot].reopen(now);
        self.meter(slot).counters.restarts.increment();
        Some(slot)
    }

    /// Why a connection is of no more use; `None` while a slot is open or will reopen.
    pub(super) fn useless(&self) -> Option<DisconnectReason> {
        let mut reason = DisconnectReason::Quitting;
        for slot in &self.slots {
            match slot.ended {
                None => return None,
                Some(_) if slot.reopens.is_some() => return None,
                Some(SlotEndReason::Returned) => {}
                Some(SlotEndReason::Removed) if reason == DisconnectReason::Quitting => {
                    reason = DisconnectReason::UselessPeer;
                }
                Some(SlotEndReason::Removed) => {}
                Some(_) => reason = DisconnectReason::Subprotocol,
            }
        }
        Some(reason)
    }

    /// Drops the unfinished message of every slot.
    pub(super) fn discard_unfinished(&mut self) {
        for slot in self.ids() {
            let unfinished = self[slot].discard_unfinished();
            self.meter(slot).drops.unfinished.add(usize::from(unfinished));
            self.count_inbound(slot);
        }
    }

    /// Counts everything in the inbound queues as dropped because memory was short.
    pub(super) fn drop_inbound(&mut self) {
        for slot in self.ids() {
            self.meter(slot).drops.memory.add(self[slot].inbound.used().items);
            self[slot].inbound.clear();
            self[slot].unfinished = 0;
            self.count_inbound(slot);
        }
    }

    fn ids(&self) -> impl Iterator<Item = SlotId> + use<> {
        (0..self.slots.len()).map(SlotId)
    }
}

impl Index<SlotId> for Slots {
    type Output = Slot;

    fn index(&self, slot: SlotId) -> &Slot {
        &self.slots[slot.0]
    }
}

impl IndexMut<SlotId> for Slots {
    fn index_mut(&mut self, slot: SlotId) -> &mut Slot {
        &mut self.slots[slot.0]
    }
}
