//! The output: a table for people, or one line of JSON for each case for scripts.

use std::fmt::Write as _;

use crate::command::Failure;

/// A case over all passes.
pub(super) struct Summary {
    case: &'static str,
    unit: &'static str,
    median: f64,
    min: f64,
    max: f64,
}

impl Summary {
    /// Summarizes the values of all passes. Fails if there is none, or one is not a finite number.
    pub(super) fn new(
        case: &'static str,
        unit: &'static str,
        mut values: Vec<f64>,
    ) -> Result<Self, Failure> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return Err(Failure::new(format!("{case} has no usable values: {values:?}")));
        }
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Ok(Self { case, unit, median, min: values[0], max: values[values.len() - 1] })
    }
}

/// A table with one line for each case.
pub(super) fn table(summaries: &[Summary]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{:34} {:>12} {:>12} {:>12}  unit", "case", "median", "min", "max");
    for Summary { case, unit, median, min, max } in summaries {
        let [median, min, max] = [median, min, max].map(|value| number(*value));
        let _ = writeln!(text, "{case:34} {median:>12} {min:>12} {max:>12}  {unit}");
    }
    text
}

/// One line with one object for each case.
pub(super) fn json(summaries: &[Summary]) -> String {
    let mut text = String::new();
    for Summary { case, unit, median, min, max } in summaries {
        let [median, min, max] = [median, min, max].map(|value| number(*value));
        let _ = writeln!(
            text,
            r#"{{"case":"{case}","median":{median},"min":{min},"max":{max},"unit":"{unit}"}}"#
        );
    }
    text
}

/// A number with its significant digits, valid in JSON.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.6}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Summary, json, table};

    fn summary(values: &[f64]) -> Summary {
        Summary::new("pow.avx512_vs_best_scalar", "ratio", values.to_vec()).unwrap()
    }

    #[test]
    fn a_line_of_json_is_as_scripts_expect_it() {
        let line = json(&[summary(&[12.5, 11.0, 13.25, 12.0, 20.0])]);
        let expected = "{\"case\":\"pow.avx512_vs_best_scalar\",\"median\":12.5,\"min\":11.0,\"max\":20.0,\"unit\":\"ratio\"}\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn every_size_of_number_is_json() {
        for value in [0.0, 0.000_012, 0.5, 7.0, 123.456, 1e12] {
            let line = json(&[summary(&[value])]);
            let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
            let median = parsed["median"].as_f64().unwrap();
            assert!((median - value).abs() <= value.abs() / 100.0, "{line}");
        }
    }

    #[test]
    fn the_median_of_an_even_number_is_between_two() {
        assert!(json(&[summary(&[4.0, 1.0, 2.0, 3.0])]).contains("\"median\":2.500"));
    }

    #[test]
    fn missing_values_are_refused() {
        assert!(Summary::new("a.b", "ns", Vec::new()).is_err());
        assert!(Summary::new("a.b", "ns", vec![f64::NAN]).is_err());
    }

    #[test]
    fn the_table_has_one_line_for_each_case() {
        assert_eq!(table(&[summary(&[1.0]), summary(&[2.0])]).lines().count(), 3);
    }
}
