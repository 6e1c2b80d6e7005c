//! Trying nonces, as many at once as a vector has lanes.

use crate::{
    block::RATE,
    lanes::Lanes,
    permutation::{
        ROTATIONS, ROUND_CONSTANTS, ROUNDS, State, chi, last_round_word_0, last_round_word_3,
        parities, permute, rounds, theta_rho_pi,
    },
    zeros::Zeros,
};

/// A run of consecutive nonces that differ in only one word of the state. Holds everything that does not depend on the
/// nonce.
///
/// A nonce of 8 bytes is in one word of the state or in two neighbouring words. If it is in two, only the second one
/// changes from nonce to nonce within a run. If that one is in the next block, the first block is the same for the
/// whole run.
///
/// In the first round, θ spreads the changing word to its own position and the two neighbouring columns, 11 words in
/// all; the other words do not depend on the nonce. θ, ρ and π are linear, so the contribution of the nonce can be added
/// after them.
#[derive(Clone, Debug)]
pub(crate) struct NonceRun {
    /// The state after θ, ρ and π of the first round, with zeros in place of the changing part of the nonce.
    moved: State,
    /// Contributions of the changing word to that state.
    spread: [Term; 11],
    /// Number of bits by which a byte-swapped nonce is shifted so that only its bytes in the changing word remain.
    shift: u32,
    /// Whether the padding is in a block of its own.
    extra_block: bool,
}

/// A contribution: the changing word, rotated to the left by `rotation` bits, is added to the word with index `to`.
#[derive(Clone, Copy, Debug)]
struct Term {
    to: usize,
    rotation: u32,
}

/// Bytes in bits, for up to 7 bytes.
const BITS_OF_BYTES: [u32; 8] = [0, 8, 16, 24, 32, 40, 48, 56];

/// The last bit of the padding, in the last word of a block.
const PADDING_END: u64 = 1 << 63;

impl NonceRun {
    /// The run that contains `nonce`, and the last nonce of that run. The nonce follows `filled` bytes of a block that
    /// are already added to `state`.
    pub(crate) fn with(nonce: u64, mut state: State, filled: usize) -> (Self, u64) {
        let (within, end) = (filled % 8, filled + 8);
        let bytes = nonce.swap_bytes();
        let (differs, shift) = if within == 0 {
            (filled / 8, 0)
        } else {
            state[filled / 8] ^= bytes << BITS_OF_BYTES[within];
            (end / 8, 64 - BITS_OF_BYTES[within])
        };
        let extra_block = end == RATE;
        let differs = if differs == RATE / 8 { 0 } else { differs };
        if end > RATE {
            permute((), &mut state);
        }
        if !extra_block {
            state[end % RATE / 8] ^= 1 << BITS_OF_BYTES[end % 8];
            state[RATE / 8 - 1] ^= PADDING_END;
        }
        let moved = theta_rho_pi(&state, &parities(&state));
        (Self { moved, spread: spread(differs), shift, extra_block }, nonce | u64::MAX >> shift)
    }
}

/// The contributions of the word at this index in the linear part of a round.
fn spread(word: usize) -> [Term; 11] {
    let (column, mut terms) = (word % 5, [Term::from(word, 0); 11]);
    let (right, left) = ((column + 1) % 5, (column + 4) % 5);
    for (row, pair) in terms.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        *pair = [Term::from(5 * row + right, 0), Term::from(5 * row + left, 1)];
    }
    terms
}

impl Term {
    /// The contribution of a word to the position that ρ and π move `index` to. θ has rotated it by `theta` bits.
    fn from(index: usize, theta: u32) -> Self {
        let (x, y) = (index % 5, index / 5);
        Self { to: y + 5 * ((2 * x + 3 * y) % 5), rotation: (ROTATIONS[index] + theta) % 64 }
    }
}

/// The first nonce from `first` to `last`, within the run, whose digest has these zeros. Checks at most 64 zeros.
#[inline(always)]
pub(crate) fn scan<V: Lanes>(
    witness: V::Witness,
    run: &NonceRun,
    zeros: Zeros,
    first: u64,
    last: u64,
) -> Option<u64> {
    // 32 words, so that an index of five bits needs no bounds check.
    let mut moved = [V::splat(witness, 0); 32];
    for (moved, word) in moved.iter_mut().zip(&run.moved) {
        *moved = V::splat(witness, *word);
    }
    let fixed = moved;
    // A vector begins at a multiple of its length, so that the additions within it do not carry.
    let lanes =
        V::load(witness, &[0, 1, 2, 3, 4, 5, 6, 7].map(|n: u64| n.swap_bytes() >> run.shift));
    let (mut base, mut skipped) = (first & !(V::COUNT as u64 - 1), u32::MAX);
    skipped <<= first - base;
    loop {
        let differs = V::splat(witness, base.swap_bytes() >> run.shift).xor(lanes);
        for Term { to, rotation } in run.spread {
            moved[to & 31] = fixed[to & 31].xor(differs.rotate_by(rotation));
        }
        let word = finish(witness, moved.first_chunk()?, run.extra_block, zeros);
        let hits = word.without(zeros.mask()) & skipped;
        if hits != 0 {
            let nonce = base + u64::from(hits.trailing_zeros());
            return (nonce <= last).then_some(nonce);
        }
        if last - base < V::COUNT as u64 {
            return None;
        }
        (base, skipped) = (base + V::COUNT as u64, u32::MAX);
    }
}

/// Completes the hash from χ of the first round on, and returns the one word of the digest that has the zeros.
#[inline(always)]
fn finish<V: Lanes>(witness: V::Witness, moved: &[V; 25], extra_block: bool, zeros: Zeros) -> V {
    let mut state = chi(moved);
    state[0] = state[0].xor(V::splat(witness, ROUND_CONSTANTS[0]));
    if extra_block {
        rounds(witness, &mut state, 1, ROUNDS);
        state[0] = state[0].xor(V::splat(witness, 1));
        state[RATE / 8 - 1] = state[RATE / 8 - 1].xor(V::splat(witness, PADDING_END));
        rounds(witness, &mut state, 0, 1);
    }
    rounds(witness, &mut state, 1, ROUNDS - 1);
    match zeros {
        Zeros::Leading(_) => last_round_word_0(witness, &state),
        Zeros::Trailing(_) => last_round_word_3(&state),
    }
}
