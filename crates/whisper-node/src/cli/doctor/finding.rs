//! What the doctor found.

use serde::Serialize;

use crate::cli::failure::Failure;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// The node does not work, or not as configured.
    Error,
    /// It may be what the operator wants.
    Warning,
}

/// Something that is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What is wrong.
    pub(super) what: String,
    /// What to do.
    #[serde(rename = "do")]
    pub(super) to_do: String,
}

pub(super) fn error(what: impl Into<String>, to_do: impl Into<String>) -> Finding {
    Finding { level: Level::Error, what: what.into(), to_do: to_do.into() }
}

pub(super) fn warning(what: impl Into<String>, to_do: impl Into<String>) -> Finding {
    Finding { level: Level::Warning, what: what.into(), to_do: to_do.into() }
}

/// The configuration cannot be used.
pub(super) fn of_configuration(failure: &Failure) -> Finding {
    error(
        failure.report(),
        "correct the configuration; `whisper-node config check` checks it again",
    )
}

/// The findings for people.
pub(super) fn report(findings: &[Finding]) -> String {
    let lines: String = findings
        .iter()
        .map(|Finding { level, what, to_do }| {
            let level = match level {
                Level::Error => "error",
                Level::Warning => "warning",
            };
            format!("{level}: {what}\n   do: {to_do}\n")
        })
        .collect();
    match findings.len() {
        0 => "nothing is wrong".to_owned(),
        1 => format!("{lines}1 finding"),
        many => format!("{lines}{many} findings"),
    }
}
