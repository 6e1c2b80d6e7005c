//! The counters of a connection.
//!
//! Only the connection writes its [`Meters`]. Any thread may copy them into a [`ConnectionStats`] at any
//! time. Neither needs a lock.
//!
//! A counter is one line of a `counters!` table: its name, its documentation and the metric under
//! which it is published.

mod counters;
mod histogram;
mod meters;
mod sample;
mod sum;

use std::time::Duration;

use crate::{Capability, SlotEndReason};
use counters::counters;
pub use histogram::{Histogram, HistogramSample, HistogramSnapshot};
pub(crate) use meters::{Meters, SlotMeter};
use sample::metrics::{
    BYTES, DROPPED, EXITS, MESSAGES, PIECES, QUEUED, RECORDS, RESTARTS, UNOBSERVED, counter,
};
pub use sample::{Metric, MetricKind, Sample};

/// How many codes of a slot have counters of their own. They take up to 8 KiB for each slot.
const MAX_CODES: usize = 256;

counters! {
    /// The counters of one connection at one moment.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    ConnectionStats counted by ConnectionCounters {
        /// Pings that arrived.
        pings_in: counter("p2p_pings_received_total", "Pings that arrived"), [];
        /// Pings that were sent.
        pings_out: counter("p2p_pings_sent_total", "Pings that were sent"), [];
        /// Pongs that arrived.
        pongs_in: counter("p2p_pongs_received_total", "Pongs that arrived"), [];
        /// Pongs that were not sent, because the peer does not read and too many were queued.
        pongs_dropped: counter("p2p_pongs_dropped_total", "Pongs that a peer did not read"), [];
        /// Base messages with an unknown code, ignored.
        base_ignored: counter("p2p_base_ignored_total", "Base messages with an unknown code"), [];
        /// How often reading stopped because a slot was full.
        stalls: counter("p2p_stalls_total", "Stops of reading because a slot was full"), [];
        /// How often the connection had to wait because memory was short and it exceeded its share
        /// ([`MemoryBudget`](crate::MemoryBudget)).
        memory_waits: counter("p2p_memory_waits_total", "Waits because memory was short"), [];
        /// Records of `sec/1` that arrived; 0 with plain RLPx.
        records_in: RECORDS, ["direction" => "in"];
        /// Records of `sec/1` that were sent.
        records_out: RECORDS, ["direction" => "out"];
    } and {
        /// Round trip of the last ping that was answered.
        round_trip: Option<Duration>,
        /// The slots, in the order of the shared capabilities.
        slots: Vec<SlotStats>,
    }
}

counters! {
    /// The counters of one slot at one moment. Bytes are payload after decompression.
    #[derive(Clone, Debug, PartialEq, Eq)]
    SlotStats counted by SlotCounters {
        /// Pieces of large messages that arrived (`chunk/1`, `sec/1`). The message itself is counted in
        /// `traffic` when it is complete.
        pieces_in: PIECES, ["direction" => "in"];
        /// Pieces of large messages that were sent.
        pieces_out: PIECES, ["direction" => "out"];
        /// Bytes in the inbound queue that are not known to have been taken.
        queued_in: QUEUED, ["direction" => "in"];
        /// Bytes in the outbound queue, as the budget counts them.
        queued_out: QUEUED, ["direction" => "out"];
        /// How often the sub-protocol was restarted ([`OnExit::Restart`](crate::OnExit::Restart)).
        restarts: RESTARTS, [];
        /// Messages that an observer (`Protocol::observe`) missed because its queue was full.
        unobserved: UNOBSERVED, [];
    } and {
        /// The sub-protocol.
        capability: Capability,
        /// All its messages.
        traffic: TrafficStats,
        /// The messages of each code that was used, in the order of the codes. Codes from 256 on are
        /// not included.
        codes: Vec<CodeStats>,
        /// Dropped messages.
        drops: DropStats,
        /// How its tasks ended.
        exits: ExitStats,
    }
}

counters! {
    /// Messages and their payload after decompression.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    TrafficStats counted by TrafficCounters {
        /// Messages that arrived, including dropped ones.
        messages_in: MESSAGES, ["direction" => "in"];
        /// Messages that were sent.
        messages_out: MESSAGES, ["direction" => "out"];
        /// Bytes that arrived, including those of dropped messages.
        bytes_in: BYTES, ["direction" => "in"];
        /// Bytes that were sent.
        bytes_out: BYTES, ["direction" => "out"];
    } and {}
}

counters! {
    /// Dropped messages of a slot, by reason.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    DropStats counted by DropCounters {
        /// Arrived after the slot had closed or its task had stopped to receive.
        closed: DROPPED, ["reason" => "closed"];
        /// Arrived while the slot was full.
        overload: DROPPED, ["reason" => "overload"];
        /// Were in the inbound queue when the connection was closed because memory was short
        /// ([`CloseReason::ExceededShare`](crate::CloseReason::ExceededShare)).
        memory: DROPPED, ["reason" => "memory"];
        /// Not sent because the connection ended.
        unsent: DROPPED, ["reason" => "unsent"];
        /// Not sent because even the compressed message did not fit into a frame.
        too_large: DROPPED, ["reason" => "too_large"];
        /// Arrived only in part: the peer aborted the message, or the connection ended.
        unfinished: DROPPED, ["reason" => "unfinished"];
    } and {}
}

counters! {
    /// How often a sub-protocol's task ended, by reason.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    ExitStats counted by ExitCounters {
        /// It returned.
        returned: EXITS, ["cause" => "returned"];
        /// It returned an error.
        failed: EXITS, ["cause" => "failed"];
        /// It panicked.
        panicked: EXITS, ["cause" => "panicked"];
        /// Its slot was closed because it did not take its messages.
        overloaded: EXITS, ["cause" => "overloaded"];
        /// It was removed from the connection.
        removed: EXITS, ["cause" => "removed"];
    } and {}
}

/// The messages of one code of a slot at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodeStats {
    /// The code within the sub-protocol.
    pub code: u64,
    /// The messages.
    pub traffic: TrafficStats,
}

impl ExitCounters {
    fn of(&self, reason: SlotEndReason) -> &counters::Counter {
        match reason {
            SlotEndReason::Returned => &self.returned,
            SlotEndReason::Failed => &self.failed,
            SlotEndReason::Panicked => &self.panicked,
            SlotEndReason::Overloaded => &self.overloaded,
            SlotEndReason::Removed => &self.removed,
        }
    }
}
