//! A place that breaks a rule.

use std::fmt;

/// A place that breaks a rule, the fault, and the way to mend it.
#[derive(Debug)]
pub(super) struct Violation {
    /// A file with or without line (`a.rs:7`), a folder or a crate.
    place: String,
    fault: String,
    remedy: String,
}

impl Violation {
    pub(super) fn new(
        place: impl Into<String>,
        fault: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { place: place.into(), fault: fault.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.fault, self.remedy)
    }
}

/// The violations as texts, for tests.
#[cfg(test)]
pub(super) fn texts(violations: &[Violation]) -> Vec<String> {
    violations.iter().map(ToString::to_string).collect()
}
