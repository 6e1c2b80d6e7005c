//! Values that every kernel shares: blocks, digests, and how both relate to the words of a state.

use crate::permutation::State;

/// A Keccak-256 digest: 32 bytes in wire order.
pub type Digest = [u8; 32];

/// Number of bytes that one permutation absorbs: 1600 bits minus twice the 256 bits of the digest.
pub(crate) const RATE: usize = 136;

/// The bytes that one permutation absorbs.
pub(crate) type Block = [u8; RATE];

/// The word at `index` in a block. 0 beyond its end.
#[inline(always)]
pub(crate) fn word(block: &Block, index: usize) -> u64 {
    block.as_chunks().0.get(index).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The last block of a message: `rest`, which must be shorter than a block, and the padding.
#[inline(always)]
pub(crate) fn padded(rest: &[u8]) -> Block {
    let mut block = [0; RATE];
    block[..rest.len()].copy_from_slice(rest);
    block[rest.len()] = 0x01;
    block[RATE - 1] |= 0x80;
    block
}

/// Adds (XOR) a whole block to a state.
#[inline(always)]
pub(crate) fn xor_block(state: &mut State, block: &Block) {
    for (index, lane) in state.iter_mut().enumerate().take(RATE / 8) {
        *lane ^= word(block, index);
    }
}

/// The digest in a state: its first words as bytes.
pub(crate) fn digest_of(state: &State) -> Digest {
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_le_bytes();
    }
    digest
}
