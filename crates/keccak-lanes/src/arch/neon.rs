//! NEON: two states side by side.
#![allow(unsafe_code, reason = "functions with a target feature")]

use core::arch::aarch64::{
    uint64x2_t, vandq_u64, vbicq_u64, vceqzq_u64, vdupq_n_s64, vdupq_n_u64, veorq_u64,
    vgetq_lane_u64, vld1q_u64, vorrq_u64, vshlq_n_u64, vshlq_u64, vshrq_n_u64, vst1q_u64,
};

use super::{has, impl_kernel, portable};
use crate::{
    block::Block,
    lanes::{Lanes, MAX_LANES},
    permutation::State,
};

/// Witness that the processor has NEON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Neon(());

impl Neon {
    /// The witness, if this processor has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        has!("neon").then_some(Self(()))
    }

    /// Absorbs whole blocks into one state, in plain words: this processor rotates a word as part of other instructions.
    pub(crate) fn absorb(self, state: &mut State, blocks: &[Block]) {
        portable::absorb(state, blocks);
    }
}

impl_kernel!(Neon, "neon", "neon");

/// A word of each of 2 states. Made only with a witness.
#[derive(Clone, Copy)]
pub(super) struct Vector(uint64x2_t);

impl Lanes for Vector {
    type Witness = Neon;

    const COUNT: usize = 2;

    #[inline(always)]
    fn splat(_: Neon, word: u64) -> Self {
        // SAFETY: the witness shows that the processor has the instruction.
        Self(unsafe { vdupq_n_u64(word) })
    }

    #[inline(always)]
    fn load(_: Neon, words: &[u64; MAX_LANES]) -> Self {
        // SAFETY: the witness shows that the processor has the instruction. It reads 2 of the 8 words.
        Self(unsafe { vld1q_u64(words.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, words: &mut [u64; MAX_LANES]) {
        // SAFETY: `self` was made with a witness that the processor has the instruction. It writes 2 of the 8 words.
        unsafe { vst1q_u64(words.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe { veorq_u64(self.0, b.0) })
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self.xor(b.xor(c))
    }

    #[inline(always)]
    fn chi(self, b: Self, c: Self) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe { veorq_u64(self.0, vbicq_u64(c.0, b.0)) })
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe { vorrq_u64(vshlq_n_u64::<LEFT>(self.0), vshrq_n_u64::<RIGHT>(self.0)) })
    }

    #[inline(always)]
    fn rotate_by(self, left: u32) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe {
            // A negative count shifts to the right. A shift by 64 gives 0, so a rotation by 0 is correct.
            let (left, right) = (i64::from(left), i64::from(left) - 64);
            vorrq_u64(vshlq_u64(self.0, vdupq_n_s64(left)), vshlq_u64(self.0, vdupq_n_s64(right)))
        })
    }

    #[inline(always)]
    fn without(self, mask: u64) -> u32 {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        let (first, second) = unsafe {
            let none = vceqzq_u64(vandq_u64(self.0, vdupq_n_u64(mask)));
            (vgetq_lane_u64::<0>(none), vgetq_lane_u64::<1>(none))
        };
        u32::from(first != 0) | u32::from(second != 0) << 1
    }
}
