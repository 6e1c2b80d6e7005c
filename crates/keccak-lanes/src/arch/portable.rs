//! One state in plain words, on any processor.

use crate::{
    permutation::{State, permute},
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
