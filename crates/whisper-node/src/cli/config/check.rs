//! Checks single names and values against the table of the settings.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue};
use p2p_identity::causes;

use super::given::Source;
use super::problem::Problem;
use super::settings::{Setting, Settings};

/// Minimum likeness of two names, from 0 to 1 (equal), at which one is suggested for the other.
const MIN_LIKENESS: f64 = 0.6;

/// A name that is no setting. `known` are the names that would be right there.
pub(super) fn unknown<'a>(
    source: Source,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Problem {
    let what = match nearest(name, known) {
        Some(nearest) => format!("there is no setting {name}; did you mean {nearest}?"),
        None => format!("there is no setting {name}; `config default` lists all"),
    };
    Problem::new(source, what)
}

/// The name that was probably meant, if there is one.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (strsim::normalized_damerau_levenshtein(known, name), known));
    let near = near.filter(|(likeness, _)| *likeness >= MIN_LIKENESS);
    near.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, nearest)| nearest)
}

/// Why the value of a setting cannot be used, if so.
pub(super) fn value(
    settings: &Settings,
    setting: &Setting,
    value: &str,
    source: &Source,
) -> Option<Problem> {
    use clap::error::ErrorKind::{InvalidValue, TooManyValues, ValueValidation};
    let error = settings.parse([format!("--{}={value}", setting.flag)]).err()?;
    // Other errors are about several settings together.
    let is_own = matches!(error.kind(), InvalidValue | TooManyValues | ValueValidation);
    let shown = if setting.is_secret() { "the value".to_owned() } else { format!("{value:?}") };
    let what = || format!("{}: {shown} cannot be used: {}", setting.key, reason(&error));
    is_own.then(|| Problem::new(source.clone(), what()))
}

/// The settings are right each, and wrong together.
pub(super) fn all_together(error: &clap::Error) -> Problem {
    Problem::of_all(first_line(error))
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
