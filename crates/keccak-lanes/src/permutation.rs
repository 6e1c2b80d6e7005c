//! Keccak-f\[1600\] for any number of states side by side (FIPS 202, section 3).
//!
//! The word at column `x` and row `y` has the index `x + 5 * y`.

use crate::lanes::Lanes;

/// Number of words of a state.
pub(crate) const WORDS: usize = 25;

/// Number of rounds of the permutation.
pub(crate) const ROUNDS: usize = 24;

/// A state in memory, between permutations.
pub(crate) type State = [u64; WORDS];

/// The constants that ι adds to the first word, one for each round.
pub(crate) const ROUND_CONSTANTS: [u64; ROUNDS] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// The rotations of ρ: for each word, the number of bits to the left.
pub(crate) const ROTATIONS: [u32; WORDS] = [
    0, 1, 62, 28, 27, //
    36, 44, 6, 55, 20, //
    3, 10, 43, 25, 39, //
    41, 45, 15, 21, 8, //
    18, 2, 61, 56, 14,
];

/// Applies all rounds.
#[inline(always)]
pub(crate) fn permute<V: Lanes>(witness: V::Witness, state: &mut [V; WORDS]) {
    rounds(witness, state, 0, ROUNDS);
}

/// Applies the rounds `first..end`.
#[inline(always)]
pub(crate) fn rounds<V: Lanes>(
    witness: V::Witness,
    state: &mut [V; WORDS],
    first: usize,
    end: usize,
) {
    // Two rounds per step: a round leaves the words in other registers, and the next round moves them back.
    let (pairs, odd) = ROUND_CONSTANTS[first..end].as_chunks::<2>();
    for [first, second] in pairs {
        round(state, V::splat(witness, *first));
        round(state, V::splat(witness, *second));
    }
    for constant in odd {
        round(state, V::splat(witness, *constant));
    }
}

/// One round: θ, ρ and π, χ, ι.
#[inline(always)]
pub(crate) fn round<V: Lanes>(state: &mut [V; WORDS], constant: V) {
    let parities = parities(state);
    let moved = theta_rho_pi(state, &parities);
    *state = chi(&moved);
    state[0] = state[0].xor(constant);
}

/// The parity of each column, the first half of θ.
#[inline(always)]
pub(crate) fn parities<V: Lanes>(a: &[V; WORDS]) -> [V; 5] {
    macro_rules! columns {
        ($($x:literal)*) => { [$( a[$x].xor3(a[$x + 5], a[$x + 10]).xor3(a[$x + 15], a[$x + 20]) ),*] };
    }
    columns!(0 1 2 3 4)
}

/// The second half of θ, then ρ and π: adds the parities of the two neighbouring columns to each word, rotates it, and
/// moves it to its new position.
#[inline(always)]
pub(crate) fn theta_rho_pi<V: Lanes>(a: &[V; WORDS], c: &[V; 5]) -> [V; WORDS] {
    let rotated = [
        c[0].rotate::<1, 63>(),
        c[1].rotate::<1, 63>(),
        c[2].rotate::<1, 63>(),
        c[3].rotate::<1, 63>(),
        c[4].rotate::<1, 63>(),
    ];
    // π in reverse: the word at the new (x, y) comes from column x + 3y and row x.
    macro_rules! from {
        ($($index:literal << $left:literal)*) => { [$( {
            const X: usize = $index % 5;
            const LEFT: i32 = $left;
            const { assert!(ROTATIONS[$index] == $left) };
            let word = a[$index].xor3(c[(X + 4) % 5], rotated[(X + 1) % 5]);
            if LEFT == 0 { word } else { word.rotate::<LEFT, { 64 - LEFT }>() }
        } ),*] };
    }
    from!(
        0 << 0   6 << 44  12 << 43  18 << 21  24 << 14
        3 << 28  9 << 20  10 << 3   16 << 45  22 << 61
        1 << 1   7 << 6   13 << 25  19 << 8   20 << 18
        4 << 27  5 << 36  11 << 10  17 << 15  23 << 56
        2 << 62  8 << 55  14 << 39  15 << 41  21 << 2
    )
}

/// χ: combines each word with the two to the right of it.
#[inline(always)]
pub(crate) fn chi<V: Lanes>(b: &[V; WORDS]) -> [V; WORDS] {
    // Not a loop: the compiler would unroll it too late to keep the words in registers.
    macro_rules! rows {
        ($($y:literal)*) => { [$(
            b[$y].chi(b[$y + 1], b[$y + 2]),
            b[$y + 1].chi(b[$y + 2], b[$y + 3]),
            b[$y + 2].chi(b[$y + 3], b[$y + 4]),
            b[$y + 3].chi(b[$y + 4], b[$y]),
            b[$y + 4].chi(b[$y], b[$y + 1]),
        )*] };
    }
    rows!(0 5 10 15 20)
}

/// The last round, computing only the word with index 0.
#[inline(always)]
pub(crate) fn last_round_word_0<V: Lanes>(witness: V::Witness, a: &[V; WORDS]) -> V {
    let c = parities(a);
    let b0 = a[0].xor3(c[4], c[1].rotate::<1, 63>());
    let b1 = a[6].xor3(c[0], c[2].rotate::<1, 63>()).rotate::<44, 20>();
    let b2 = a[12].xor3(c[1], c[3].rotate::<1, 63>()).rotate::<43, 21>();
    b0.chi(b1, b2).xor(V::splat(witness, ROUND_CONSTANTS[ROUNDS - 1]))
}

/// The last round, computing only the word with index 3, the last word of a digest.
#[inline(always)]
pub(crate) fn last_round_word_3<V: Lanes>(a: &[V; WORDS]) -> V {
    let c = parities(a);
    let b0 = a[0].xor3(c[4], c[1].rotate::<1, 63>());
    let b3 = a[18].xor3(c[2], c[4].rotate::<1, 63>()).rotate::<21, 43>();
    let b4 = a[24].xor3(c[3], c[0].rotate::<1, 63>()).rotate::<14, 50>();
    b3.chi(b4, b0)
}

#[cfg(test)]
mod tests {
    use super::{ROUNDS, State, last_round_word_0, last_round_word_3, permute, rounds};

    /// Test vector of the Keccak team.
    #[test]
    fn permutes_the_all_zero_state() {
        let mut state: State = [0; 25];
        permute((), &mut state);
        assert_eq!(state[0], 0xf125_8f79_40e1_dde7);
        assert_eq!(state[24], 0xeaf1_ff7b_5cec_a249);
    }

    #[test]
    fn the_shortened_last_rounds_give_the_same_words() {
        let mut state: State = core::array::from_fn(|index| index as u64);
        rounds((), &mut state, 0, ROUNDS - 1);
        let (word_0, word_3) = (last_round_word_0((), &state), last_round_word_3(&state));
        rounds((), &mut state, ROUNDS - 1, ROUNDS);
        assert_eq!((word_0, word_3), (state[0], state[3]));
    }
}
