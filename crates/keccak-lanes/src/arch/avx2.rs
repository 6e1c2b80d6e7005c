//! AVX2, and what every processor with it has: the three-operand bit instructions BMI1 and BMI2.
#![allow(unsafe_code, reason = "functions with a target feature")]

use core::arch::x86_64::{
    __m256i, _mm_set1_epi64x, _mm256_and_si256, _mm256_andnot_si256, _mm256_castsi256_pd,
    _mm256_cmpeq_epi64, _mm256_loadu_si256, _mm256_movemask_pd, _mm256_or_si256,
    _mm256_set1_epi64x, _mm256_setr_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_sll_epi64, _mm256_slli_epi64, _mm256_srl_epi64, _mm256_srli_epi64, _mm256_storeu_si256,
    _mm256_xor_si256,
};

use super::{has, portable, side_by_side};
use crate::{
    lanes::{Lanes, MOST},
    permutation::State,
    sponge::Block,
};

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

side_by_side!(Avx2, "avx2", "avx2,bmi1,bmi2");

/// A word of each of 4 states. Made only from a proof.
#[derive(Clone, Copy)]
struct Words(__m256i);

impl Lanes for Words {
    type Proof = Avx2;

    const COUNT: usize = 4;

    #[inline(always)]
    fn splat(_: Avx2, word: u64) -> Self {
        // SAFETY: whoever has the proof has the instructions.
        Self(unsafe { _mm256_set1_epi64x(word.cast_signed()) })
    }

    #[inline(always)]
    fn load(_: Avx2, words: &[u64; MOST]) -> Self {
        // SAFETY: whoever has the proof has the instructions. The words are more than are read.
        Self(unsafe { _mm256_loadu_si256(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, words: &mut [u64; MOST]) {
        // SAFETY: a value was made from the proof that the instructions are there.
        // The words are more than are written.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe { _mm256_xor_si256(self.0, b.0) })
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self.xor(b.xor(c))
    }

    #[inline(always)]
    fn chi(self, b: Self, c: Self) -> Self {
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe { _mm256_xor_si256(self.0, _mm256_andnot_si256(b.0, c.0)) })
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        match LEFT {
            // Whole bytes move in one instruction rather than three.
            8 => self.shuffle(0x0605_0403_0201_0007),
            56 => self.shuffle(0x0007_0605_0403_0201),
            // SAFETY: a value was made from the proof that the instructions are there.
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
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe {
            // A shift by 64 leaves nothing, as it should.
            let (left, right) = (i64::from(left), i64::from(64 - left));
            _mm256_or_si256(
                _mm256_sll_epi64(self.0, _mm_set1_epi64x(left)),
                _mm256_srl_epi64(self.0, _mm_set1_epi64x(right)),
            )
        })
    }

    #[inline(always)]
    fn without(self, mask: u64) -> u32 {
        // SAFETY: a value was made from the proof that the instructions are there.
        let none = unsafe {
            let common = _mm256_and_si256(self.0, _mm256_set1_epi64x(mask.cast_signed()));
            let none = _mm256_cmpeq_epi64(common, _mm256_setzero_si256());
            _mm256_movemask_pd(_mm256_castsi256_pd(none))
        };
        none.cast_unsigned()
    }
}

impl Words {
    /// Puts the bytes of every word into this order.
    #[inline(always)]
    fn shuffle(self, order: u64) -> Self {
        let (first, second) = (order, order + 0x0808_0808_0808_0808);
        let (first, second) = (first.cast_signed(), second.cast_signed());
        // SAFETY: a value was made from the proof that the instructions are there.
        Self(unsafe {
            _mm256_shuffle_epi8(self.0, _mm256_setr_epi64x(first, second, first, second))
        })
    }
}

/// One state gains nothing from vectors of four words, but `andn` is all of χ but one exclusive or,
/// and `rorx` rotates without a move: together about an eighth.
#[target_feature(enable = "bmi1,bmi2")]
fn absorb(state: &mut State, blocks: &[Block]) {
    portable::absorb_inline(state, blocks);
}
