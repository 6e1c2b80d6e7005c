//! How long the steps of a message take at this node.

use std::time::Duration;

use p2p_mux::{Histogram, HistogramSample, Metric};

/// Makes the histograms and their metrics from one table.
macro_rules! timings {
    ($($(#[doc = $doc:literal])+ $step:ident: $metric:literal, $help:literal;)+) => {
        /// The durations of each step.
        #[derive(Debug, Default)]
        pub(crate) struct Timings {
            $($(#[doc = $doc])+ pub(crate) $step: Histogram,)+
        }

        impl Timings {
            /// Calls `each` with every histogram.
            pub(crate) fn for_each(&self, each: &mut dyn FnMut(&HistogramSample<'_>)) {
                $(each(&HistogramSample {
                    metric: Metric::histogram($metric, $help),
                    labels: &[],
                    value: self.$step.snapshot(),
                });)+
            }
        }
    };
}

timings! {
    /// A post, from the call until its envelopes are in the pool, or a direct message is in the queue of its peer.
    post: "whisper_post_duration_seconds", "Time from a call to post until the message is published";
    /// The search for a nonce under one rule, successful or not.
    proof_of_work: "whisper_proof_of_work_duration_seconds", "Time of the search for a nonce under one rule";
    /// The trials of keys on one envelope for one owner of filters.
    open: "whisper_open_duration_seconds", "Time to try the keys of filters on an envelope";
    /// From the arrival of an envelope, or its post, until its message is in a mailbox.
    delivery: "whisper_delivery_duration_seconds",
        "Time from the arrival of an envelope until its message is in the mailbox of a filter";
    /// From the arrival of an envelope from a peer until it is in the queue of another peer.
    hop: "whisper_hop_duration_seconds",
        "Time from the arrival of an envelope from a peer until it is in the queue of another peer";
}

/// A source of the time since the node started, for what has no clock.
pub(crate) type Uptime<'a> = &'a dyn Fn() -> Duration;
