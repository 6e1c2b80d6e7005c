//! Keccak-256 of one message, with a state that lives on after a look at its digest.

use core::fmt;

use crate::{Kernel, arch::wipe::wipe, permutation::State};

/// What Keccak-256 gives: 32 bytes, in the order in which they go on the wire.
pub type Digest = [u8; 32];

/// How many bytes a permutation absorbs: 1600 bits less twice the 256 of the digest.
pub(crate) const RATE: usize = 136;

/// What a permutation absorbs.
pub(crate) type Block = [u8; RATE];

/// A running Keccak-256: absorb with [`update`](Self::update), look with [`digest`](Self::digest),
/// end with [`finalize`](Self::finalize).
///
/// A clone is an independent state that has absorbed the same input so far; it copies some 210 bytes
/// and runs no permutation. The state is wiped when it is dropped and never shown by `Debug`,
/// because in RLPx it is as good as the MAC secret.
///
/// There is no limit on the input, and no operation can fail or allocates.
#[derive(Clone)]
pub struct Keccak256 {
    /// What has been absorbed, the bytes of an unfinished block already added.
    state: State,
    /// How many bytes of the unfinished block there are, less than [`RATE`].
    filled: usize,
    kernel: Kernel,
}

impl Keccak256 {
    /// A state that has absorbed nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::with_kernel(Kernel::best())
    }

    /// The same, with a kernel of one's choice.
    #[must_use]
    pub const fn with_kernel(kernel: Kernel) -> Self {
        Self::resume([0; 25], kernel)
    }

    /// A state that has absorbed whole blocks.
    pub(crate) const fn resume(state: State, kernel: Kernel) -> Self {
        Self { state, filled: 0, kernel }
    }

    /// The state with the bytes of the unfinished block added, and how many there are.
    pub(crate) const fn parts(&self) -> (&State, usize) {
        (&self.state, self.filled)
    }

    /// The kernel that it uses.
    #[must_use]
    pub const fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Absorbs `data`. Only the concatenation of all updates counts, not where they were cut.
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
            // The beginning of the block is in the state already.
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

    /// The digest of everything absorbed so far. The state goes on as if nobody had looked.
    ///
    /// Costs a copy of the state and one permutation, whatever has been absorbed before.
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

/// The word of that index in a block.
#[inline(always)]
pub(crate) fn word(block: &Block, index: usize) -> u64 {
    block.as_chunks().0.get(index).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The last block of a message that ends with `rest`, shorter than a block.
#[inline(always)]
pub(crate) fn padded(rest: &[u8]) -> Block {
    let mut block = [0; RATE];
    block[..rest.len()].copy_from_slice(rest);
    block[rest.len()] = 0x01;
    block[RATE - 1] |= 0x80;
    block
}

/// Adds a whole block to a state.
#[inline(always)]
pub(crate) fn xor_block(state: &mut State, block: &Block) {
    for (index, lane) in state.iter_mut().enumerate().take(RATE / 8) {
        *lane ^= word(block, index);
    }
}

/// Adds bytes to a state from the byte `at` on. They must not reach beyond its end.
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

/// The first words of a state as bytes.
pub(crate) fn digest_of(state: &State) -> Digest {
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_le_bytes();
    }
    digest
}
