//! go-ethereum's scale of log levels.

use std::fmt;
use std::str::FromStr;

use tracing_subscriber::filter::LevelFilter;

/// 0 (silent) to 5 (trace); 3 (info) unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verbosity(u8);

impl Verbosity {
    /// The level that `tracing` knows it by.
    pub(crate) fn level(self) -> LevelFilter {
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

/// Not a whole number from 0 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a whole number from 0 (silent) to 5 (trace) is wanted")]
pub(crate) struct NotALevel;

impl FromStr for Verbosity {
    type Err = NotALevel;

    fn from_str(text: &str) -> Result<Self, NotALevel> {
        match text.parse() {
            Ok(level @ 0..=5) => Ok(Self(level)),
            _ => Err(NotALevel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_geths_scale() {
        assert_eq!("0".parse::<Verbosity>().unwrap().level(), LevelFilter::OFF);
        assert_eq!(Verbosity::default().level(), LevelFilter::INFO);
        assert_eq!("5".parse::<Verbosity>().unwrap().level(), LevelFilter::TRACE);
        for bad in ["6", "-1", "", "info"] {
            assert_eq!(bad.parse::<Verbosity>(), Err(NotALevel), "{bad}");
        }
    }
}
