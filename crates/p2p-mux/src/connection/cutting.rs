//! How large messages are cut into pieces on a connection.

use rlpx_transport::MAX_PIECE;

use crate::chunk::{Chunks, MAX_WHOLE, PIECE};

/// How large messages are cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cutting {
    /// Each message is one frame.
    Never,
    /// Large messages are several frames, because both ends have `chunk/1`.
    Chunks(Chunks),
    /// A message that does not fit into a record of `sec/1` is in several.
    Records,
}

impl Cutting {
    /// The ids of `chunk/1`, if it is used.
    pub(super) const fn chunks(self) -> Option<Chunks> {
        match self {
            Self::Chunks(chunks) => Some(chunks),
            Self::Never | Self::Records => None,
        }
    }

    /// Size of the pieces of a message of `length` bytes.
    pub(super) const fn piece_size(self, length: usize) -> usize {
        match self {
            Self::Chunks(_) if length > MAX_WHOLE => PIECE,
            Self::Records if length > MAX_PIECE => MAX_PIECE,
            _ => length,
        }
    }
}
