//! A message that arrives in pieces ([`chunk`](crate::chunk)), until it is complete.

use bytes::Bytes;

use super::QueueBudget;
use crate::Message;

/// The unfinished message of a slot.
///
/// The bytes that have arrived count in the slot's inbound budget, like a message of that length.
/// Once the message is [dropped](Self::discard), later bytes are only counted, to find the end of
/// the message.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// Code within the sub-protocol.
    code: u64,
    /// Announced length of the whole message, in bytes.
    length: usize,
    /// Bytes that have arrived.
    arrived: usize,
    /// The bytes that have arrived; `None` if the message is dropped.
    kept: Option<Vec<u8>>,
}

impl Assembly {
    /// A message without data.
    pub(crate) const fn new(code: u64, length: usize) -> Self {
        Self { code, length, arrived: 0, kept: Some(Vec::new()) }
    }

    pub(crate) const fn code(&self) -> u64 {
        self.code
    }

    pub(crate) const fn length(&self) -> usize {
        self.length
    }

    /// Bytes that have not arrived yet.
    pub(crate) const fn missing(&self) -> usize {
        self.length - self.arrived
    }

    /// Memory reserved for bytes that have not arrived yet.
    pub(crate) fn spare(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.capacity() - kept.len())
    }

    /// Adds the next bytes, at most as many as are missing. `false` if the `budget` has no room for
    /// them. A dropped message needs no room.
    pub(crate) fn add(&mut self, data: &[u8], budget: &mut QueueBudget) -> bool {
        let Some(kept) = &mut self.kept else {
            self.arrived += data.len();
            return true;
        };
        let grown = kept.len() + data.len();
        let fits =
            if kept.is_empty() { budget.admit(grown) } else { budget.grow(kept.len(), grown) };
        if fits {
            if kept.capacity() < grown {
                // At most doubles the capacity, and never exceeds the announced length.
                kept.reserve_exact(data.len().max(kept.len()).min(self.length - kept.len()));
            }
            kept.extend_from_slice(data);
            self.arrived = grown;
        }
        fits
    }

    /// Drops the data and frees its room in the `budget`. `false` if that was done before.
    pub(crate) fn discard(&mut self, budget: &mut QueueBudget) -> bool {
        let Some(kept) = self.kept.take() else { return false };
        if !kept.is_empty() {
            budget.release(budget.load_of(kept.len()));
        }
        true
    }

    /// The complete message, which keeps its room in the budget; `None` if it was dropped.
    pub(crate) fn into_message(self) -> Option<Message> {
        Some(Message { code: self.code, payload: Bytes::from(self.kept?) })
    }
}
