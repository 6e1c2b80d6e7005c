//! `whisper-node config`: works with the configuration, without starting a node.

use clap::{ArgMatches, Subcommand};

use crate::cli::config::{Configuration, Given, Settings, Source, Sources, default_file, shown};
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::Flags;
use crate::cli::run;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the configuration that `run` would have with the same flags: the file, the environment, the values
    Check(Box<Flags>),
    /// Print the settings that `run` would have with the same flags, and where each one comes from
    Show(Box<Flags>),
    /// Print a configuration file with all settings, their meaning and their defaults
    Default,
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
            Self::Show(_) => console::print(&shown(&settings, &read()?.given)),
            Self::Check(_) => {
                let configuration = read()?;
                run::check(&configuration.flags)?;
                console::print(&verdict(&configuration))
            }
        }
    }
}

/// What a check found, if there was no error.
fn verdict(configuration: &Configuration) -> String {
    let count = |is_it: fn(&Source) -> bool| {
        let given: &[Given] = &configuration.given;
        given.iter().filter(|given| is_it(&given.source)).count()
    };
    let in_file = count(|source| matches!(source, Source::File(..)));
    let variables = count(|source| matches!(source, Source::Variable(_)));
    let file = match &configuration.file {
        Some(path) => format!("{}: no errors; {in_file} settings from the file", path.display()),
        None => "no configuration file; no errors".to_owned(),
    };
    let warnings = configuration.unknown_variables.iter().map(|what| format!("\nwarning: {what}"));
    format!("{file}, {variables} from the environment{}", warnings.collect::<String>())
}
