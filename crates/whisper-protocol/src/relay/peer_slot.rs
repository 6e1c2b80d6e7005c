//! Where a connected peer is kept in the relay of its dialect.

use whisper_envelope::Dialect;

/// The place of a connected peer in the relay of its dialect. It is reused after the peer has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerSlot {
    pub(super) dialect: Dialect,
    pub(super) index: usize,
}

impl PeerSlot {
    /// The dialect that the peer speaks.
    pub(crate) fn dialect(self) -> Dialect {
        self.dialect
    }
}
