//! Random numbers from a seed.

use core::fmt;

use keccak_lanes::{Digest, keccak256};
use p2p_identity::NodeId;

/// A sequence of numbers that nobody can guess who does not know the seed: targets of lookups, and
/// which entry is looked at next. The same seed gives the same sequence.
#[derive(Clone)]
pub(crate) struct Chance {
    seed: [u8; 32],
    drawn: u64,
}

impl Chance {
    pub(crate) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    pub(crate) fn digest(&mut self) -> Digest {
        self.drawn += 1;
        let mut input = [0; 40];
        input[..32].copy_from_slice(&self.seed);
        input[32..].copy_from_slice(&self.drawn.to_be_bytes());
        keccak256(&input)
    }

    /// An id of nobody.
    pub(crate) fn target(&mut self) -> NodeId {
        let mut id = [0; 64];
        id[..32].copy_from_slice(&self.digest());
        id[32..].copy_from_slice(&self.digest());
        NodeId(id)
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chance").field("drawn", &self.drawn).finish_non_exhaustive()
    }
}
