//! A wrong clock of this machine.

use std::fmt;

/// By how much the clock of this machine is wrong, as other nodes show it over discv4.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClockError {
    /// By how many seconds the clock is ahead; negative if it is behind.
    pub ahead_secs: i64,
    /// Which nodes show it, such as `the boot node 1a2b3c4d…`.
    pub witness: String,
}

impl ClockError {
    /// A clock that is ahead by this number of seconds, as `witness` shows.
    #[must_use]
    pub fn new(ahead_secs: i64, witness: impl Into<String>) -> Self {
        Self { ahead_secs, witness: witness.into() }
    }
}

#[cfg(feature = "discovery")]
impl From<(p2p_discovery::ClockOffset, p2p_discovery::ClockWitness)> for ClockError {
    fn from((offset, witness): (p2p_discovery::ClockOffset, p2p_discovery::ClockWitness)) -> Self {
        use p2p_discovery::ClockOffset::{Ahead, Behind};
        let secs = |by: std::time::Duration| i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        let ahead_secs = match offset {
            Ahead(by) => secs(by),
            Behind(by) => -secs(by),
        };
        Self::new(ahead_secs, witness.to_string())
    }
}

/// `the clock of this machine is about 45 s behind that of the boot node 1a2b3c4d…`.
impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.ahead_secs > 0 { "ahead of" } else { "behind" };
        let (seconds, witness) = (self.ahead_secs.unsigned_abs(), &self.witness);
        write!(f, "the clock of this machine is about {seconds} s {side} that of {witness}")
    }
}
