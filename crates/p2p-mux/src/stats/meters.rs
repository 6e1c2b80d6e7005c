//! The live counters of a connection.

use std::{sync::OnceLock, time::Duration};

use super::{
    CodeStats, ConnectionCounters, ConnectionStats, DropCounters, ExitCounters, MAX_CODES,
    SlotCounters, SlotStats, TrafficCounters, counters::Counter,
};
use crate::{Capability, SharedCapability, SlotEndReason};

/// Number of codes whose counters are made together, when the first of them is used. Most sub-protocols use few of
/// their codes.
const GROUP: usize = 8;

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
    /// By code, in groups.
    codes: Box<[OnceLock<Box<[TrafficCounters; GROUP]>>]>,
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
            codes: (0..codes.div_ceil(GROUP)).map(|_| OnceLock::new()).collect(),
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
        let code = usize::try_from(code).ok()?;
        let group = self.codes.get(code / GROUP)?.get_or_init(Box::default);
        group.get(code % GROUP)
    }

    fn snapshot(&self) -> SlotStats {
        let groups = (0..).step_by(GROUP).zip(&self.codes);
        let used = groups.filter_map(|(first, group)| Some((first, group.get()?)));
        let codes = used.flat_map(|(first, group)| {
            let codes = (first..).zip(group.iter());
            codes.map(|(code, traffic)| CodeStats { code, traffic: traffic.snapshot() })
        });
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
