//! AVX-512: eight states side by side, or one with the short vectors.
#![allow(unsafe_code, reason = "functions with a target feature")]

use core::arch::x86_64::{
    __m512i, _mm512_loadu_si512, _mm512_rol_epi64, _mm512_rolv_epi64, _mm512_set1_epi64,
    _mm512_storeu_si512, _mm512_ternarylogic_epi64, _mm512_testn_epi64_mask, _mm512_xor_si512,
};

use super::{
    avx512vl::{self, CHI, XOR3},
    has, side_by_side,
};
use crate::{
    lanes::{Lanes, MOST},
    permutation::State,
    sponge::Block,
};

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

    /// Runs at least `count` instructions that do not wait for each other.
    #[cfg(feature = "calibration")]
    pub(crate) fn ternary_logic(self, count: u64) {
        for _ in 0..count.div_ceil(12 * 16) {
            // SAFETY: `self` exists only where the instructions do.
            unsafe { ternary_logic() }
        }
    }
}

side_by_side!(Avx512, "avx512", "avx512f,avx512vl");

/// A word of each of 8 states. Made only from a proof.
///
/// A round is 90 operations, and 20 copies or so: `vpternlogq` overwrites one of its operands, and where all
/// three are needed again the compiler copies one first. A copy from register to register is done by renaming
/// and takes no time of an execution unit. Written in assembly with two operations in the place of a copy and
/// another, it is 105 operations, and slower by a seventh.
#[derive(Clone, Copy)]
struct Words(__m512i);

impl Lanes for Words {
    type Proof = Avx512;

    const COUNT: usize = 8;

    #[inline(always)]
    fn splat(_: Avx512, word: u64) -> Self {
        // SAFETY: whoever has the proof has the instructions.
        Self(unsafe { _mm512_set1_epi64(word.cast_signed()) })
    }

    #[inline(always)]
    fn load(_: Avx512, words: &[u64; MOST]) -> Self {
        // SAFETY: whoever has the proof has the instructions. The words are as many as are read.
        Self(unsafe { _mm512_loadu_si512(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, words: &mut [u64; MOST]) {
        // SAFETY: a value was made from the proof that the instructions are there.
        // The words are as many as are written.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe { _mm512_xor_si512(self.0, b.0) })
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe { _mm512_ternarylogic_epi64::<XOR3>(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn chi(self, b: Self, c: Self) -> Self {
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe { _mm512_ternarylogic_epi64::<CHI>(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe { _mm512_rol_epi64::<LEFT>(self.0) })
    }

    #[inline(always)]
    fn rotate_by(self, left: u32) -> Self {
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe { _mm512_rolv_epi64(self.0, _mm512_set1_epi64(left.into())) })
    }

    #[inline(always)]
    fn without(self, mask: u64) -> u32 {
        // SAFETY: a value was made from the proof that the instructions are there.
        let none =
            unsafe { _mm512_testn_epi64_mask(self.0, _mm512_set1_epi64(mask.cast_signed())) };
        none.into()
    }
}

/// 16 times 12 instructions that do not wait for each other.
#[cfg(feature = "calibration")]
#[target_feature(enable = "avx512f")]
fn ternary_logic() {
    // SAFETY: registers alone are read and written, all that are written are declared, with instructions of
    // AVX-512F.
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
