//! go-ethereum's scale of log levels.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt::layer};

/// A log level, from 0 (silent) to 5 (trace). Default: 3 (info).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verbosity(u8);

/// Libraries that log whole requests and answers at the trace level. These may contain private keys.
const LIBRARIES_WITH_SECRETS: [&str; 4] = ["hyper", "jsonrpsee", "soketto", "tower"];

impl Verbosity {
    /// Logs to stderr, so that stdout contains only results and a script can read them.
    pub(crate) fn log_to_stderr(self) {
        // Without standard error, an error of the log itself must not be printed there: that panics.
        let lines = layer().log_internal_errors(false);
        let lines = lines.with_ansi(io::stderr().is_terminal()).with_writer(io::stderr);
        tracing_subscriber::registry().with(lines.with_filter(self.targets())).init();
    }

    /// The levels of all libraries. Libraries that would log secrets log at most at the debug level.
    pub(crate) fn targets(self) -> Targets {
        let at_most_debug = self.level().min(LevelFilter::DEBUG);
        let libraries = LIBRARIES_WITH_SECRETS.map(|library| (library, at_most_debug));
        Targets::new().with_default(self.level()).with_targets(libraries)
    }

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

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn no_level_logs_requests_with_keys() {
        let targets = Verbosity(5).targets();
        assert!(targets.would_enable("p2p_mux::driver", &Level::TRACE));
        for library in [
            "jsonrpsee_server::transport::http",
            "jsonrpsee-server",
            "hyper::proto",
            "soketto::connection",
        ] {
            assert!(!targets.would_enable(library, &Level::TRACE), "{library}");
            assert!(targets.would_enable(library, &Level::DEBUG), "{library}");
        }
        assert!(!Verbosity(1).targets().would_enable("jsonrpsee_server", &Level::DEBUG));
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
