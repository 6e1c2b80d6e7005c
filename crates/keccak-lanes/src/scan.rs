//! Trying nonces, as many at a time as a vector has words.

use crate::{
    Zeros,
    lanes::Lanes,
    permutation::{
        ROTATIONS, ROUND_CONSTANTS, ROUNDS, State, chi, last_round_word_0, last_round_word_3,
        parities, permute, rounds, theta_rho_pi,
    },
    sponge::RATE,
};

/// A run of nonces that differ in one word of the state alone, prepared as far as they are the same.
///
/// A nonce of 8 bytes lies in one word, or in two that are neighbours. Where it lies in two, only the
/// second one changes from nonce to nonce, until all its bytes have been through; and where that one is
/// in the next block, the first block is the same for the whole run.
///
/// In the first round, θ carries the word that differs to the columns beside it, which makes 11 words;
/// all others stand before the nonce is known. θ, ρ and π are linear, so that what the nonce changes can be
/// added after them.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// The state after θ, ρ and π of the first round, for a nonce with nothing in the word that differs.
    moved: State,
    /// Where that word gets to.
    spread: [Term; 11],
    /// By how many bits to shift a nonce, its first byte lowest, so that the bytes in that word remain.
    shift: u32,
    /// Whether the padding has a block to itself.
    another: bool,
}

/// The word that differs, rotated by `rotation`, is added to the word with the index `to`.
#[derive(Clone, Copy, Debug)]
struct Term {
    to: usize,
    rotation: u32,
}

/// How many bits so many bytes are.
const BITS: [u32; 8] = [0, 8, 16, 24, 32, 40, 48, 56];

/// The padding's last bit, in the last word of a block.
const LAST_BIT: u64 = 1 << 63;

impl Run {
    /// The run that `nonce` is in, behind `filled` bytes of the block that has been added to `state`, and
    /// the last nonce of the run.
    pub(crate) fn with(nonce: u64, mut state: State, filled: usize) -> (Self, u64) {
        let (within, end) = (filled % 8, filled + 8);
        let bytes = nonce.swap_bytes();
        let (differs, shift) = if within == 0 {
            (filled / 8, 0)
        } else {
            state[filled / 8] ^= bytes << BITS[within];
            (end / 8, 64 - BITS[within])
        };
        let another = end == RATE;
        let differs = if differs == RATE / 8 { 0 } else { differs };
        if end > RATE {
            permute((), &mut state);
        }
        if !another {
            state[end % RATE / 8] ^= 1 << BITS[end % 8];
            state[RATE / 8 - 1] ^= LAST_BIT;
        }
        let moved = theta_rho_pi(&state, &parities(&state));
        (Self { moved, spread: spread(differs), shift, another }, nonce | u64::MAX >> shift)
    }
}

/// Where the word of this index gets to in the linear part of a round.
fn spread(word: usize) -> [Term; 11] {
    let (column, mut terms) = (word % 5, [Term::from(word, 0); 11]);
    let (right, left) = ((column + 1) % 5, (column + 4) % 5);
    for (row, pair) in terms.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        *pair = [Term::from(5 * row + right, 0), Term::from(5 * row + left, 1)];
    }
    terms
}

impl Term {
    /// Where ρ and π bring the word of this index, after θ has rotated it.
    fn from(index: usize, theta: u32) -> Self {
        let (x, y) = (index % 5, index / 5);
        Self { to: y + 5 * ((2 * x + 3 * y) % 5), rotation: (ROTATIONS[index] + theta) % 64 }
    }
}

/// The first nonce with these zeros, of those from `first` to `last` within the run; more than 64 zeros
/// are not looked at.
#[inline(always)]
pub(crate) fn scan<V: Lanes>(
    proof: V::Proof,
    run: &Run,
    zeros: Zeros,
    first: u64,
    last: u64,
) -> Option<u64> {
    // As many as five bits can count, so that no index is out of bounds.
    let mut moved = [V::splat(proof, 0); 32];
    for (moved, word) in moved.iter_mut().zip(&run.moved) {
        *moved = V::splat(proof, *word);
    }
    let fixed = moved;
    // Vectors begin at multiples of their length, so that within one no addition carries.
    let lanes = V::load(proof, &[0, 1, 2, 3, 4, 5, 6, 7].map(|n: u64| n.swap_bytes() >> run.shift));
    let (mut base, mut skipped) = (first & !(V::COUNT as u64 - 1), u32::MAX);
    skipped <<= first - base;
    loop {
        let differs = V::splat(proof, base.swap_bytes() >> run.shift).xor(lanes);
        for Term { to, rotation } in run.spread {
            moved[to & 31] = fixed[to & 31].xor(differs.rotate_by(rotation));
        }
        let word = finish(proof, moved.first_chunk()?, run.another, zeros);
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

/// From χ of the first round to the one word of the digest that is looked at.
#[inline(always)]
fn finish<V: Lanes>(proof: V::Proof, moved: &[V; 25], another: bool, zeros: Zeros) -> V {
    let mut state = chi(moved);
    state[0] = state[0].xor(V::splat(proof, ROUND_CONSTANTS[0]));
    if another {
        rounds(proof, &mut state, 1, ROUNDS);
        state[0] = state[0].xor(V::splat(proof, 1));
        state[RATE / 8 - 1] = state[RATE / 8 - 1].xor(V::splat(proof, LAST_BIT));
        rounds(proof, &mut state, 0, 1);
    }
    rounds(proof, &mut state, 1, ROUNDS - 1);
    match zeros {
        Zeros::Leading(_) => last_round_word_0(proof, &state),
        Zeros::Trailing(_) => last_round_word_3(&state),
    }
}
