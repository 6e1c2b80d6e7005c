//! One state in plain words, on any processor.

use crate::{
    block::{Block, xor_block},
    permutation::{State, permute},
    scan::{self, NonceRun},
    zeros::Zeros,
};

/// Absorbs whole blocks.
pub(crate) fn absorb(state: &mut State, blocks: &[Block]) {
    absorb_inline(state, blocks);
}

/// [`absorb`] to be inlined into functions with target features.
#[inline(always)]
pub(super) fn absorb_inline(state: &mut State, blocks: &[Block]) {
    // A local copy, so that the compiler keeps the words in registers between blocks.
    let mut words = *state;
    for block in blocks {
        xor_block(&mut words, block);
        permute((), &mut words);
    }
    *state = words;
}

/// The first nonce of a run whose digest has these zeros.
pub(crate) fn scan(run: &NonceRun, zeros: Zeros, first: u64, last: u64) -> Option<u64> {
    scan::scan::<u64>((), run, zeros, first, last)
}
