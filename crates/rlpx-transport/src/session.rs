//! A connection after its handshake: two independent directions.

mod opener;
mod sealer;
#[cfg(test)]
mod tests;

use p2p_identity::NodeId;

pub use opener::Opener;
pub use sealer::Sealer;

/// A connection after its handshake.
///
/// Take it apart freely: the two directions share nothing that changes, and may live in different tasks.
#[derive(Debug)]
pub struct Session {
    /// Who is at the other end. Proven only by the first frame that
    /// [`opener`](Self::opener) opens; until then a recipient may be talking to a replay.
    pub remote: NodeId,
    /// For what is sent.
    pub sealer: Sealer,
    /// For what is received.
    pub opener: Opener,
}
