//! Where the settings of a node come from: a flag, an environment variable, the configuration file, or the default.
//!
//! Every flag of `whisper-node run` is also a key of the file and a variable. All three are made from one table, the
//! arguments that `clap` knows ([`Settings`]). A stronger source replaces the whole value of a weaker one: flag, variable,
//! file, default.

mod check;
mod environment;
mod file;
mod given;
mod merge;
pub(crate) mod problem;
mod reference;
mod settings;
mod teams;

use std::io;
use std::path::{Path, PathBuf};

use clap::ArgMatches;

use super::failure::Failure;
use super::flags::Flags;
use super::process::data_dir::data_dir_path;
pub(crate) use given::{Given, Source};
use problem::{ConfigError, Problem};
pub(crate) use reference::{default_file, shown, values};
pub(crate) use settings::{Settings, with_switches};
pub(crate) use teams::{keep_team, read_teams, teams_settings};

/// The name of the configuration file in the data directory.
pub(crate) const FILE_NAME: &str = "whisper-node.toml";

/// The settings of a node, and where each one comes from.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    /// The values.
    pub(crate) flags: Flags,
    /// The settings that are not defaults, the strongest source of each.
    pub(crate) given: Vec<Given>,
    /// The configuration file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// Variables that look like settings and are none.
    pub(crate) unknown_variables: Vec<Problem>,
}

/// The sources that do not change while the program runs: the command line and the environment. The file is read again
/// from here.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    on_command_line: Vec<Given>,
    variables: Vec<(String, String)>,
}

impl Sources {
    /// The settings on a command line that was parsed, and the environment of this process.
    pub(crate) fn new(settings: &Settings, matches: &ArgMatches) -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self {
            on_command_line: merge::on_command_line(settings, matches),
            variables: variables.collect(),
        }
    }

    /// A configuration file and a data directory, as if the command line of a node named them, and the environment.
    pub(crate) fn of_files(config: &Option<PathBuf>, datadir: &Option<PathBuf>) -> Self {
        let settings = Settings::of_a_node();
        let word = |flag: &str, path: &Option<PathBuf>| {
            path.as_ref().map(|path| format!("--{flag}={}", path.display()))
        };
        let words = [word("config", config), word("datadir", datadir)].into_iter().flatten();
        let matches = settings.parse(words).unwrap_or_default();
        Self::new(&settings, &matches)
    }

    /// Reads all sources.
    ///
    /// # Errors
    ///
    /// Every value that is wrong, and every key of the file that is unknown.
    pub(crate) fn read(&self) -> Result<Configuration, Failure> {
        let settings = Settings::of_a_node();
        let mut problems = Vec::new();
        let (variables, unknown_variables) =
            environment::given(&settings, &self.variables, &mut problems);
        let stronger = || self.on_command_line.iter().chain(&variables);
        let found = find_file(&stronger())?;
        let in_file = match &found {
            Some(file) => file::given(&settings, file, &mut problems)?,
            None => Vec::new(),
        };
        if !problems.is_empty() {
            problems.sort_by_key(Problem::order);
            return Err(ConfigError(problems).into());
        }
        let given = merge::strongest(&settings, [self.on_command_line.clone(), variables, in_file]);
        let flags = settings.flags(given.iter().flat_map(Given::words).collect());
        let flags = flags.map_err(|error| ConfigError(vec![check::all_together(&error)]))?;
        let file = found.map(|found| found.path);
        Ok(Configuration { flags, given, file, unknown_variables })
    }
}

/// A configuration file.
struct Found {
    path: PathBuf,
    /// Whether it lies in the data directory, so that it cannot say where that is.
    in_datadir: bool,
}

/// The file of `--config`; without it, the file in the data directory, if there is one.
fn find_file<'a>(
    given: &(impl Iterator<Item = &'a Given> + Clone),
) -> Result<Option<Found>, Failure> {
    let value = |key: &str| given.clone().find(|given| given.key == key)?.values.last();
    if let Some(path) = value("config") {
        return Ok(Some(Found { path: PathBuf::from(path), in_datadir: false }));
    }
    let datadir = data_dir_path(value("datadir").map(Path::new))?;
    let path = datadir.join(FILE_NAME);
    match path.try_exists() {
        Ok(exists) => Ok(exists.then_some(Found { path, in_datadir: true })),
        // The data directory cannot be one: that is said when it is made.
        Err(source) if source.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(source) => Err(Failure::ConfigFile { path, source }),
    }
}
