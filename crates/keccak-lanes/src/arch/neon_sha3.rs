//! NEON with the instructions for SHA-3 (FEAT_SHA3): the vector of `neon.rs`. With the target feature enabled, the
//! compiler merges its operations into those instructions.
#![allow(unsafe_code, reason = "functions with a target feature")]

use super::{
    has, impl_kernel,
    neon::{Neon, Vector},
    portable,
};
use crate::{block::Block, permutation::State};

/// Witness that the processor has NEON and FEAT_SHA3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeonSha3(Neon);

impl NeonSha3 {
    /// The witness, if this processor has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        let neon = Neon::detect()?;
        has!("sha3").then_some(Self(neon))
    }

    /// Absorbs whole blocks into one state, in plain words: this processor rotates a word as part of other instructions.
    pub(crate) fn absorb(self, state: &mut State, blocks: &[Block]) {
        portable::absorb(state, blocks);
    }
}

impl From<NeonSha3> for Neon {
    fn from(witness: NeonSha3) -> Self {
        witness.0
    }
}

impl_kernel!(NeonSha3, "neon-sha3", "neon,sha3");
