//! A connection after the handshake: two independent directions.

mod opener;
mod sealer;
#[cfg(test)]
mod tests;

use p2p_identity::NodeId;

pub use opener::Opener;
pub use sealer::Sealer;

/// A connection after the handshake.
///
/// The two directions share no mutable state and can be used in different tasks.
#[derive(Debug)]
pub struct Session {
    /// The id of the peer. It is proven by the first frame that [`opener`](Self::opener) opens; until then,
    /// the auth packet that a recipient received may have been replayed.
    pub remote: NodeId,
    /// Seals messages to be sent.
    pub sealer: Sealer,
    /// Opens received frames.
    pub opener: Opener,
}
