//! `whisper-node config`: works with the configuration, without starting a node.

use std::path::Path;

use clap::{ArgMatches, Args, Subcommand};
use serde::Serialize;

use crate::cli::config::{
    Configuration, Given, Settings, Source, Sources, default_file, shown, values,
};
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::{Flags, Output};
use crate::cli::run;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the configuration that `run` would have with the same flags: the file, the environment, the values
    Check(Box<Asked>),
    /// Print the settings that `run` would have with the same flags, and where each one comes from
    Show(Box<Asked>),
    /// Print a configuration file with all settings, their meaning and their defaults
    Default,
}

/// The flags that `run` would have, and how to print.
#[derive(Args, Debug)]
pub(crate) struct Asked {
    #[command(flatten)]
    flags: Flags,

    #[command(flatten)]
    output: Output,
}

/// What a check found, if there was no error.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict<'a> {
    file: Option<&'a Path>,
    /// Number of settings from the file, and from the environment.
    from_file: usize,
    from_environment: usize,
    warnings: Vec<String>,
}

impl Command {
    /// Runs the command. `matches` are the arguments of `config`.
    pub(crate) fn run(&self, matches: &ArgMatches) -> Result<(), Failure> {
        let settings = Settings::of_a_node();
        let read = || {
            let flags = matches.subcommand().map_or(matches, |(_, flags)| flags);
            Sources::new(&settings, flags).read()
        };
        match self {
            Self::Default => console::print(&default_file(&settings)),
            Self::Show(asked) => {
                let given = read()?.given;
                asked.output.print(&values(&settings, &given), || shown(&settings, &given))
            }
            Self::Check(asked) => {
                let configuration = read()?;
                run::check(&configuration.flags)?;
                let verdict = Verdict::of(&configuration);
                asked.output.print(&verdict, || verdict.describe())
            }
        }
    }
}

impl<'a> Verdict<'a> {
    fn of(configuration: &'a Configuration) -> Self {
        let count = |is_it: fn(&Source) -> bool| {
            let given: &[Given] = &configuration.given;
            given.iter().filter(|given| is_it(&given.source)).count()
        };
        Self {
            file: configuration.file.as_deref(),
            from_file: count(|source| matches!(source, Source::File(..))),
            from_environment: count(|source| matches!(source, Source::Variable(_))),
            warnings: configuration.unknown_variables.iter().map(ToString::to_string).collect(),
        }
    }

    fn describe(&self) -> String {
        let Self { from_file, from_environment, .. } = self;
        let file = match self.file {
            Some(path) => {
                format!("{}: no errors; {from_file} settings from the file", path.display())
            }
            None => "no configuration file; no errors".to_owned(),
        };
        let warnings = self.warnings.iter().map(|what| format!("\nwarning: {what}"));
        format!("{file}, {from_environment} from the environment{}", warnings.collect::<String>())
    }
}
