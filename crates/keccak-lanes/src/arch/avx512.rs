//! AVX-512: eight states side by side, or one state in 128-bit vectors.
#![allow(unsafe_code, reason = "functions with a target feature")]

use core::arch::x86_64::{
    __m512i, _mm512_loadu_si512, _mm512_rol_epi64, _mm512_rolv_epi64, _mm512_set1_epi64,
    _mm512_storeu_si512, _mm512_ternarylogic_epi64, _mm512_testn_epi64_mask, _mm512_xor_si512,
};

use super::{
    avx512vl::{self, CHI, XOR3},
    has, impl_kernel,
};
use crate::{
    block::Block,
    lanes::{Lanes, MAX_LANES},
    permutation::State,
};

/// Witness that the processor has AVX-512F and AVX-512VL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The witness, if this processor has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        has!("avx512f", "avx512vl").then_some(Self(()))
    }

    /// Absorbs whole blocks into one state.
    pub(crate) fn absorb(self, state: &mut State, blocks: &[Block]) {
        // SAFETY: `self` is the witness that the processor has the instructions.
        unsafe { avx512vl::absorb(state, blocks) }
    }

    /// Runs at least `count` instructions that do not depend on each other.
    #[cfg(feature = "calibration")]
    pub(crate) fn ternary_logic(self, count: u64) {
        for _ in 0..count.div_ceil(12 * 16) {
            // SAFETY: `self` is the witness that the processor has the instructions.
            unsafe { ternary_logic() }
        }
    }
}

impl_kernel!(Avx512, "avx512", "avx512f,avx512vl");

/// A word of each of 8 states. Made only with a witness.
///
/// A round takes 90 operations and about 20 register copies. The copies come from `vpternlogq`, which overwrites one
/// of its operands; when all three are needed later, the compiler copies one first. The processor renames registers
/// for a copy, so it occupies no execution unit. An assembly version that avoids the copies needs 105 operations and
/// is about 14 % slower.
#[derive(Clone, Copy)]
struct Vector(__m512i);

impl Lanes for Vector {
    type Witness = Avx512;

    const COUNT: usize = 8;

    #[inline(always)]
    fn splat(_: Avx512, word: u64) -> Self {
        // SAFETY: the witness shows that the processor has the instruction.
        Self(unsafe { _mm512_set1_epi64(word.cast_signed()) })
    }

    #[inline(always)]
    fn load(_: Avx512, words: &[u64; MAX_LANES]) -> Self {
        // SAFETY: the witness shows that the processor has the instruction. It reads all 8 words.
        Self(unsafe { _mm512_loadu_si512(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, words: &mut [u64; MAX_LANES]) {
        // SAFETY: `self` was made with a witness that the processor has the instruction. It writes all 8 words.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe { _mm512_xor_si512(self.0, b.0) })
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe { _mm512_ternarylogic_epi64::<XOR3>(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn chi(self, b: Self, c: Self) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe { _mm512_ternarylogic_epi64::<CHI>(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe { _mm512_rol_epi64::<LEFT>(self.0) })
    }

    #[inline(always)]
    fn rotate_by(self, left: u32) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe { _mm512_rolv_epi64(self.0, _mm512_set1_epi64(left.into())) })
    }

    #[inline(always)]
    fn without(self, mask: u64) -> u32 {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        let none =
            unsafe { _mm512_testn_epi64_mask(self.0, _mm512_set1_epi64(mask.cast_signed())) };
        none.into()
    }
}

/// 16 times 12 instructions that do not depend on each other.
#[cfg(feature = "calibration")]
#[target_feature(enable = "avx512f")]
fn ternary_logic() {
    // SAFETY: the block uses only instructions of AVX-512F, touches only registers, and declares every register that
    // it writes.
    unsafe {
        core::arch::asm!(
            ".rept 16",
            "vpternlogq zmm0, zmm16, zmm17, 0x96",
            "vpternlogq zmm1, zmm16, zmm17, 0x96",
            "vpternlogq zmm2, zmm16, zmm17, 0x96",
            "vpternlogq zmm3, zmm16, zmm17, 0x96",
            "vpternlogq zmm4, zmm16, zmm17, 0x96",
            "vpternlogq zmm5, zmm16, zmm17, 0x96",
            "vpternlogq zmm6, zmm16, zmm17, 0x96",
            "vpternlogq zmm7, zmm16, zmm17, 0x96",
            "vpternlogq zmm8, zmm16, zmm17, 0x96",
            "vpternlogq zmm9, zmm16, zmm17, 0x96",
            "vpternlogq zmm10, zmm16, zmm17, 0x96",
            "vpternlogq zmm11, zmm16, zmm17, 0x96",
            ".endr",
            out("zmm0") _,
            out("zmm1") _,
            out("zmm2") _,
            out("zmm3") _,
            out("zmm4") _,
            out("zmm5") _,
            out("zmm6") _,
            out("zmm7") _,
            out("zmm8") _,
            out("zmm9") _,
            out("zmm10") _,
            out("zmm11") _,
            options(nomem, nostack, preserves_flags),
        );
    }
}
