//! Who is at the other end of a session.

use p2p_identity::NodeId;
use p2p_mux::Peer;
use whisper_envelope::Dialect;

/// Who is at the other end of a session, as far as that is known before a word of Whisper is said.
///
/// Of an id alone, it speaks shh/6:
///
/// ```
/// use p2p_mux::identity::SecretKey;
/// use whisper_node::{Dialect, Remote};
///
/// let id = SecretKey::random(&mut rand::rng()).id();
/// assert_eq!(Remote::from(id), Remote::new(Dialect::V6, id));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The id that it proved to have.
    pub id: NodeId,
    /// The dialect that was agreed on.
    pub dialect: Dialect,
}

impl Remote {
    /// A peer of which nothing else is known.
    #[must_use]
    pub fn new(dialect: Dialect, id: NodeId) -> Self {
        Self { id, dialect }
    }

    /// The other end of a connection.
    pub(crate) fn of(dialect: Dialect, peer: &Peer) -> Self {
        Self::new(dialect, peer.id())
    }
}

impl From<NodeId> for Remote {
    fn from(id: NodeId) -> Self {
        Self::new(Dialect::V6, id)
    }
}
