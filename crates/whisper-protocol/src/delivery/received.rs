//! A message as a filter's owner gets it.

use p2p_identity::PublicKey;
use whisper_envelope::{Message, Topic};

/// Bytes that a message is taken to cost in a mailbox besides its content.
const OVERHEAD: usize = 512;

/// An opened message with what the envelope around it said.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// Payload, padding and signer.
    pub message: Message,
    /// Hash of the envelope.
    pub hash: [u8; 32],
    /// Work of the envelope, as found on arrival; 0 where its time to live is 0.
    pub work: f64,
    /// Seconds it lives.
    pub ttl: u32,
    /// When it was sent, in seconds since 1970: its expiry less its time to live. The sender's
    /// word.
    pub sent: u32,
    /// Its topic.
    pub topic: Topic,
    /// The public key it was encrypted to; `None` for symmetric encryption.
    pub recipient: Option<PublicKey>,
    /// Whether it came as a direct message of a trusted peer.
    pub direct: bool,
}

impl Received {
    /// Who signed it, if it is signed.
    #[must_use]
    pub fn signer(&self) -> Option<&PublicKey> {
        self.message.signer.as_ref()
    }

    /// When its envelope expires, in seconds since 1970.
    pub(crate) fn expiry(&self) -> u32 {
        self.sent.saturating_add(self.ttl)
    }

    /// What it takes in memory, about.
    pub(crate) fn size(&self) -> usize {
        self.message.payload.len() + self.message.padding.len() + OVERHEAD
    }
}
