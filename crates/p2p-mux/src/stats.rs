//! What happened on a connection, in numbers.
//!
//! The connection counts in [`Meters`], which it alone writes; a [`ConnectionStats`] is a copy that anybody
//! may take at any time. Neither needs a lock.
//!
//! The structs of the copy are exhaustive on purpose: who gives every counter a name, as a metrics
//! system wants it, learns from the compiler that there is a new one.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::{Capability, SharedCapability, SlotEndReason};

/// How many codes of a slot are counted one by one: a bound on what a connection costs, 8 KiB for
/// each slot.
const MAX_CODES: usize = 256;

/// The counters of one connection, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionStats {
    /// Pings that arrived.
    pub pings_in: u64,
    /// Pongs that arrived.
    pub pongs_in: u64,
    /// Pongs that were not sent because too many waited for a peer that does not read.
    pub pongs_dropped: u64,
    /// Base messages without a meaning, ignored.
    pub base_ignored: u64,
    /// How often reading stood still because a slot was full.
    pub stalls: u64,
    /// How often the connection had to wait because memory was short and it had more than its share
    /// ([`MemoryBudget`](crate::MemoryBudget)).
    pub memory_waits: u64,
    /// The round trip of the last ping that was answered.
    pub round_trip: Option<Duration>,
    /// The slots, in the order of the shared capabilities.
    pub slots: Vec<SlotStats>,
}

/// The counters of one slot, at one moment. Bytes are payload, decompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotStats {
    /// Which sub-protocol.
    pub capability: Capability,
    /// Messages that arrived, dropped ones included.
    pub messages_in: u64,
    /// Bytes that arrived, dropped ones included.
    pub bytes_in: u64,
    /// Messages that were sent.
    pub messages_out: u64,
    /// Bytes that were sent.
    pub bytes_out: u64,
    /// Pieces of large messages that arrived (`chunk/1`). The messages themselves are counted above
    /// when they are whole.
    pub pieces_in: u64,
    /// Pieces of large messages that were sent.
    pub pieces_out: u64,
    /// The same for each code that has been in use, in order of the codes. Of a sub-protocol with
    /// more than 256 codes only the first 256 are told apart.
    pub codes: Vec<CodeStats>,
    /// Bytes that arrived and have not been taken, as far as the connection has noticed.
    pub queued_in: u64,
    /// Bytes that wait to be sent, as the budget counts them.
    pub queued_out: u64,
    /// Messages that went nowhere.
    pub drops: DropStats,
    /// How its tasks ended.
    pub exits: ExitStats,
    /// How often it was started again ([`OnExit::Restart`](crate::OnExit::Restart)).
    pub restarts: u64,
    /// Events that its observer (`Protocol::observe`) had no room for.
    pub unobserved: u64,
}

/// The counters of one code of a slot, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodeStats {
    /// The code, within the sub-protocol.
    pub code: u64,
    /// Messages that arrived, dropped ones included.
    pub messages_in: u64,
    /// Bytes that arrived, dropped ones included.
    pub bytes_in: u64,
    /// Messages that were sent.
    pub messages_out: u64,
    /// Bytes that were sent.
    pub bytes_out: u64,
}

/// Messages of a slot that went nowhere, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropStats {
    /// Arrived after the slot had closed, or when nobody listened any more.
    pub closed: u64,
    /// Arrived while the slot was full.
    pub overload: u64,
    /// Had arrived when the connection was ended for want of memory
    /// ([`CloseReason::ExceededShare`](crate::CloseReason::ExceededShare)).
    pub memory: u64,
    /// Not sent because the connection ended.
    pub unsent: u64,
    /// Not sent because not even compressed did it fit into a frame.
    pub too_large: u64,
    /// Arrived in part only: the peer gave it up, or the connection ended.
    pub unfinished: u64,
}

/// How often a sub-protocol ended, by the way it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExitStats {
    /// It returned.
    pub returned: u64,
    /// It returned an error.
    pub failed: u64,
    /// It panicked.
    pub panicked: u64,
    /// Its slot was closed because it did not take its messages.
    pub overloaded: u64,
    /// It was removed from the connection.
    pub removed: u64,
}

/// A number with one writer and any number of readers.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: usize) {
        // One writer: a load and a store, without the price of a locked addition.
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        self.set(self.get().saturating_add(more));
    }

    pub(crate) fn increment(&self) {
        self.add(1);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The live counters of a connection.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    pub(crate) pings_in: Counter,
    pub(crate) pongs_in: Counter,
    pub(crate) pongs_dropped: Counter,
    pub(crate) base_ignored: Counter,
    pub(crate) stalls: Counter,
    pub(crate) memory_waits: Counter,
    /// Nanoseconds; 0 for not measured.
    round_trip: Counter,
    pub(crate) slots: Vec<SlotMeter>,
}

/// The live counters of a slot; as in [`SlotStats`].
#[derive(Debug)]
pub(crate) struct SlotMeter {
    capability: Capability,
    total: CodeMeter,
    /// By code.
    codes: Box<[CodeMeter]>,
    pub(crate) drops: DropMeter,
    pub(crate) pieces_in: Counter,
    pub(crate) pieces_out: Counter,
    pub(crate) queued_in: Counter,
    pub(crate) queued_out: Counter,
    pub(crate) restarts: Counter,
    #[cfg(feature = "tokio")]
    pub(crate) unobserved: Counter,
    exits: ExitMeter,
}

