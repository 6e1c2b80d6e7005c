//! The envelopes that are not asked for.

use std::collections::BTreeMap;

use p2p_world::HashMap;

use crate::{relay::lazy::short_id::ShortId, relay::pool::Ticket};

/// Maximum number of rejected envelopes that are remembered, about 1 MB.
const MAX_REJECTED: usize = 16_384;

/// The ids of the envelopes that are in the pool, or that came and were not admitted, until they expire.
#[derive(Debug, Default)]
pub(super) struct Held {
    ids: HashMap<ShortId, Option<Ticket>>,
    by_expiry: BTreeMap<u32, Vec<ShortId>>,
    rejected: usize,
}

impl Held {
    /// Whether the envelope came; and its ticket, if it was admitted.
    pub(super) fn get(&self, id: &ShortId) -> Option<Option<Ticket>> {
        self.ids.get(id).copied()
    }

    /// An envelope came. `ticket`: `None` if it was not admitted.
    pub(super) fn insert(&mut self, id: ShortId, ticket: Option<Ticket>, expiry: u32) {
        if ticket.is_none() && self.rejected == MAX_REJECTED {
            return;
        }
        match self.ids.insert(id, ticket) {
            // It was rejected before, and is admitted now: its expiry is known.
            Some(None) if ticket.is_some() => self.rejected -= 1,
            Some(before) if ticket.is_none() => drop(self.ids.insert(id, before)),
            Some(_) => {}
            None => {
                self.rejected += usize::from(ticket.is_none());
                self.by_expiry.entry(expiry).or_default().push(id);
            }
        }
    }

    /// Forgets what expired before `now`.
    pub(super) fn expire(&mut self, now: u32) {
        while let Some(first) = self.by_expiry.first_entry()
            && *first.key() < now
        {
            for id in first.remove() {
                let is_rejected = self.ids.remove(&id) == Some(None);
                self.rejected -= usize::from(is_rejected);
            }
        }
        if self.ids.capacity() > 4 * self.ids.len().max(1024) {
            self.ids.shrink_to(2 * self.ids.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> ShortId {
        ShortId((number as u64).to_le_bytes())
    }

    #[test]
    fn envelopes_are_remembered_until_they_expire() {
        let mut held = Held::default();
        held.insert(id(1), Some(Ticket::at(1)), 10);
        held.insert(id(2), None, 20);
        held.insert(id(2), Some(Ticket::at(2)), 20);
        held.insert(id(1), None, 10);
        held.expire(10);
        assert_eq!(held.get(&id(1)), Some(Some(Ticket::at(1))), "it is in the pool");
        assert_eq!(held.get(&id(2)), Some(Some(Ticket::at(2))), "it was admitted later");
        held.expire(11);
        assert_eq!((held.get(&id(1)), held.get(&id(3))), (None, None));
        held.expire(21);
        assert_eq!((held.ids.len(), held.rejected), (0, 0));
    }

    #[test]
    fn the_number_of_rejected_envelopes_is_limited() {
        let mut held = Held::default();
        (0..=MAX_REJECTED).for_each(|number| held.insert(id(number), None, 10));
        assert_eq!((held.ids.len(), held.get(&id(MAX_REJECTED))), (MAX_REJECTED, None));
        held.insert(id(MAX_REJECTED), Some(Ticket::at(1)), 10);
        assert!(held.get(&id(MAX_REJECTED)).is_some(), "what is in the pool is not limited here");
        held.expire(11);
        held.insert(id(1), None, 20);
        assert_eq!(held.rejected, 1);
    }
}
