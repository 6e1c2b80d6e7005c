//! In what a node differs from others.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// In what a node differs from others. The default is a node that relays everything and fetches its messages.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traits {
    /// It asks only for the topics of its filters.
    pub(crate) is_narrow: bool,
    /// It waits for its messages instead of fetching them.
    pub(crate) watches: bool,
    /// Few envelopes fit into the queue to its filters.
    pub(crate) has_small_queue: bool,
    /// It posts over the JSON-RPC.
    pub(crate) uses_rpc: bool,
    /// It runs another sub-protocol beside Whisper.
    pub(crate) has_probe: bool,
}

impl Traits {
    /// What follows from the seed for a node.
    pub(crate) fn of(seed: u64, index: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed.rotate_left(17) ^ index as u64);
        Self {
            is_narrow: rng.random_ratio(1, 4),
            watches: rng.random_ratio(1, 2),
            has_small_queue: rng.random_ratio(1, 4),
            uses_rpc: rng.random_ratio(1, 4),
            has_probe: true,
        }
    }
}
