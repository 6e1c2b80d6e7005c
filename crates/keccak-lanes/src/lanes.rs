//! What the permutation asks of a vector: words of several states, one word of each.

/// The most states that any vector has words of.
pub(crate) const MOST: usize = 8;

/// One word of each of several states, side by side.
///
/// A value of an implementing type is made from a [`Proof`](Self::Proof) that the processor has the
/// instructions, so that its operations are safe to call. They are all `#[inline(always)]`: they must
/// end up in a function that switches those instructions on, or each would be a call.
pub(crate) trait Lanes: Copy {
    /// What only exists on a processor that has the instructions.
    type Proof: Copy;

    /// How many states, at most [`MOST`].
    const COUNT: usize;

    /// The same word in every state.
    fn splat(proof: Self::Proof, word: u64) -> Self;

    /// The first [`COUNT`](Self::COUNT) of these words, one for each state.
    fn load(proof: Self::Proof, words: &[u64; MOST]) -> Self;

    /// The reverse of [`load`](Self::load); leaves the words beyond alone.
    fn store(self, words: &mut [u64; MOST]);

    /// `self ^ b`
    fn xor(self, b: Self) -> Self;

    /// `self ^ b ^ c`. Where that takes two instructions, `b ^ c` is the first.
    fn xor3(self, b: Self, c: Self) -> Self;

    /// `self ^ (!b & c)`
    fn chi(self, b: Self, c: Self) -> Self;

    /// Rotates every word to the left by `LEFT` bits. `RIGHT` is `64 - LEFT`, which a constant
    /// parameter cannot be computed from in stable Rust.
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self;

    /// Rotates every word to the left by as many bits as known only at run time, less than 64.
    fn rotate_by(self, left: u32) -> Self;

    /// Which words have no bit in common with `mask`: the lowest bit speaks of the first state.
    fn without(self, mask: u64) -> u32;
}

/// A plain word is one state, on any processor.
impl Lanes for u64 {
    type Proof = ();

    const COUNT: usize = 1;

    #[inline(always)]
    fn splat((): (), word: u64) -> Self {
        word
    }

    #[inline(always)]
    fn load((): (), words: &[u64; MOST]) -> Self {
        words[0]
    }

    #[inline(always)]
    fn store(self, words: &mut [u64; MOST]) {
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
