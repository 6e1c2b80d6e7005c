//! AVX-512, the foundation and the short vectors.
#![allow(unsafe_code, reason = "functions with a target feature")]

use super::{avx512vl, has};
use crate::{permutation::State, sponge::Block};

/// Proof that the processor has AVX-512F and AVX-512VL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The proof, if it can be had.
    pub(crate) fn detect() -> Option<Self> {
        has!("avx512f", "avx512vl").then_some(Self(()))
    }

    /// Absorbs whole blocks into one state.
    pub(crate) fn absorb(self, state: &mut State, blocks: &[Block]) {
        // SAFETY: `self` exists only where the instructions do.
        unsafe { avx512vl::absorb(state, blocks) }
    }
}
