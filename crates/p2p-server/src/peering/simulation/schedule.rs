//! The events of a scenario that are still to come.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use p2p_mux::identity::NodeId;

/// An event of a scenario. Times are in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// Something random happens to a peer.
    Change(usize),
    /// One of the addresses of a peer answers an attempt.
    Answer { peer: usize, port: u16, began: u64, life: u32 },
    /// An attempt at a peer ends without a connection.
    Failed { peer: usize, life: u32 },
    /// An attempt at a found node ends, with or without a connection.
    Found { id: NodeId, connects: bool, life: u32 },
    /// A found node leaves.
    Left { id: NodeId, number: u64, life: u32 },
    /// A connection times out, if its peer is dead or was cut off all the time.
    Silent { peer: usize, number: u64, cuts: u32 },
    /// The peer closed the connection.
    Closed { peer: usize, number: u64 },
    /// The operator or discovery learns the new address of a peer.
    Learn { peer: usize, at: u16 },
    /// Discovery finds some nodes.
    Offer,
    /// This node restarts.
    Restart,
}

/// The events to come, by time and number.
pub(super) struct Schedule {
    start: Instant,
    pub(super) now: u64,
    events: BTreeMap<(u64, u64), Event>,
    last: u64,
}

impl Schedule {
    pub(super) fn new(start: Instant) -> Self {
        Self { start, now: 0, events: BTreeMap::new(), last: 0 }
    }

    pub(super) fn after(&mut self, wait: u64, event: Event) {
        self.last += 1;
        self.events.insert((self.now + wait, self.last), event);
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.events.first_key_value().map(|(&(at, _), _)| at)
    }

    /// The next event that is due.
    pub(super) fn pop(&mut self) -> Option<Event> {
        let first = self.events.first_entry()?;
        (first.key().0 <= self.now).then(|| first.remove())
    }

    pub(super) fn time(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    /// Rounded up, so that what is due at `at` is due then.
    pub(super) fn millis(&self, at: Instant) -> u64 {
        millis(at.saturating_duration_since(self.start) + Duration::from_nanos(999_999))
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
