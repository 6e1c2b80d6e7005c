//! The text format of Prometheus, version 0.0.4.
//!
//! No library is used, because libraries for Prometheus keep their own counters, and the node has its counters already.

use std::fmt::Write as _;

use p2p_mux::{Metric, MetricKind, Sample};

/// A metric that only grows while the process runs.
pub(super) const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, kind: MetricKind::Counter }
}

/// A metric that grows and shrinks.
pub(super) const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, kind: MetricKind::Gauge }
}

/// Collects samples, in any order. In the format, the samples of a metric are together.
#[derive(Debug, Default)]
pub(super) struct Exposition(Vec<(Metric, String)>);

impl Exposition {
    /// Adds a sample.
    pub(super) fn add(&mut self, sample: &Sample<'_>) {
        self.sample(&sample.metric, sample.labels, sample.value as f64);
    }

    /// Adds the only sample of a metric.
    pub(super) fn value(&mut self, metric: &Metric, value: f64) {
        self.sample(metric, &[], value);
    }

    /// Adds one sample of a metric.
    pub(super) fn sample(&mut self, metric: &Metric, labels: &[(&str, &str)], value: f64) {
        let lines = self.lines(metric);
        lines.push_str(metric.name);
        for (index, (label, text)) in labels.iter().enumerate() {
            lines.push(if index == 0 { '{' } else { ',' });
            lines.push_str(label);
            lines.push_str("=\"");
            escape(text, lines);
            lines.push('"');
        }
        if !labels.is_empty() {
            lines.push('}');
        }
        let _ = writeln!(lines, " {value}"); // Writing to a string does not fail.
    }

    /// Formats all samples.
    pub(super) fn finish(self) -> String {
        let mut text = String::new();
        for (Metric { kind, name, help }, lines) in self.0 {
            let kind = match kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
            };
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
        }
        text
    }

    fn lines(&mut self, metric: &Metric) -> &mut String {
        let index = self.0.iter().position(|(known, _)| known == metric).unwrap_or_else(|| {
            self.0.push((*metric, String::new()));
            self.0.len() - 1
        });
        &mut self.0[index].1
    }
}

/// Escapes the three characters that would end the label or the line.
fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_grouped_by_metric_and_labels_are_escaped() {
        let mut out = Exposition::default();
        let by_reason = counter("c_total", "By reason");
        out.sample(&by_reason, &[("reason", "a\"\\\nb"), ("way", "in")], 1e12);
        out.value(&gauge("b", "Work"), 0.25);
        out.sample(&by_reason, &[("reason", "z")], 7.0);
        assert_eq!(
            out.finish(),
            "# HELP c_total By reason\n# TYPE c_total counter\n\
             c_total{reason=\"a\\\"\\\\\\nb\",way=\"in\"} 1000000000000\n\
             c_total{reason=\"z\"} 7\n\
             # HELP b Work\n# TYPE b gauge\nb 0.25\n"
        );
    }
}
