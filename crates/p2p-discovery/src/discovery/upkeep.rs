//! When the machine refreshes the table.

use core::time::Duration;
use std::time::Instant;

use crate::event::LookupId;

/// Number of lookups in a refresh: the first for the own id, so that the nodes near this one learn of
/// it, the others for random targets.
const LOOKUPS_PER_REFRESH: u8 = 4;

/// What the next lookup of a refresh looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshTarget {
    OwnId,
    Random,
}

/// Decides when lookups refresh the table.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// When the next lookup of a refresh begins; `None` while the table is empty.
    next_lookup: Option<Instant>,
    /// Lookups left in this refresh.
    lookups_left: u8,
    /// The lookup of a refresh that is running.
    running: Option<LookupId>,
}

impl Upkeep {
    /// A node was added to the table or answered again. The first one starts a refresh.
    pub(super) fn handle_alive(&mut self, now: Instant) {
        self.next_lookup.get_or_insert(now);
    }

    /// When there is something to do next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.next_lookup.filter(|_| self.running.is_none())
    }

    /// The table is empty: there is nothing to refresh.
    pub(super) const fn handle_empty(&mut self) {
        self.next_lookup = None;
        self.lookups_left = 0;
    }

    /// The table has nodes: returns what to look up if it is time for the next lookup.
    pub(super) fn refresh(&mut self, now: Instant, interval: Duration) -> Option<RefreshTarget> {
        if self.running.is_some() || self.next_lookup.is_none_or(|due| due > now) {
            return None;
        }
        let is_first = self.lookups_left == 0;
        if is_first {
            self.lookups_left = LOOKUPS_PER_REFRESH;
        }
        self.lookups_left -= 1;
        let pause = if self.lookups_left > 0 { Duration::ZERO } else { interval };
        self.next_lookup = Some(now + pause);
        Some(if is_first { RefreshTarget::OwnId } else { RefreshTarget::Random })
    }

    /// The lookup that [`refresh`](Self::refresh) asked for is running.
    pub(super) const fn handle_lookup_begun(&mut self, id: LookupId) {
        self.running = Some(id);
    }

    /// A lookup is over, one of a refresh or another one.
    pub(super) fn handle_lookup_finished(&mut self, now: Instant, id: LookupId) {
        if self.running == Some(id) {
            self.running = None;
            self.next_lookup = self.next_lookup.map(|due| due.max(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(600);

    #[test]
    fn a_refresh_is_one_lookup_for_the_own_id_and_three_random_ones() {
        let now = Instant::now();
        let mut upkeep = Upkeep::default();
        assert_eq!(upkeep.refresh(now, INTERVAL), None, "the table is empty");
        upkeep.handle_alive(now);
        let mut targets = Vec::new();
        while let Some(target) = upkeep.refresh(now, INTERVAL) {
            upkeep.handle_lookup_begun(LookupId(7));
            assert_eq!(upkeep.refresh(now, INTERVAL), None, "one lookup at a time");
            upkeep.handle_lookup_finished(now, LookupId(8));
            assert_eq!(upkeep.next_due(), None, "another lookup changes nothing");
            upkeep.handle_lookup_finished(now, LookupId(7));
            targets.push(target);
        }
        let random = RefreshTarget::Random;
        assert_eq!(targets, [RefreshTarget::OwnId, random, random, random]);
        assert_eq!(upkeep.next_due(), Some(now + INTERVAL));
    }
}
