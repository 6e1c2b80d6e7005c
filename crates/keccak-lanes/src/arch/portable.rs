//! One state in plain words, on any processor.

use crate::{
    Zeros,
    permutation::{State, permute},
    scan::{self, Run},
    sponge::{Block, xor_block},
};

/// Absorbs whole blocks.
pub(crate) fn absorb(state: &mut State, blocks: &[Block]) {
    absorb_inline(state, blocks);
}

/// The same to be compiled into functions that switch instructions on.
#[inline(always)]
pub(super) fn absorb_inline(state: &mut State, blocks: &[Block]) {
    // A copy, so that the words stay in registers from block to block.
    let mut words = *state;
    for block in blocks {
        xor_block(&mut words, block);
        permute((), &mut words);
    }
    *state = words;
}

/// The first nonce of a run with these zeros.
pub(crate) fn scan(run: &Run, zeros: Zeros, first: u64, last: u64) -> Option<u64> {
    scan::scan::<u64>((), run, zeros, first, last)
}
