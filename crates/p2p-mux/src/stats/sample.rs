//! The counters as samples of metrics.

use crate::{CodeStats, ConnectionStats, SlotStats};

/// A metric: values with the same name and different labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name according to the conventions of Prometheus.
    pub name: &'static str,
    /// One-line description.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: MetricKind,
}

/// What the values of a metric are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only increases.
    Counter,
    /// It increases and decreases.
    Gauge,
    /// It counts durations in buckets, in seconds.
    Histogram,
}

impl Metric {
    /// A metric that only increases. Its name ends in `_total`.
    #[must_use]
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricKind::Counter }
    }

    /// A metric that increases and decreases.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricKind::Gauge }
    }

    /// A metric of durations. Its name ends in `_seconds`.
    #[must_use]
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricKind::Histogram }
    }
}

/// One value of a [`ConnectionStats`], with its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<'a> {
    /// The metric.
    pub metric: Metric,
    /// Labels as pairs of name and value. No other sample of the metric has the same labels.
    pub labels: &'a [(&'a str, &'a str)],
    /// The value.
    pub value: u64,
}

/// The metrics with more than one sample.
pub(super) mod metrics {
    use super::{Metric, MetricKind};

    pub(in crate::stats) const MESSAGES: Metric = counter("p2p_messages_total", "Messages");
    pub(in crate::stats) const BYTES: Metric = counter("p2p_bytes_total", "Payload, decompressed");
    pub(in crate::stats) const PIECES: Metric =
        counter("p2p_pieces_total", "Pieces of large messages");
    pub(in crate::stats) const RECORDS: Metric =
        counter("p2p_records_total", "Records of sec/1, received and sent");
    pub(in crate::stats) const QUEUED: Metric = Metric {
        name: "p2p_queued_bytes",
        help: "Bytes that wait in queues",
        kind: MetricKind::Gauge,
    };
    pub(super) const CODE_MESSAGES: Metric =
        counter("p2p_code_messages_total", "Messages of one code");
    pub(super) const CODE_BYTES: Metric = counter("p2p_code_bytes_total", "Payload of one code");
    pub(in crate::stats) const DROPPED: Metric = counter("p2p_dropped_total", "Dropped messages");
    pub(in crate::stats) const EXITS: Metric =
        counter("p2p_exits_total", "How tasks of sub-protocols ended");
    pub(in crate::stats) const RESTARTS: Metric =
        counter("p2p_restarts_total", "Tasks started again");
    pub(in crate::stats) const UNOBSERVED: Metric =
        counter("p2p_unobserved_total", "Messages that an observer had no room for");

    /// A metric of the kind [`MetricKind::Counter`].
    pub(in crate::stats) const fn counter(name: &'static str, help: &'static str) -> Metric {
        Metric { name, help, kind: MetricKind::Counter }
    }
}

impl Sample<'_> {
    /// Calls `each` with this sample.
    pub(super) fn give(&self, each: &mut dyn FnMut(&Self)) {
        each(self);
    }
}

impl ConnectionStats {
    /// Calls `each` with every counter. Samples of a slot have the label `protocol`, those of a code
    /// also the label `code`.
    ///
    /// The round trip is not included: it is no counter.
    pub fn for_each_sample(&self, mut each: impl FnMut(&Sample<'_>)) {
        self.visit(&[], &mut each);
        self.slots.iter().for_each(|slot| slot.visit_all(&mut each));
    }
}

impl SlotStats {
    fn visit_all(&self, each: &mut dyn FnMut(&Sample<'_>)) {
        let protocol = self.capability.to_string();
        let labels = [("protocol", protocol.as_str())];
        self.traffic.visit(&labels, each);
        self.visit(&labels, each);
        self.codes.iter().for_each(|code| code.visit(labels[0], each));
        self.drops.visit(&labels, each);
        self.exits.visit(&labels, each);
    }
}

impl CodeStats {
    fn visit(&self, protocol: (&str, &str), each: &mut dyn FnMut(&Sample<'_>)) {
        let code = self.code.to_string();
        self.traffic.visit(&[protocol, ("code", &code)], &mut |sample| {
            let metric = match sample.metric {
                metrics::MESSAGES => metrics::CODE_MESSAGES,
                _ => metrics::CODE_BYTES,
            };
            each(&Sample { metric, ..*sample });
        });
    }
}
