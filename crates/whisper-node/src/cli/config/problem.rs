//! What is wrong with a configuration.

use std::error::Error as _;
use std::fmt;

use clap::error::{ContextKind, ContextValue};
use p2p_identity::causes;

use super::given::Source;
use super::settings::{Setting, Settings};

/// Maximum distance of two names, from 0 (equal) to 1, at which one is suggested for the other.
const SUGGESTED_FROM: f64 = 0.6;

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

    /// A name that is no setting. `known` are the names that would be right there.
    pub(super) fn unknown<'a>(
        source: Source,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Self {
        let near = known.map(|known| (strsim::normalized_damerau_levenshtein(known, name), known));
        let near = near.filter(|(likeness, _)| *likeness >= SUGGESTED_FROM);
        let near = near.max_by(|one, other| one.0.total_cmp(&other.0));
        Self::new(
            source,
            match near {
                Some((_, nearest)) => {
                    format!("there is no setting {name}; did you mean {nearest}?")
                }
                None => format!("there is no setting {name}; `config default` lists all"),
            },
        )
    }

    /// The settings are right each, and wrong together.
    pub(super) fn of_all(error: &clap::Error) -> Self {
        Self { source: None, what: first_line(error) }
    }

    /// The order in which a reader looks for it: the lines of a file from the first to the last.
    pub(super) fn order(&self) -> usize {
        match self.source {
            Some(Source::File(_, line)) => line,
            _ => 0,
        }
    }

    /// Why the value of a setting cannot be used, if so.
    pub(super) fn of_value(
        settings: &Settings,
        setting: &Setting,
        value: &str,
        source: &Source,
    ) -> Option<Self> {
        use clap::error::ErrorKind::{InvalidValue, TooManyValues, ValueValidation};
        let error = settings.parse([format!("--{}={value}", setting.flag)]).err()?;
        // Other errors are about several settings together.
        let is_own = matches!(error.kind(), InvalidValue | TooManyValues | ValueValidation);
        let shown = if setting.is_secret() { "the value".to_owned() } else { format!("{value:?}") };
        let what = || format!("{}: {shown} cannot be used: {}", setting.key, reason(&error));
        is_own.then(|| Self::new(source.clone(), what()))
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

/// Why a value cannot be used, without the value and the flag.
fn reason(error: &clap::Error) -> String {
    match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(cause), _) => causes(cause).to_string(),
        (None, Some(ContextValue::Strings(valid))) => format!("expected {}", valid.join(" or ")),
        _ => first_line(error),
    }
}

/// The first line of an error of the command line, without `error: `.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = line.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ")
}
