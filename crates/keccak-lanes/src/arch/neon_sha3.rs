//! NEON with the instructions for SHA-3: the lanes of `neon.rs`, whose operations the compiler merges into those
//! instructions where it may use them.
#![allow(unsafe_code, reason = "functions with a target feature")]

use super::{
    has,
    neon::{Neon, Words},
    portable, side_by_side,
};
use crate::{permutation::State, sponge::Block};

/// Proof that the processor has NEON and FEAT_SHA3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeonSha3(Neon);

impl NeonSha3 {
    /// The proof, if it can be had.
    pub(crate) fn detect() -> Option<Self> {
        let neon = Neon::detect()?;
        has!("sha3").then_some(Self(neon))
    }

    /// Absorbs whole blocks into one state: plain words, which this processor rotates for nothing.
    pub(crate) fn absorb(self, state: &mut State, blocks: &[Block]) {
        portable::absorb(state, blocks);
    }
}

impl From<NeonSha3> for Neon {
    fn from(proof: NeonSha3) -> Self {
        proof.0
    }
}

side_by_side!(NeonSha3, "neon-sha3", "neon,sha3");
