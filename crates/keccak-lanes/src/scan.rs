//! Trying nonces, as many at a time as a vector has words.

use crate::{
    Zeros,
    lanes::{Lanes, MOST},
    permutation::{
        ROTATIONS, ROUND_CONSTANTS, ROUNDS, State, chi, last_round_word_0, last_round_word_3,
        parities, rounds, theta_rho_pi,
    },
    sponge::RATE,
};

/// The first permutation that a nonce goes through, prepared as far as it does not depend on the nonce.
///
/// In the first round a nonce of 8 bytes changes one word of the state, or two neighbours. θ carries
/// each of them to the columns beside it, which makes 11 words; everything else stands before the nonce
/// is known. θ, ρ and π are linear, so that what the nonce changes can be added after them.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// The state of nonce 0 after θ, ρ and π of the first round.
    moved: State,
    /// By how many bits the nonce is shifted within its word.
    shift: u32,
    /// What its first bytes change.
    low: Spread,
    /// What the bytes beyond that word change, where there are any in the same block.
    high: Option<Spread>,
    /// Where the end of the nonce or the padding is in another block: the first word of that block, for
    /// nonce 0.
    second: Option<u64>,
}

/// Where one word of a state gets to in the linear part of a round.
#[derive(Clone, Debug)]
struct Spread([Term; 11]);

/// The word, rotated by `rotation`, is added to the word with the index `to`.
#[derive(Clone, Copy, Debug)]
struct Term {
    to: usize,
    rotation: u32,
    /// Whether something else has been added to that word before.
    again: bool,
}

/// The padding's last bit, in the last word of a block.
const LAST_BIT: u64 = 1 << 63;

impl Template {
    /// For a nonce behind `filled` bytes of the block that has been added to `state`.
    pub(crate) fn new(mut state: State, filled: usize) -> Self {
        let (word, within) = (filled / 8, filled % 8);
        let end = filled + 8;
        let fits = end < RATE;
        if fits {
            state[end / 8] ^= 1 << (8 * (end % 8));
            state[RATE / 8 - 1] ^= LAST_BIT;
        }
        let (low, mut high) = (Spread::of(word), Spread::of(word + 1));
        for term in &mut high.0 {
            term.again = low.0.iter().any(|before| before.to == term.to);
        }
        Self {
            moved: theta_rho_pi(&state, &parities(&state)),
            shift: [0, 8, 16, 24, 32, 40, 48, 56][within],
            low,
            high: (fits && within > 0).then_some(high),
            second: (!fits).then(|| 1 << (8 * (end - RATE))),
        }
    }
}

impl Spread {
    /// Where the word of this index gets to.
    fn of(word: usize) -> Self {
        let (column, mut terms) = (word % 5, [Term::from(word, 0); 11]);
        let (right, left) = ((column + 1) % 5, (column + 4) % 5);
        for (row, pair) in terms.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            *pair = [Term::from(5 * row + right, 0), Term::from(5 * row + left, 1)];
        }
        Self(terms)
    }

    /// Adds a word of each state to the words that it gets to: to what they are without it, unless
    /// something has been added to them before.
    #[inline(always)]
    fn add<V: Lanes>(&self, word: V, without: &[V; 25], moved: &mut [V; 25]) {
        for Term { to, rotation, again } in self.0 {
            let before = if again { moved[to] } else { without[to] };
            moved[to] = before.xor(word.rotate_by(rotation));
        }
    }
}

impl Term {
    /// Where ρ and π bring the word of this index, after θ has rotated it.
    fn from(index: usize, theta: u32) -> Self {
        let (x, y) = (index % 5, index / 5);
        Self {
            to: y + 5 * ((2 * x + 3 * y) % 5),
            rotation: (ROTATIONS[index] + theta) % 64,
            again: false,
        }
    }
}

/// Which of the `count` nonces from `start` on is the first with these zeros; more than 64 of them are
/// not looked at.
#[inline(always)]
pub(crate) fn scan<V: Lanes>(
    proof: V::Proof,
    template: &Template,
    zeros: Zeros,
    start: u64,
    count: u64,
) -> Option<u64> {
    let mut fixed = [V::splat(proof, 0); 25];
    for (fixed, word) in fixed.iter_mut().zip(&template.moved) {
        *fixed = V::splat(proof, *word);
    }
    let mut moved = fixed;
    let mask = zeros.mask();
    let mut done = 0;
    while done < count {
        let (low, high) = nonces(template.shift, start.wrapping_add(done));
        template.low.add(V::load(proof, &low), &fixed, &mut moved);
        if let Some(spread) = &template.high {
            spread.add(V::load(proof, &high), &fixed, &mut moved);
        }
        let mut state = chi(&moved);
        state[0] = state[0].xor(V::splat(proof, ROUND_CONSTANTS[0]));
        if let Some(word) = template.second {
            rounds(proof, &mut state, 1, ROUNDS);
            let word = V::splat(proof, word).xor(V::load(proof, &high));
            state[0] = state[0].xor(word);
            state[RATE / 8 - 1] = state[RATE / 8 - 1].xor(V::splat(proof, LAST_BIT));
            rounds(proof, &mut state, 0, 1);
        }
        rounds(proof, &mut state, 1, ROUNDS - 1);
        let word = match zeros {
            Zeros::Leading(_) => last_round_word_0(proof, &state),
            Zeros::Trailing(_) => last_round_word_3(&state),
        };
        let hits = u64::from(word.without(mask).trailing_zeros());
        if hits < (V::COUNT as u64).min(count - done) {
            return Some(start.wrapping_add(done + hits));
        }
        done += V::COUNT as u64;
    }
    None
}

/// The bytes of as many nonces as any vector takes, in the words that they lie in: those in the first
/// word, and those beyond.
#[inline(always)]
fn nonces(shift: u32, first: u64) -> ([u64; MOST], [u64; MOST]) {
    let (mut low, mut high) = ([0; MOST], [0; MOST]);
    for lane in 0..MOST {
        // Big-endian as a number, so that the first byte is the lowest of a word.
        let nonce = first.wrapping_add(lane as u64).swap_bytes();
        low[lane] = nonce << shift;
        high[lane] = (nonce >> 1) >> (63 - shift);
    }
    (low, high)
}
