//! What the permutation asks of a vector: words of several states, one word of each.

/// One word of each of several states, side by side.
///
/// A value of an implementing type is made from a [`Proof`](Self::Proof) that the processor has the
/// instructions, so that its operations are safe to call. They are all `#[inline(always)]`: they must
/// end up in a function that switches those instructions on, or each would be a call.
pub(crate) trait Lanes: Copy {
    /// What only exists on a processor that has the instructions.
    type Proof: Copy;

    /// The same word in every state.
    fn splat(proof: Self::Proof, word: u64) -> Self;

    /// `self ^ b`
    fn xor(self, b: Self) -> Self;

    /// `self ^ b ^ c`. Where that takes two instructions, `b ^ c` is the first.
    fn xor3(self, b: Self, c: Self) -> Self;

    /// `self ^ (!b & c)`
    fn chi(self, b: Self, c: Self) -> Self;

    /// Rotates every word to the left by `LEFT` bits. `RIGHT` is `64 - LEFT`, which a constant
    /// parameter cannot be computed from in stable Rust.
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self;
}

/// A plain word is one state, on any processor.
impl Lanes for u64 {
    type Proof = ();

    #[inline(always)]
    fn splat((): (), word: u64) -> Self {
        word
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
}
