//! What did not hold.

use std::time::Duration;

use thiserror::Error;

/// An invariant does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("with seed {seed}, after {at:?}: {name} does not hold: {text}")]
pub struct Violation {
    /// The seed of the network.
    pub seed: u64,
    /// The name of the invariant.
    pub name: String,
    /// When it was seen, since the start.
    pub at: Duration,
    /// What the invariant said.
    pub text: String,
}
