//! NEON: two states side by side, with the instructions for SHA-3 (FEAT_SHA3) where the processor has them.
#![allow(unsafe_code, reason = "functions with a target feature")]

use core::arch::aarch64::{
    uint64x2_t, vandq_u64, vbicq_u64, vceqzq_u64, vdupq_n_s64, vdupq_n_u64, veorq_u64,
    vgetq_lane_u64, vld1q_u64, vorrq_u64, vshlq_n_u64, vshlq_u64, vshrq_n_u64, vst1q_u64,
};

use super::{has, portable, side_by_side};
use crate::{
    lanes::{Lanes, MOST},
    permutation::State,
    sponge::Block,
};

/// Proof that the processor has NEON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Neon(());

impl Neon {
    /// The proof, if it can be had.
    pub(crate) fn detect() -> Option<Self> {
        has!("neon").then_some(Self(()))
    }

    /// Absorbs whole blocks into one state: plain words, which this processor rotates for nothing.
    pub(crate) fn absorb(self, state: &mut State, blocks: &[Block]) {
        portable::absorb(state, blocks);
    }
}

side_by_side!(Neon, "neon", "neon");

/// A word of each of 2 states. Made only from a proof.
#[derive(Clone, Copy)]
pub(super) struct Words(uint64x2_t);

impl Lanes for Words {
    type Proof = Neon;

    const COUNT: usize = 2;

    #[inline(always)]
    fn splat(_: Neon, word: u64) -> Self {
        // SAFETY: whoever has the proof has the instructions.
        Self(unsafe { vdupq_n_u64(word) })
    }

    #[inline(always)]
    fn load(_: Neon, words: &[u64; MOST]) -> Self {
        // SAFETY: whoever has the proof has the instructions. The words are more than are read.
        Self(unsafe { vld1q_u64(words.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, words: &mut [u64; MOST]) {
        // SAFETY: a value was made from the proof that the instructions are there.
        // The words are more than are written.
        unsafe { vst1q_u64(words.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe { veorq_u64(self.0, b.0) })
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self.xor(b.xor(c))
    }

    #[inline(always)]
    fn chi(self, b: Self, c: Self) -> Self {
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe { veorq_u64(self.0, vbicq_u64(c.0, b.0)) })
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe { vorrq_u64(vshlq_n_u64::<LEFT>(self.0), vshrq_n_u64::<RIGHT>(self.0)) })
    }

    #[inline(always)]
    fn rotate_by(self, left: u32) -> Self {
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe {
            // To the left by less than nothing is to the right; by 64, nothing is left, as it should be.
            let (left, right) = (i64::from(left), i64::from(left) - 64);
            vorrq_u64(vshlq_u64(self.0, vdupq_n_s64(left)), vshlq_u64(self.0, vdupq_n_s64(right)))
        })
    }

    #[inline(always)]
    fn without(self, mask: u64) -> u32 {
        // SAFETY: a value was made from the proof that the instructions are there.
        let (first, second) = unsafe {
            let none = vceqzq_u64(vandq_u64(self.0, vdupq_n_u64(mask)));
            (vgetq_lane_u64::<0>(none), vgetq_lane_u64::<1>(none))
        };
        u32::from(first != 0) | u32::from(second != 0) << 1
    }
}
