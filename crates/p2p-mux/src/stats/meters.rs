//! The live counters of a connection.

use std::time::Duration;

use super::{
    CodeStats, ConnectionCounters, ConnectionStats, DropCounters, ExitCounters, MAX_CODES,
    SlotCounters, SlotStats, TrafficCounters, counters::Counter,
};
use crate::{Capability, SharedCapability, SlotEndReason};

/// The live counters of a connection.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    pub(crate) counters: ConnectionCounters,
    /// Nanoseconds; 0 if not measured.
    round_trip: Counter,
    pub(crate) slots: Vec<SlotMeter>,
}

/// The live counters of a slot.
#[derive(Debug)]
pub(crate) struct SlotMeter {
    capability: Capability,
    pub(crate) counters: SlotCounters,
    traffic: TrafficCounters,
    /// By code.
    codes: Box<[TrafficCounters]>,
    pub(crate) drops: DropCounters,
    exits: ExitCounters,
}

impl Meters {
    pub(crate) fn new<'a>(shared: impl IntoIterator<Item = &'a SharedCapability>) -> Self {
        let slots = shared.into_iter().map(SlotMeter::new).collect();
        Self { slots, ..Self::default() }
    }

    pub(crate) fn set_round_trip(&self, round_trip: Duration) {
        self.round_trip.set(u64::try_from(round_trip.as_nanos()).unwrap_or(u64::MAX).max(1));
    }

    pub(crate) fn snapshot(&self) -> ConnectionStats {
        let round_trip = Some(self.round_trip.get()).filter(|&nanos| nanos != 0);
        self.counters.snapshot(
            round_trip.map(Duration::from_nanos),
            self.slots.iter().map(SlotMeter::snapshot).collect(),
        )
    }
}

impl SlotMeter {
    fn new(shared: &SharedCapability) -> Self {
        let codes = usize::try_from(shared.length).map_or(MAX_CODES, |codes| codes.min(MAX_CODES));
        Self {
            capability: shared.capability.clone(),
            counters: SlotCounters::default(),
            traffic: TrafficCounters::default(),
            codes: (0..codes).map(|_| TrafficCounters::default()).collect(),
            drops: DropCounters::default(),
            exits: ExitCounters::default(),
        }
    }

    pub(crate) fn ended(&self, reason: SlotEndReason) {
        self.exits.of(reason).increment();
    }

    /// Counts a message that arrived.
    pub(crate) fn received(&self, code: u64, length: usize) {
        for meter in [Some(&self.traffic), self.code(code)].into_iter().flatten() {
            meter.messages_in.increment();
            meter.bytes_in.add(length);
        }
    }

    /// Counts a message that was sent.
    pub(crate) fn sent(&self, code: u64, length: usize) {
        for meter in [Some(&self.traffic), self.code(code)].into_iter().flatten() {
            meter.messages_out.increment();
            meter.bytes_out.add(length);
        }
    }

    fn code(&self, code: u64) -> Option<&TrafficCounters> {
        self.codes.get(usize::try_from(code).ok()?)
    }

    fn snapshot(&self) -> SlotStats {
        let codes = (0..)
            .zip(&self.codes)
            .map(|(code, traffic)| CodeStats { code, traffic: traffic.snapshot() });
        let used = |code: &CodeStats| code.traffic.messages_in > 0 || code.traffic.messages_out > 0;
        self.counters.snapshot(
            self.capability.clone(),
            self.traffic.snapshot(),
            codes.filter(used).collect(),
            self.drops.snapshot(),
            self.exits.snapshot(),
        )
    }
}
