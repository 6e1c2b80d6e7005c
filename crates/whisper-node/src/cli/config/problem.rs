//! What is wrong with a configuration.

use std::fmt;

use super::given::Source;

/// Everything that is wrong with a configuration, each with its place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub(crate) struct ConfigError(pub(crate) Vec<Problem>);

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where; `None` if it is the combination of several places.
    source: Option<Source>,
    what: String,
}

impl Problem {
    pub(super) fn new(source: Source, what: impl Into<String>) -> Self {
        Self { source: Some(source), what: what.into() }
    }

    /// The settings are right each, and wrong together.
    pub(super) fn of_all(what: String) -> Self {
        Self { source: None, what }
    }

    /// The order in which a reader looks for it: the lines of a file from the first to the last.
    pub(super) fn order(&self) -> usize {
        match self.source {
            Some(Source::File(_, line)) => line,
            _ => 0,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{source}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// One problem on the line itself, several below it.
fn lines(problems: &[Problem]) -> String {
    match problems {
        [problem] => problem.to_string(),
        _ => {
            let list: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            format!("the configuration has {} errors:{list}", problems.len())
        }
    }
}
