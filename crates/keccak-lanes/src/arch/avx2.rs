//! AVX2, and what every processor with it has: the three-operand bit instructions BMI1 and BMI2.
#![allow(unsafe_code, reason = "functions with a target feature")]

use super::{has, portable};
use crate::{permutation::State, sponge::Block};

/// Proof that the processor has AVX2, BMI1 and BMI2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The proof, if it can be had.
    pub(crate) fn detect() -> Option<Self> {
        has!("avx2", "bmi1", "bmi2").then_some(Self(()))
    }

    /// Absorbs whole blocks into one state.
    pub(crate) fn absorb(self, state: &mut State, blocks: &[Block]) {
        // SAFETY: `self` exists only where the instructions do.
        unsafe { absorb(state, blocks) }
    }
}

/// One state gains nothing from vectors of four words, but `andn` is all of χ but one exclusive or,
/// and `rorx` rotates without a move: together about an eighth.
#[target_feature(enable = "bmi1,bmi2")]
fn absorb(state: &mut State, blocks: &[Block]) {
    portable::absorb_inline(state, blocks);
}
