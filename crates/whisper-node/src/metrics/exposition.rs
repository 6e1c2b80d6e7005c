//! The text format of Prometheus, version 0.0.4.
//!
//! No library is used, because libraries for Prometheus keep their own counters, and the node has its counters already.

use std::fmt::Write as _;

use p2p_mux::{HistogramSample, Metric, MetricKind, Sample};

/// Collects samples, in any order. In the format, the samples of a metric are together.
#[derive(Debug, Default)]
pub(super) struct Exposition(Vec<(Metric, String)>);

impl Exposition {
    /// Adds a sample.
    pub(super) fn add(&mut self, sample: &Sample<'_>) {
        self.sample(&sample.metric, sample.labels, sample.value as f64);
    }

    /// Adds a histogram: its buckets, the sum in seconds, and the count.
    pub(super) fn histogram(&mut self, sample: &HistogramSample<'_>) {
        let HistogramSample { metric, labels, value } = sample;
        for (bound, count) in value.cumulative() {
            let bound = bound.map_or("+Inf".to_owned(), |bound| bound.as_secs_f64().to_string());
            let labels = [*labels, &[("le", bound.as_str())]].concat();
            self.line(metric, "_bucket", &labels, count as f64);
        }
        self.line(metric, "_sum", labels, value.sum().as_secs_f64());
        self.line(metric, "_count", labels, value.count() as f64);
    }

    /// Adds the only sample of a metric.
    pub(super) fn value(&mut self, metric: &Metric, value: f64) {
        self.sample(metric, &[], value);
    }

    /// Adds one sample of a metric.
    pub(super) fn sample(&mut self, metric: &Metric, labels: &[(&str, &str)], value: f64) {
        self.line(metric, "", labels, value);
    }

    /// Adds a line. `suffix`: what follows the name of the metric.
    fn line(&mut self, metric: &Metric, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let lines = self.lines(metric);
        lines.push_str(metric.name);
        lines.push_str(suffix);
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
                MetricKind::Histogram => "histogram",
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
    use std::time::Duration;

    use p2p_mux::Histogram;

    use super::*;

    #[test]
    fn a_histogram_has_cumulative_buckets_a_sum_and_a_count() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_millis(2));
        histogram.record(Duration::from_secs(200));
        let mut out = Exposition::default();
        out.histogram(&HistogramSample {
            metric: Metric::histogram("d_seconds", "Durations"),
            labels: &[("method", "m")],
            value: histogram.snapshot(),
        });
        let text = out.finish();
        for line in [
            "# HELP d_seconds Durations\n# TYPE d_seconds histogram\n",
            "\nd_seconds_bucket{method=\"m\",le=\"0.00001\"} 0\n",
            "\nd_seconds_bucket{method=\"m\",le=\"0.0025\"} 1\n",
            "\nd_seconds_bucket{method=\"m\",le=\"100\"} 1\n",
            "\nd_seconds_bucket{method=\"m\",le=\"+Inf\"} 2\n",
            "\nd_seconds_sum{method=\"m\"} 200.002\n",
            "\nd_seconds_count{method=\"m\"} 2\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn samples_are_grouped_by_metric_and_labels_are_escaped() {
        let mut out = Exposition::default();
        let by_reason = Metric::counter("c_total", "By reason");
        out.sample(&by_reason, &[("reason", "a\"\\\nb"), ("way", "in")], 1e12);
        out.value(&Metric::gauge("b", "Work"), 0.25);
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
