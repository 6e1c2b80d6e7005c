//! AVX2 with BMI1 and BMI2, bit instructions that every processor with AVX2 has.
#![allow(unsafe_code, reason = "functions with a target feature")]

use core::arch::x86_64::{
    __m256i, _mm_set1_epi64x, _mm256_and_si256, _mm256_andnot_si256, _mm256_castsi256_pd,
    _mm256_cmpeq_epi64, _mm256_loadu_si256, _mm256_movemask_pd, _mm256_or_si256,
    _mm256_set1_epi64x, _mm256_setr_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_sll_epi64, _mm256_slli_epi64, _mm256_srl_epi64, _mm256_srli_epi64, _mm256_storeu_si256,
    _mm256_xor_si256,
};

use super::{has, impl_kernel, portable};
use crate::{
    block::Block,
    lanes::{Lanes, MAX_LANES},
    permutation::State,
};

/// Witness that the processor has AVX2, BMI1 and BMI2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The witness, if this processor has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        has!("avx2", "bmi1", "bmi2").then_some(Self(()))
    }

    /// Absorbs whole blocks into one state.
    pub(crate) fn absorb(self, state: &mut State, blocks: &[Block]) {
        // SAFETY: `self` is the witness that the processor has the instructions.
        unsafe { absorb(state, blocks) }
    }
}

impl_kernel!(Avx2, "avx2", "avx2,bmi1,bmi2");

/// A word of each of 4 states. Made only with a witness.
#[derive(Clone, Copy)]
struct Vector(__m256i);

impl Lanes for Vector {
    type Witness = Avx2;

    const COUNT: usize = 4;

    #[inline(always)]
    fn splat(_: Avx2, word: u64) -> Self {
        // SAFETY: the witness shows that the processor has the instruction.
        Self(unsafe { _mm256_set1_epi64x(word.cast_signed()) })
    }

    #[inline(always)]
    fn load(_: Avx2, words: &[u64; MAX_LANES]) -> Self {
        // SAFETY: the witness shows that the processor has the instruction. It reads 4 of the 8 words.
        Self(unsafe { _mm256_loadu_si256(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, words: &mut [u64; MAX_LANES]) {
        // SAFETY: `self` was made with a witness that the processor has the instruction. It writes 4 of the 8 words.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe { _mm256_xor_si256(self.0, b.0) })
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self.xor(b.xor(c))
    }

    #[inline(always)]
    fn chi(self, b: Self, c: Self) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe { _mm256_xor_si256(self.0, _mm256_andnot_si256(b.0, c.0)) })
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        match LEFT {
            // Whole bytes are moved by one instruction instead of three.
            8 => self.shuffle(0x0605_0403_0201_0007),
            56 => self.shuffle(0x0007_0605_0403_0201),
            // SAFETY: `self` was made with a witness that the processor has the instructions.
            _ => Self(unsafe {
                _mm256_or_si256(
                    _mm256_slli_epi64::<LEFT>(self.0),
                    _mm256_srli_epi64::<RIGHT>(self.0),
                )
            }),
        }
    }

    #[inline(always)]
    fn rotate_by(self, left: u32) -> Self {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe {
            // A shift by 64 gives 0, so a rotation by 0 is correct.
            let (left, right) = (i64::from(left), i64::from(64 - left));
            _mm256_or_si256(
                _mm256_sll_epi64(self.0, _mm_set1_epi64x(left)),
                _mm256_srl_epi64(self.0, _mm_set1_epi64x(right)),
            )
        })
    }

    #[inline(always)]
    fn without(self, mask: u64) -> u32 {
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        let none = unsafe {
            let common = _mm256_and_si256(self.0, _mm256_set1_epi64x(mask.cast_signed()));
            let none = _mm256_cmpeq_epi64(common, _mm256_setzero_si256());
            _mm256_movemask_pd(_mm256_castsi256_pd(none))
        };
        none.cast_unsigned()
    }
}

impl Vector {
    /// Reorders the bytes of every word.
    #[inline(always)]
    fn shuffle(self, order: u64) -> Self {
        let (first, second) = (order, order + 0x0808_0808_0808_0808);
        let (first, second) = (first.cast_signed(), second.cast_signed());
        // SAFETY: `self` was made with a witness that the processor has the instructions.
        Self(unsafe {
            _mm256_shuffle_epi8(self.0, _mm256_setr_epi64x(first, second, first, second))
        })
    }
}

/// Absorbs blocks into one state, in plain words.
///
/// Vectors of four words do not make a single state faster, but two instructions do, by about 12 %: `andn` does most
/// of χ, and `rorx` rotates into another register.
#[target_feature(enable = "bmi1,bmi2")]
fn absorb(state: &mut State, blocks: &[Block]) {
    portable::absorb_inline(state, blocks);
}
