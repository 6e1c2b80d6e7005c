//! AVX-512: eight states side by side, or one with the short vectors.
#![allow(unsafe_code, reason = "functions with a target feature")]

use core::arch::x86_64::{
    __m512i, _mm512_loadu_si512, _mm512_rol_epi64, _mm512_rolv_epi64, _mm512_set1_epi64,
    _mm512_storeu_si512, _mm512_ternarylogic_epi64, _mm512_testn_epi64_mask, _mm512_xor_si512,
};

use super::{
    avx512vl::{self, CHI, XOR3},
    has,
};
use crate::{
    Digest, Zeros,
    batch::{self, Left},
    lanes::{Lanes, MOST},
    permutation::State,
    scan::{self, Template},
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
    /// The first of these nonces with these zeros.
    pub(crate) fn scan(
        self,
        template: &Template,
        zeros: Zeros,
        start: u64,
        count: u64,
    ) -> Option<u64> {
        // SAFETY: `self` exists only where the instructions do.
        unsafe { scan(self, template, zeros, start, count) }
    }

    /// Hashes messages side by side until at most one is left.
    pub(crate) fn batch<'a>(
        self,
        messages: &[&'a [u8]],
        digests: &mut [Digest],
    ) -> Option<Left<'a>> {
        // SAFETY: `self` exists only where the instructions do.
        unsafe { batch(self, messages, digests) }
    }
}

#[target_feature(enable = "avx512f,avx512vl")]
fn scan(proof: Avx512, template: &Template, zeros: Zeros, start: u64, count: u64) -> Option<u64> {
    scan::scan::<Words>(proof, template, zeros, start, count)
}

#[target_feature(enable = "avx512f,avx512vl")]
fn batch<'a>(proof: Avx512, messages: &[&'a [u8]], digests: &mut [Digest]) -> Option<Left<'a>> {
    batch::side_by_side::<Words>(proof, messages, digests)
}

/// A word of each of 8 states. Made only from a proof.
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
