//! A message that arrives in pieces ([`chunk`](crate::chunk)), until it is whole.

use bytes::Bytes;

use crate::{Message, budget::Budget};

/// The unfinished message of a slot.
///
/// What has arrived of it weighs on the slot's budget, as if it were a message of that length. Once
/// it is [dropped](Self::discard), what still arrives is only counted, so that the next message is
/// found.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// Within the sub-protocol.
    code: u64,
    /// What the whole message is to have, in bytes: a claim.
    length: usize,
    /// How much has arrived.
    arrived: usize,
    /// What has arrived, unless it is dropped.
    kept: Option<Vec<u8>>,
}

impl Assembly {
    /// One of which nothing has arrived.
    pub(crate) const fn new(code: u64, length: usize) -> Self {
        Self { code, length, arrived: 0, kept: Some(Vec::new()) }
    }

    pub(crate) const fn code(&self) -> u64 {
        self.code
    }

    pub(crate) const fn length(&self) -> usize {
        self.length
    }

    /// How much is missing.
    pub(crate) const fn missing(&self) -> usize {
        self.length - self.arrived
    }

    /// MemoryBudget that is taken for what will arrive, beside what has.
    pub(crate) fn spare(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.capacity() - kept.len())
    }

    /// Adds the next `data`, no more than is missing, if there is room for them in the `budget` or
    /// they are dropped anyway.
    pub(crate) fn add(&mut self, data: &[u8], budget: &mut Budget) -> bool {
        let Some(kept) = &mut self.kept else {
            self.arrived += data.len();
            return true;
        };
        let grown = kept.len() + data.len();
        let fits =
            if kept.is_empty() { budget.admit(grown) } else { budget.grow(kept.len(), grown) };
        if fits {
            if kept.capacity() < grown {
                // Twice as much at most, and never more than the message is to have.
                kept.reserve_exact(data.len().max(kept.len()).min(self.length - kept.len()));
            }
            kept.extend_from_slice(data);
            self.arrived = grown;
        }
        fits
    }

    /// DropStats what has arrived and gives its room in the `budget` back. Whether it was still kept.
    pub(crate) fn discard(&mut self, budget: &mut Budget) -> bool {
        let Some(kept) = self.kept.take() else { return false };
        if !kept.is_empty() {
            budget.release(budget.load_of(kept.len()));
        }
        true
    }

    /// The message, once all of it has arrived; `None` if it was dropped. Its weight on the budget
    /// is now that of a message.
    pub(crate) fn into_message(self) -> Option<Message> {
        Some(Message { code: self.code, payload: Bytes::from(self.kept?) })
    }
}
