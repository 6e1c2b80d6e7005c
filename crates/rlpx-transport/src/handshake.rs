//! The handshake (RLPx, "Initial Handshake"; EIP-8): auth one way, ack the other.

mod initiator;
mod message;
mod packet;
mod recipient;
#[cfg(test)]
mod tests;

use p2p_identity::SecretKey;
use rand_core::CryptoRng;

pub use initiator::Initiator;
pub use packet::MAX_HANDSHAKE_SIZE;
pub use recipient::{Accepted, Recipient};

/// A number used once, from which each end's share of the secrets comes.
pub(crate) type Nonce = [u8; 32];

/// What a step of the handshake came to.
#[must_use]
#[derive(Debug)]
pub enum Step<S, T> {
    /// The packet is not complete: call again with this machine when more bytes have come. How
    /// long to wait for them is the caller's decision; set a deadline for the whole handshake.
    NeedMore(S),
    /// The step is done.
    Done(T),
}

/// What an end makes anew for every handshake. Whoever had it could read the connection later on.
struct Fresh {
    key: SecretKey,
    nonce: Nonce,
}

impl Fresh {
    fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let key = SecretKey::random(rng);
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        Self { key, nonce }
    }
}
