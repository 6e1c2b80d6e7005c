//! A message as the owner of a filter receives it.

use keccak_lanes::Keccak256;
use p2p_identity::PublicKey;
use whisper_envelope::{Envelope, Message, Topic};

/// Bytes that a message is counted with in a mailbox, besides its content.
const OVERHEAD: usize = 512;

/// Identifies the message of an envelope: the hash of everything but the nonce. A message that was sealed under several
/// rules has several envelopes, all with the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ContentHash([u8; 32]);

impl ContentHash {
    pub(crate) fn of(envelope: &Envelope) -> Self {
        let preimage = envelope.unsealed().preimage();
        let hash = Keccak256::new().chain(preimage.header()).chain(preimage.body());
        Self(hash.finalize())
    }

    /// The first bytes: enough that two contents with the same cannot be found.
    pub(crate) fn prefix(&self) -> [u8; 16] {
        std::array::from_fn(|index| self.0[index])
    }

    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

/// An opened message with the fields of its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedMessage {
    /// Payload, padding and signer.
    pub message: Message,
    /// Hash of the envelope.
    pub hash: [u8; 32],
    /// Work of the envelope, as computed on arrival; 0 if its time to live is 0.
    pub work: f64,
    /// Time to live in seconds.
    pub ttl: u32,
    /// When it was sent, in seconds since 1970: the expiry minus the time to live. The sender's claim.
    pub sent: u32,
    /// The topic.
    pub topic: Topic,
    /// The public key that the message was encrypted to; `None` for symmetric encryption.
    pub recipient: Option<PublicKey>,
    /// Whether it arrived as a direct message of a trusted peer.
    pub direct: bool,
}

impl ReceivedMessage {
    /// The signer, if the message is signed.
    #[must_use]
    pub fn signer(&self) -> Option<&PublicKey> {
        self.message.signer.as_ref()
    }

    /// When the envelope expires, in seconds since 1970.
    pub(crate) fn expiry(&self) -> u32 {
        self.sent.saturating_add(self.ttl)
    }

    /// Approximate memory use in bytes.
    pub(crate) fn size(&self) -> usize {
        self.message.payload.len() + self.message.padding.len() + OVERHEAD
    }
}
