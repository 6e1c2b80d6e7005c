//! Random numbers from a seed.

use core::fmt;

use keccak_lanes::{Digest, keccak256};
use p2p_identity::NodeId;

/// A random sequence that is determined by a seed and unpredictable without it. Used for the targets
/// of lookups, the jitter of checks, and the choice among requests in a flood.
#[derive(Clone)]
pub(super) struct SeededRng {
    seed: [u8; 32],
    drawn: u64,
}

impl SeededRng {
    pub(super) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next 32 bytes.
    pub(super) fn digest(&mut self) -> Digest {
        self.drawn += 1;
        let mut input = [0; 40];
        input[..32].copy_from_slice(&self.seed);
        input[32..].copy_from_slice(&self.drawn.to_be_bytes());
        keccak256(&input)
    }

    /// The next number.
    pub(super) fn number(&mut self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.digest();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// A random id that belongs to no node.
    pub(super) fn node_id(&mut self) -> NodeId {
        let mut id = [0; 64];
        id[..32].copy_from_slice(&self.digest());
        id[32..].copy_from_slice(&self.digest());
        NodeId(id)
    }
}

impl fmt::Debug for SeededRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededRng").field("drawn", &self.drawn).finish_non_exhaustive()
    }
}
