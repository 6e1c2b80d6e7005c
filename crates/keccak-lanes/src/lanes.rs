//! The vector operations that the permutation needs.

/// Maximum number of lanes of any vector.
pub(crate) const MAX_LANES: usize = 8;

/// A vector: one word of each of several states.
///
/// Making a value requires a [`Witness`](Self::Witness) that the processor has the instructions, so all operations are
/// safe to call. They are `#[inline(always)]` because they must be inlined into a function with the target features;
/// otherwise each would be a call.
pub(crate) trait Lanes: Copy {
    /// A value that exists only on a processor that has the instructions.
    type Witness: Copy;

    /// Number of lanes, at most [`MAX_LANES`].
    const COUNT: usize;

    /// The same word in every state.
    fn splat(witness: Self::Witness, word: u64) -> Self;

    /// Loads the first [`COUNT`](Self::COUNT) words, one for each state.
    fn load(witness: Self::Witness, words: &[u64; MAX_LANES]) -> Self;

    /// Stores into the first [`COUNT`](Self::COUNT) words. The others keep their value.
    fn store(self, words: &mut [u64; MAX_LANES]);

    /// `self ^ b`
    fn xor(self, b: Self) -> Self;

    /// `self ^ b ^ c`. If that takes two instructions, `b ^ c` is computed first.
    fn xor3(self, b: Self, c: Self) -> Self;

    /// `self ^ (!b & c)`
    fn chi(self, b: Self, c: Self) -> Self;

    /// Rotates every word to the left by `LEFT` bits. `RIGHT` must be `64 - LEFT`: stable Rust cannot compute one
    /// constant parameter from another.
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self;

    /// Rotates every word to the left by a number of bits below 64 that is known only at run time.
    fn rotate_by(self, left: u32) -> Self;

    /// A bit mask of the words that have no bit in common with `mask`. The lowest bit is for the first state.
    fn without(self, mask: u64) -> u32;
}

/// A plain word is a vector with one lane, on any processor.
impl Lanes for u64 {
    type Witness = ();

    const COUNT: usize = 1;

    #[inline(always)]
    fn splat((): (), word: u64) -> Self {
        word
    }

    #[inline(always)]
    fn load((): (), words: &[u64; MAX_LANES]) -> Self {
        words[0]
    }

    #[inline(always)]
    fn store(self, words: &mut [u64; MAX_LANES]) {
        words[0] = self;
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        self ^ b
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self ^ (b ^ c)
    }

    #[inline(always)]
    fn chi(self, b: Self, c: Self) -> Self {
        self ^ (!b & c)
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        self.rotate_left(LEFT.unsigned_abs())
    }

    #[inline(always)]
    fn rotate_by(self, left: u32) -> Self {
        self.rotate_left(left)
    }

    #[inline(always)]
    fn without(self, mask: u64) -> u32 {
        u32::from(self & mask == 0)
    }
}
