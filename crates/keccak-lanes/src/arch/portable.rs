//! One state in plain words, on any processor.

use crate::{
    Zeros,
    permutation::{State, permute},
    scan::{self, Template},
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

/// The first of these nonces with these zeros.
pub(crate) fn scan(template: &Template, zeros: Zeros, start: u64, count: u64) -> Option<u64> {
    scan::scan::<u64>((), template, zeros, start, count)
}
