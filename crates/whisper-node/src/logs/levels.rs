//! The levels of the log: go-ethereum's scale for all modules, and levels of single modules.

use std::fmt;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};

/// A log level, from 0 (silent) to 5 (trace). Default: 3 (info).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verbosity(u8);

/// Libraries that log whole requests and answers at the trace level. These may contain private keys.
const LIBRARIES_WITH_SECRETS: [&str; 4] = ["hyper", "jsonrpsee", "soketto", "tower"];

/// The names of the levels, in the order of their numbers.
const NAMES: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl Verbosity {
    /// The level of `tracing`.
    fn level(self) -> LevelFilter {
        match self.0 {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }
}

impl Default for Verbosity {
    fn default() -> Self {
        Self(3)
    }
}

impl fmt::Display for Verbosity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is not a whole number from 0 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a whole number from 0 (silent) to 5 (trace)")]
pub(crate) struct VerbosityError;

impl FromStr for Verbosity {
    type Err = VerbosityError;

    fn from_str(text: &str) -> Result<Self, VerbosityError> {
        match text.parse() {
            Ok(level @ 0..=5) => Ok(Self(level)),
            _ => Err(VerbosityError),
        }
    }
}

/// The level of a module and of all modules in it, such as `p2p_server=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModuleLevel {
    /// The path of the module, such as `whisper_protocol::relay`.
    module: String,
    level: Verbosity,
}

impl fmt::Display for ModuleLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.module, NAMES[usize::from(self.level.0)])
    }
}

/// The text is not a module and its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ModuleLevelError {
    /// It has no `=`.
    #[error("expected MODULE=LEVEL, such as p2p_server=debug")]
    Form,
    /// The module is not a path of Rust.
    #[error("a module is written with letters, digits, _ and ::, such as p2p_server::tasks")]
    Module,
    /// The level is unknown.
    #[error("a level is off, error, warn, info, debug or trace, or a number from 0 to 5")]
    Level,
}

impl FromStr for ModuleLevel {
    type Err = ModuleLevelError;

    fn from_str(text: &str) -> Result<Self, ModuleLevelError> {
        let (module, level) = text.split_once('=').ok_or(ModuleLevelError::Form)?;
        let (module, level) = (module.trim(), level.trim());
        let is_of_path = |letter: char| letter.is_ascii_alphanumeric() || "_:".contains(letter);
        if module.is_empty() || !module.chars().all(is_of_path) {
            return Err(ModuleLevelError::Module);
        }
        let named = (0..).zip(NAMES).find(|(_, name)| name.eq_ignore_ascii_case(level));
        let level = match named {
            Some((number, _)) => Verbosity(number),
            None => level.parse().map_err(|_| ModuleLevelError::Level)?,
        };
        Ok(Self { module: module.to_owned(), level })
    }
}

/// The levels of all modules. Libraries that would log secrets log at most at the debug level.
pub(super) fn targets(verbosity: Verbosity, levels: &[ModuleLevel]) -> Targets {
    let at_most_debug = verbosity.level().min(LevelFilter::DEBUG);
    let libraries = LIBRARIES_WITH_SECRETS.map(|library| (library, at_most_debug));
    let levels = levels.iter().map(|ModuleLevel { module, level }| {
        let has_secrets = LIBRARIES_WITH_SECRETS.iter().any(|library| module.starts_with(library));
        let most = if has_secrets { LevelFilter::DEBUG } else { LevelFilter::TRACE };
        (module.as_str(), level.level().min(most))
    });
    Targets::new().with_default(verbosity.level()).with_targets(libraries).with_targets(levels)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn levels(texts: &[&str]) -> Vec<ModuleLevel> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn no_level_logs_requests_with_keys() {
        let wanted = levels(&["hyper=trace", "jsonrpsee_server::transport=5", "tower=trace"]);
        for targets in [targets(Verbosity(5), &[]), targets(Verbosity(5), &wanted)] {
            assert!(targets.would_enable("p2p_mux::driver", &Level::TRACE));
            for library in [
                "jsonrpsee_server::transport::http",
                "jsonrpsee-server",
                "hyper::proto",
                "soketto::connection",
                "tower::buffer",
            ] {
                assert!(!targets.would_enable(library, &Level::TRACE), "{library}");
                assert!(targets.would_enable(library, &Level::DEBUG), "{library}");
            }
        }
        assert!(!targets(Verbosity(1), &[]).would_enable("jsonrpsee_server", &Level::DEBUG));
    }

    #[test]
    fn a_module_has_its_own_level_and_the_last_of_two_counts() {
        let wanted = levels(&["p2p_server=debug", "p2p_server::nat=off", "whisper_rpc=1"]);
        let targets = targets(Verbosity(3), &wanted);
        for (module, level, is_enabled) in [
            ("p2p_server::tasks", Level::DEBUG, true),
            ("p2p_server::tasks", Level::TRACE, false),
            ("p2p_server::nat", Level::ERROR, false),
            ("whisper_rpc", Level::WARN, false),
            ("whisper_protocol", Level::INFO, true),
            ("whisper_protocol", Level::DEBUG, false),
        ] {
            assert_eq!(targets.would_enable(module, &level), is_enabled, "{module} {level}");
        }
        let twice = super::targets(Verbosity(3), &levels(&["p2p_mux=off", "p2p_mux=debug"]));
        assert!(twice.would_enable("p2p_mux", &Level::DEBUG));
    }

    #[test]
    fn wrong_levels_say_what_is_expected() {
        for (text, expected) in [
            ("debug", ModuleLevelError::Form),
            ("=debug", ModuleLevelError::Module),
            ("p2p-server=debug", ModuleLevelError::Module),
            ("p2p_server=loud", ModuleLevelError::Level),
            ("p2p_server=6", ModuleLevelError::Level),
            ("p2p_server=", ModuleLevelError::Level),
        ] {
            assert_eq!(text.parse::<ModuleLevel>(), Err(expected), "{text}");
        }
        assert_eq!(levels(&[" p2p_mux = WARN "])[0].to_string(), "p2p_mux=warn");
    }

    #[test]
    fn levels_are_those_of_go_ethereum() {
        assert_eq!("0".parse::<Verbosity>().unwrap().level(), LevelFilter::OFF);
        assert_eq!(Verbosity::default().level(), LevelFilter::INFO);
        assert_eq!("5".parse::<Verbosity>().unwrap().level(), LevelFilter::TRACE);
        for bad in ["6", "-1", "", "info"] {
            assert_eq!(bad.parse::<Verbosity>(), Err(VerbosityError), "{bad}");
        }
    }
}
