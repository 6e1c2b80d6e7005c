//! Prometheus' text format, version 0.0.4.
//!
//! Written here rather than by a library: those keep counters of their own, and ours are kept
//! already.

use std::fmt::Write as _;

/// A name with all that is counted under it, told apart by labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family {
    kind: &'static str,
    name: &'static str,
    help: &'static str,
}

/// A number that only grows while the process runs.
pub(super) const fn counter(name: &'static str, help: &'static str) -> Family {
    Family { kind: "counter", name, help }
}

/// A number that goes up and down.
pub(super) const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { kind: "gauge", name, help }
}

/// All figures. The format wants the samples of a family together; here they may come in any order.
#[derive(Debug, Default)]
pub(super) struct Exposition(Vec<(Family, String)>);

impl Exposition {
    /// A family's only number.
    pub(super) fn value(&mut self, family: &Family, value: f64) {
        self.sample(family, &[], value);
    }

    /// One number of a family, with its labels.
    pub(super) fn sample(&mut self, family: &Family, labels: &[(&str, &str)], value: f64) {
        let lines = self.lines(family);
        lines.push_str(family.name);
        for (place, (label, text)) in labels.iter().enumerate() {
            lines.push(if place == 0 { '{' } else { ',' });
            lines.push_str(label);
            lines.push_str("=\"");
            escape(text, lines);
            lines.push('"');
        }
        if !labels.is_empty() {
            lines.push('}');
        }
        let _ = writeln!(lines, " {value}"); // a string takes everything
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        let mut text = String::new();
        for (Family { kind, name, help }, lines) in self.0 {
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
        }
        text
    }

    fn lines(&mut self, family: &Family) -> &mut String {
        let place = self.0.iter().position(|(known, _)| known == family).unwrap_or_else(|| {
            self.0.push((*family, String::new()));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }
}

/// Escapes the three characters that would end a label early or break its line.
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
    fn families_stay_together_and_labels_cannot_break_out() {
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
