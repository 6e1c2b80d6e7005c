//! Many connections' counters in one.

use crate::{CodeStats, ConnectionStats, DropStats, ExitStats, SlotStats};

impl ConnectionStats {
    /// Adds the counters of another connection, slot by slot: those of a sub-protocol that both have
    /// are added up, and others are taken over. The round trip, which is no counter, stays.
    pub fn add(&mut self, other: &Self) {
        let Self {
            pings_in,
            pongs_in,
            pongs_dropped,
            base_ignored,
            stalls,
            memory_waits,
            round_trip: _,
            slots,
        } = other;
        self.pings_in += pings_in;
        self.pongs_in += pongs_in;
        self.pongs_dropped += pongs_dropped;
        self.base_ignored += base_ignored;
        self.stalls += stalls;
        self.memory_waits += memory_waits;
        for slot in slots {
            match self.slots.iter_mut().find(|mine| mine.capability == slot.capability) {
                Some(mine) => mine.add(slot),
                None => self.slots.push(slot.clone()),
            }
        }
    }

    /// Forgets what waits in the queues: those of a connection that has ended are gone.
    pub fn clear_queues(&mut self) {
        for slot in &mut self.slots {
            (slot.queued_in, slot.queued_out) = (0, 0);
        }
    }
}

impl SlotStats {
    fn add(&mut self, other: &Self) {
        let Self {
            capability: _,
            messages_in,
            bytes_in,
            messages_out,
            bytes_out,
            pieces_in,
            pieces_out,
            codes,
            queued_in,
            queued_out,
            drops,
            exits,
            restarts,
            unobserved,
        } = other;
        self.messages_in += messages_in;
        self.bytes_in += bytes_in;
        self.messages_out += messages_out;
        self.bytes_out += bytes_out;
        self.pieces_in += pieces_in;
        self.pieces_out += pieces_out;
        codes.iter().for_each(|code| self.absorb_code(code));
        self.queued_in += queued_in;
        self.queued_out += queued_out;
        self.drops.add(drops);
        self.exits.add(exits);
        self.restarts += restarts;
        self.unobserved += unobserved;
    }

    /// The codes stay in their order.
    fn absorb_code(&mut self, other: &CodeStats) {
        match self.codes.binary_search_by_key(&other.code, |mine| mine.code) {
            Ok(place) => {
                let CodeStats { code: _, messages_in, bytes_in, messages_out, bytes_out } = other;
                let mine = &mut self.codes[place];
                mine.messages_in += messages_in;
                mine.bytes_in += bytes_in;
                mine.messages_out += messages_out;
                mine.bytes_out += bytes_out;
            }
            Err(place) => self.codes.insert(place, *other),
        }
    }
}

impl DropStats {
    fn add(&mut self, other: &Self) {
        let Self { closed, overload, memory, unsent, too_large, unfinished } = other;
        self.closed += closed;
        self.overload += overload;
        self.memory += memory;
        self.unsent += unsent;
        self.too_large += too_large;
        self.unfinished += unfinished;
    }
}

impl ExitStats {
    fn add(&mut self, other: &Self) {
        let Self { returned, failed, panicked, overloaded, removed } = other;
        self.returned += returned;
        self.failed += failed;
        self.panicked += panicked;
        self.overloaded += overloaded;
        self.removed += removed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Capability;

    fn slot(name: &str, codes: &[u64]) -> SlotStats {
        let code =
            |&code: &u64| CodeStats { code, messages_in: 1, bytes_in: 10, ..CodeStats::default() };
        SlotStats {
            capability: Capability::new(name, 1),
            messages_in: codes.len() as u64,
            bytes_in: 10 * codes.len() as u64,
            messages_out: 0,
            bytes_out: 0,
            pieces_in: 0,
            pieces_out: 0,
            codes: codes.iter().map(code).collect(),
            queued_in: 5,
            queued_out: 6,
            drops: DropStats { closed: 1, ..DropStats::default() },
            exits: ExitStats { failed: 1, ..ExitStats::default() },
            restarts: 0,
            unobserved: 0,
        }
    }

    #[test]
    fn connections_add_up_slot_by_slot_and_code_by_code() {
        let mut sum = ConnectionStats {
            pings_in: 1,
            slots: vec![slot("a", &[0, 2])],
            ..ConnectionStats::default()
        };
        sum.clear_queues();
        sum.add(&ConnectionStats {
            pings_in: 2,
            slots: vec![slot("b", &[7]), slot("a", &[1, 2])],
            ..ConnectionStats::default()
        });
        assert_eq!(sum.pings_in, 3);
        let [a, b] = &sum.slots[..] else { panic!("{sum:?}") };
        assert_eq!((a.messages_in, a.bytes_in, a.queued_in, a.queued_out), (4, 40, 5, 6));
        assert_eq!((a.drops.closed, a.exits.failed), (2, 2));
        let codes: Vec<_> = a.codes.iter().map(|code| (code.code, code.messages_in)).collect();
        assert_eq!(codes, [(0, 1), (1, 1), (2, 2)]);
        assert_eq!((b.messages_in, b.codes.len()), (1, 1));
    }
}
