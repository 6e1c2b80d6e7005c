//! Keccak-256 of one message, with a state that lives on after a look at its digest.

use core::fmt;

use sha3::Digest as _;

/// What Keccak-256 gives: 32 bytes, in the order in which they go on the wire.
pub type Digest = [u8; 32];

/// A running Keccak-256: absorb with [`update`](Self::update), look with [`digest`](Self::digest),
/// end with [`finalize`](Self::finalize).
///
/// A clone is an independent state that has absorbed the same input so far; it copies some 210 bytes
/// and runs no permutation. The state is wiped when it is dropped and never shown by `Debug`,
/// because in RLPx it is as good as the MAC secret.
///
/// There is no limit on the input, and no operation can fail.
#[derive(Clone, Default)]
pub struct Keccak256 {
    state: sha3::Keccak256,
}

impl Keccak256 {
    /// A state that has absorbed nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Absorbs `data`. Only the concatenation of all updates counts, not where they were cut.
    pub fn update(&mut self, data: &[u8]) {
        self.state.update(data);
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
    pub fn finalize(self) -> Digest {
        self.state.finalize().into()
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
