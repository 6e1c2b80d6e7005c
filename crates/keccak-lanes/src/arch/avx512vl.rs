//! One state with AVX-512VL.
//!
//! `permutation.rs` keeps one word of each state in a vector, so with a single state most of the vector would be
//! empty. Here a vector of 128 bits holds *two rows* of a column. A round then takes 86 instructions, compared with
//! 105 for `permutation.rs` and 130 for plain words:
//!
//! ```text
//! upper[x] = rows 0 and 1    middle[x] = rows 2 and 3    last[x] = row 4, twice
//! ```
//!
//! θ and ρ treat both halves alike. π turns rows into columns: the words of the new column `x` were in the old row
//! `x`, all in the same half. So any two rows of the new column need one unpack instruction. Within 128 bits it takes
//! one cycle; across 256 or 512 bits it takes four or five, which is why vectors that hold a row of five words are
//! slower (measured).

// The compiler unrolls `array::from_fn` early enough to keep the array in registers. It does not for a loop over `0..5`.
use core::{
    arch::x86_64::{
        __m128i, _mm_cvtsi128_si64, _mm_rol_epi64, _mm_rolv_epi64, _mm_set_epi64x,
        _mm_shuffle_epi32, _mm_ternarylogic_epi64, _mm_unpackhi_epi64, _mm_unpacklo_epi64,
        _mm_xor_si128,
    },
    array::from_fn,
};

use crate::{
    block::{Block, RATE, word},
    permutation::{ROTATIONS, ROUND_CONSTANTS, State},
};

/// Truth tables for `vpternlogq`.
pub(super) const XOR3: i32 = 0x96;
pub(super) const CHI: i32 = 0xd2;

/// The state, column by column.
#[derive(Clone, Copy)]
struct Columns {
    upper: [__m128i; 5],
    middle: [__m128i; 5],
    last: [__m128i; 5],
}

/// Absorbs whole blocks.
#[target_feature(enable = "avx512f,avx512vl")]
pub(super) fn absorb(state: &mut State, blocks: &[Block]) {
    let mut columns = load(state);
    for block in blocks {
        for x in 0..5 {
            columns.upper[x] = xor(columns.upper[x], pair(word(block, x), word(block, x + 5)));
            // A block ends two words into row 3; the rest of the state is the capacity.
            let below = if x + 15 < RATE / 8 { word(block, x + 15) } else { 0 };
            columns.middle[x] = xor(columns.middle[x], pair(word(block, x + 10), below));
        }
        for constant in ROUND_CONSTANTS {
            columns = round(columns, constant);
        }
    }
    store(columns, state);
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn round(state: Columns, constant: u64) -> Columns {
    let Columns { upper, middle, last } = theta_rho(state);
    // The word at the new column x and row y was at the old row x and column x + 3y.
    macro_rules! row {
        ($y0:literal $y1:literal) => {
            [
                _mm_unpacklo_epi64(upper[3 * $y0 % 5], upper[3 * $y1 % 5]),
                _mm_unpackhi_epi64(upper[(1 + 3 * $y0) % 5], upper[(1 + 3 * $y1) % 5]),
                _mm_unpacklo_epi64(middle[(2 + 3 * $y0) % 5], middle[(2 + 3 * $y1) % 5]),
                _mm_unpackhi_epi64(middle[(3 + 3 * $y0) % 5], middle[(3 + 3 * $y1) % 5]),
                _mm_unpacklo_epi64(last[(4 + 3 * $y0) % 5], last[(4 + 3 * $y1) % 5]),
            ]
        };
    }
    let mut upper = chi(row!(0 1));
    upper[0] = xor(upper[0], pair(constant, 0));
    Columns { upper, middle: chi(row!(2 3)), last: chi(row!(4 4)) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn theta_rho(state: Columns) -> Columns {
    let Columns { upper, middle, last } = state;
    let parity: [__m128i; 5] = from_fn(|x| {
        let both = xor(upper[x], middle[x]);
        xor3(both, _mm_shuffle_epi32::<SWAP>(both), last[x])
    });
    let rotated: [__m128i; 5] = from_fn(|x| _mm_rol_epi64::<1>(parity[x]));
    let beside = |x: usize, word| xor3(word, parity[(x + 4) % 5], rotated[(x + 1) % 5]);
    Columns {
        upper: from_fn(|x| _mm_rolv_epi64(beside(x, upper[x]), rotations(x, 0, 1))),
        middle: from_fn(|x| _mm_rolv_epi64(beside(x, middle[x]), rotations(x, 2, 3))),
        last: from_fn(|x| _mm_rolv_epi64(beside(x, last[x]), rotations(x, 4, 4))),
    }
}

/// Swaps the halves of a vector.
const SWAP: i32 = 0b01_00_11_10;

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn chi(row: [__m128i; 5]) -> [__m128i; 5] {
    from_fn(|x| _mm_ternarylogic_epi64::<CHI>(row[x], row[(x + 1) % 5], row[(x + 2) % 5]))
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn xor(a: __m128i, b: __m128i) -> __m128i {
    _mm_xor_si128(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn xor3(a: __m128i, b: __m128i, c: __m128i) -> __m128i {
    _mm_ternarylogic_epi64::<XOR3>(a, b, c)
}

/// The rotations of ρ for the words of column `x` in the rows `y0` and `y1`, in bits.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn rotations(x: usize, y0: usize, y1: usize) -> __m128i {
    pair(ROTATIONS[x + 5 * y0].into(), ROTATIONS[x + 5 * y1].into())
}

/// Two words, the first in the lower half.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn pair(low: u64, high: u64) -> __m128i {
    _mm_set_epi64x(high.cast_signed(), low.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn load(state: &State) -> Columns {
    Columns {
        upper: from_fn(|x| pair(state[x], state[x + 5])),
        middle: from_fn(|x| pair(state[x + 10], state[x + 15])),
        last: from_fn(|x| pair(state[x + 20], state[x + 20])),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn store(columns: Columns, state: &mut State) {
    for x in 0..5 {
        [state[x], state[x + 5]] = words(columns.upper[x]);
        [state[x + 10], state[x + 15]] = words(columns.middle[x]);
        [state[x + 20], _] = words(columns.last[x]);
    }
}

/// Both words of a vector.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn words(pair: __m128i) -> [u64; 2] {
    let high = _mm_unpackhi_epi64(pair, pair);
    [_mm_cvtsi128_si64(pair).cast_unsigned(), _mm_cvtsi128_si64(high).cast_unsigned()]
}
