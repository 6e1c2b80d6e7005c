//! The handshake (RLPx, "Initial Handshake"; EIP-8): auth one way, ack the other.

mod initiator;
mod message;
mod packet;
mod recipient;
mod source;
mod stock;
#[cfg(test)]
mod tests;

pub use initiator::Initiator;
pub use packet::MAX_HANDSHAKE_SIZE;
pub use recipient::{Accepted, Recipient};
pub use stock::{Stock, StockSize};

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
