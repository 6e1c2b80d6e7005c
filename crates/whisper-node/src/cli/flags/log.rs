//! The flags about the log.

use std::str::FromStr as _;

use clap::Args;

use super::list::{List, list};
use crate::logs::{LogFormat, LogSettings, ModuleLevel, Verbosity};

/// What is logged to standard error, and how.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogFlags {
    /// Log level: 0 silent, 1 error, 2 warn, 3 info, 4 debug, 5 trace
    #[arg(long, value_name = "0-5", default_value_t)]
    pub(crate) verbosity: Verbosity,

    /// Log levels of single modules, comma-separated MODULE=LEVEL, such as p2p_server=debug,whisper_protocol=trace
    #[arg(long = "log.levels", value_name = "LEVELS", value_parser = list(ModuleLevel::from_str))]
    log_levels: Vec<List<ModuleLevel>>,

    /// Form of the lines: text, or one JSON object in each line
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,

    /// Maximum number of lines that one place in the code logs in ten seconds; then one line says how many were left
    /// out. Debug and trace are not limited. 0: no limit
    #[arg(long = "log.limit", value_name = "LINES", default_value_t = 50)]
    log_limit: u32,
}

impl LogFlags {
    /// The levels of single modules.
    pub(crate) fn levels(&self) -> Vec<ModuleLevel> {
        List::joined(self.log_levels.clone())
    }

    /// The settings of the log.
    pub(crate) fn settings(&self) -> LogSettings {
        LogSettings {
            format: self.log_format,
            verbosity: self.verbosity,
            levels: self.levels(),
            limit: self.log_limit,
        }
    }
}
