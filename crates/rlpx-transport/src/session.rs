//! A connection after the handshake: two independent directions.

mod inbound;
mod opener;
mod outbound;
mod sealer;
#[cfg(test)]
mod tests;

use p2p_identity::NodeId;

use crate::Link;

pub use inbound::Opener;
pub(crate) use opener::FrameOpener;
pub use outbound::Sealer;
pub(crate) use sealer::FrameSealer;

/// A connection after the handshake.
///
/// The two directions share no mutable state and can be used in different tasks.
#[derive(Debug)]
pub struct Session {
    /// The id of the peer. It is proven by the first frame or record that [`opener`](Self::opener) opens; until then,
    /// the auth packet that a recipient received may have been replayed.
    pub remote: NodeId,
    /// Seals messages to be sent.
    pub sealer: Sealer,
    /// Opens received messages.
    pub opener: Opener,
}

impl Session {
    /// How the connection is encrypted.
    #[must_use]
    pub const fn link(&self) -> Link {
        self.sealer.link()
    }
}