/// As [`CodeStats`].
#[derive(Debug, Default)]
struct CodeMeter {
    messages_in: Counter,
    bytes_in: Counter,
    messages_out: Counter,
    bytes_out: Counter,
}

/// As [`DropStats`].
#[derive(Debug, Default)]
pub(crate) struct DropMeter {
    pub(crate) closed: Counter,
    pub(crate) overload: Counter,
    pub(crate) memory: Counter,
    pub(crate) unsent: Counter,
    pub(crate) too_large: Counter,
    pub(crate) unfinished: Counter,
}

/// As [`ExitStats`].
#[derive(Debug, Default)]
struct ExitMeter {
    returned: Counter,
    failed: Counter,
    panicked: Counter,
    overloaded: Counter,
    removed: Counter,
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
        ConnectionStats {
            pings_in: self.pings_in.get(),
            pongs_in: self.pongs_in.get(),
            pongs_dropped: self.pongs_dropped.get(),
            base_ignored: self.base_ignored.get(),
            stalls: self.stalls.get(),
            memory_waits: self.memory_waits.get(),
            round_trip: Some(self.round_trip.get())
                .filter(|&nanos| nanos != 0)
                .map(Duration::from_nanos),
            slots: self.slots.iter().map(SlotMeter::snapshot).collect(),
        }
    }
}

impl SlotMeter {
    fn new(shared: &SharedCapability) -> Self {
        let codes = usize::try_from(shared.length).map_or(MAX_CODES, |codes| codes.min(MAX_CODES));
        Self {
            capability: shared.capability.clone(),
            total: CodeMeter::default(),
            codes: (0..codes).map(|_| CodeMeter::default()).collect(),
            drops: DropMeter::default(),
            pieces_in: Counter::default(),
            pieces_out: Counter::default(),
            queued_in: Counter::default(),
            queued_out: Counter::default(),
            restarts: Counter::default(),
            #[cfg(feature = "tokio")]
            unobserved: Counter::default(),
            exits: ExitMeter::default(),
        }
    }

    pub(crate) fn ended(&self, ending: SlotEndReason) {
        match ending {
            SlotEndReason::Returned => self.exits.returned.increment(),
            SlotEndReason::Failed => self.exits.failed.increment(),
            SlotEndReason::Panicked => self.exits.panicked.increment(),
            SlotEndReason::Overloaded => self.exits.overloaded.increment(),
            SlotEndReason::Removed => self.exits.removed.increment(),
        }
    }

    /// A message arrived.
    pub(crate) fn received(&self, code: u64, length: usize) {
        for meter in [Some(&self.total), self.code(code)].into_iter().flatten() {
            meter.messages_in.increment();
            meter.bytes_in.add(length);
        }
    }

    /// A message was sent.
    pub(crate) fn sent(&self, code: u64, length: usize) {
        for meter in [Some(&self.total), self.code(code)].into_iter().flatten() {
            meter.messages_out.increment();
            meter.bytes_out.add(length);
        }
    }

    fn code(&self, code: u64) -> Option<&CodeMeter> {
        self.codes.get(usize::try_from(code).ok()?)
    }

    fn snapshot(&self) -> SlotStats {
        let total = self.total.snapshot(0);
        let used = |code: &CodeStats| code.messages_in > 0 || code.messages_out > 0;
        SlotStats {
            capability: self.capability.clone(),
            messages_in: total.messages_in,
            bytes_in: total.bytes_in,
            messages_out: total.messages_out,
            bytes_out: total.bytes_out,
            pieces_in: self.pieces_in.get(),
            pieces_out: self.pieces_out.get(),
            codes: (0..).zip(&self.codes).map(|(n, code)| code.snapshot(n)).filter(used).collect(),
            queued_in: self.queued_in.get(),
            queued_out: self.queued_out.get(),
            drops: DropStats {
                closed: self.drops.closed.get(),
                overload: self.drops.overload.get(),
                memory: self.drops.memory.get(),
                unsent: self.drops.unsent.get(),
                too_large: self.drops.too_large.get(),
                unfinished: self.drops.unfinished.get(),
            },
            exits: ExitStats {
                returned: self.exits.returned.get(),
                failed: self.exits.failed.get(),
                panicked: self.exits.panicked.get(),
                overloaded: self.exits.overloaded.get(),
                removed: self.exits.removed.get(),
            },
            restarts: self.restarts.get(),
            #[cfg(feature = "tokio")]
            unobserved: self.unobserved.get(),
            #[cfg(not(feature = "tokio"))]
            unobserved: 0,
        }
    }
}

impl CodeMeter {
    fn snapshot(&self, code: u64) -> CodeStats {
        CodeStats {
            code,
            messages_in: self.messages_in.get(),
            bytes_in: self.bytes_in.get(),
            messages_out: self.messages_out.get(),
            bytes_out: self.bytes_out.get(),
        }
    }
}
