//! Keccak-256 of one message, with a state that can go on after its digest was read.

use core::fmt;

use crate::{
    Kernel,
    arch::wipe::wipe,
    block::{Digest, RATE, digest_of},
    permutation::State,
};

/// A running Keccak-256: [`update`](Self::update) absorbs data, [`digest`](Self::digest) reads the digest so far,
/// [`finalize`](Self::finalize) ends.
///
/// A clone is an independent state that has absorbed the same data. Cloning copies about 210 bytes and runs no
/// permutation. The state is wiped on drop and not shown by `Debug`, because in RLPx it is equivalent to the MAC secret.
///
/// The input has no maximum length. No operation fails or allocates.
#[derive(Clone)]
pub struct Keccak256 {
    /// The state, with the bytes of the current block already added.
    state: State,
    /// Number of bytes of the current block, less than [`RATE`].
    filled: usize,
    kernel: Kernel,
}

impl Keccak256 {
    /// A state that has absorbed nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::with_kernel(Kernel::best())
    }

    /// A state that has absorbed nothing and uses the given kernel.
    #[must_use]
    pub const fn with_kernel(kernel: Kernel) -> Self {
        Self::resume([0; 25], kernel)
    }

    /// Goes on from a state that has absorbed whole blocks.
    pub(crate) const fn resume(state: State, kernel: Kernel) -> Self {
        Self { state, filled: 0, kernel }
    }

    /// The state with the bytes of the current block added, and their number.
    pub(crate) const fn parts(&self) -> (&State, usize) {
        (&self.state, self.filled)
    }

    /// The kernel that it uses.
    #[must_use]
    pub const fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Absorbs `data`. The digest depends on the concatenation of all updates, not on how the data was split.
    ///
    /// Costs a permutation for every 136 bytes.
    pub fn update(&mut self, data: &[u8]) {
        let mut data = data;
        if self.filled > 0 {
            let Some((head, tail)) = data.split_at_checked(RATE - self.filled) else {
                xor_bytes(&mut self.state, self.filled, data);
                self.filled += data.len();
                return;
            };
            // The beginning of the block is already in the state.
            let mut block = [0; RATE];
            block[self.filled..].copy_from_slice(head);
            self.kernel.absorb(&mut self.state, &[block]);
            data = tail;
        }
        let (blocks, rest) = data.as_chunks();
        if !blocks.is_empty() {
            self.kernel.absorb(&mut self.state, blocks);
        }
        xor_bytes(&mut self.state, 0, rest);
        self.filled = rest.len();
    }

    /// [`update`](Self::update) by value, for hashing several pieces in one expression.
    ///
    /// ```
    /// use keccak_lanes::{Keccak256, keccak256};
    ///
    /// assert_eq!(Keccak256::new().chain(b"ab").chain(b"c").finalize(), keccak256(b"abc"));
    /// ```
    #[must_use]
    pub fn chain(mut self, data: &[u8]) -> Self {
        self.update(data);
        self
    }

    /// The digest of everything absorbed so far. Does not change the state.
    ///
    /// Costs a copy of the state and one permutation, independent of the length of the input.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.clone().finalize()
    }

    /// The digest of everything absorbed, consuming the state.
    #[must_use]
    pub fn finalize(mut self) -> Digest {
        xor_bytes(&mut self.state, self.filled, &[0x01]);
        xor_bytes(&mut self.state, RATE - 1, &[0x80]);
        self.kernel.absorb(&mut self.state, &[[0; RATE]]);
        digest_of(&self.state)
    }
}

impl Default for Keccak256 {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Keccak256 {
    fn drop(&mut self) {
        wipe(&mut self.state);
    }
}

impl fmt::Debug for Keccak256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keccak256").finish_non_exhaustive()
    }
}

/// The Keccak-256 digest of `data` in one call.
///
/// ```
/// let empty = keccak_lanes::keccak256(b"");
/// assert_eq!(empty[..4], [0xc5, 0xd2, 0x46, 0x01]);
/// ```
#[must_use]
pub fn keccak256(data: &[u8]) -> Digest {
    Keccak256::new().chain(data).finalize()
}

/// Adds (XOR) bytes to a state, starting at the byte `at`. They must fit into the state.
fn xor_bytes(state: &mut State, at: usize, bytes: &[u8]) {
    let (mut at, mut bytes) = (at, bytes);
    while !bytes.is_empty() {
        let within = at % 8;
        let (head, tail) = bytes.split_at(bytes.len().min(8 - within));
        let mut word = [0; 8];
        word[within..within + head.len()].copy_from_slice(head);
        state[at / 8] ^= u64::from_le_bytes(word);
        (at, bytes) = (at + head.len(), tail);
    }
}
