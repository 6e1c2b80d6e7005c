//! The handshake (RLPx, "Initial Handshake"; EIP-8): the initiator sends auth, the recipient answers with ack.

mod foreign;
mod initiator;
mod key_source;
mod message;
mod packet;
mod recipient;
mod stock;
#[cfg(test)]
mod tests;

pub use foreign::ForeignProtocol;
pub use initiator::Initiator;
#[cfg(feature = "tokio")]
pub(crate) use key_source::KeySource;
pub use packet::MAX_HANDSHAKE_SIZE;
pub use recipient::{Accepted, Recipient};
pub use stock::{Stock, StockSize};

/// Random bytes, used once: each side contributes one nonce to the secrets.
pub(crate) type Nonce = [u8; 32];

/// The outcome of a step of the handshake.
#[must_use]
#[derive(Debug)]
pub enum HandshakeStep<S, T> {
    /// The packet is not complete. Call again with this machine when more bytes have arrived. The caller sets a
    /// deadline for the whole handshake.
    NeedMore(S),
    /// The step is done.
    Done(T),
}
