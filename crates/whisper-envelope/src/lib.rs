//! Whisper envelopes and the messages inside, byte for byte as go-ethereum has them.
//!
//! An *envelope* is what travels: an encrypted message in the wrapping that relays need (expiry, time
//! to live, topic, and the nonce of a proof of work). A *message* is what it says to those who have
//! the key. Both versions of Whisper are here, shh/5 and shh/6 (EIP-627); [`Dialect`] says which.
//!
//! ```text
//! Draft ──encrypt──▶ Unsealed ──seal(nonce)──▶ Envelope ──open_*(key)──▶ Message
//! ```
//!
#![cfg_attr(feature = "crypto", doc = "```")]
#![cfg_attr(not(feature = "crypto"), doc = "```ignore")]
//! use rand::rng;
//! use whisper_envelope::{Dialect, Draft, Envelope, OpenError, Recipient, SecretKey, SymmetricKey, Topic};
//!
//! let shared = SymmetricKey::random(&mut rng());
//! let author = SecretKey::random(&mut rng());
//!
//! let unsealed = Draft::new(Dialect::V6, Recipient::Symmetric(&shared), 1_700_000_000)
//!     .payload(b"the pigeons are out")
//!     .topic(Topic(*b"news"))
//!     .sign(&author)
//!     .encrypt(&mut rng())?;
//! let sent = unsealed.seal(0); // the crate `whisper-pow` finds a nonce that shows work
//!
//! let received = Envelope::decode(Dialect::V6, sent.raw().clone())?;
//! let message = received.open_symmetric(&shared)?;
//! assert_eq!(message.payload, "the pigeons are out");
//! assert_eq!(message.signer, Some(author.public_key()));
//!
//! let other = SymmetricKey::random(&mut rng());
//! assert_eq!(received.open_symmetric(&other), Err(OpenError::WrongKey));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Hostile input
//!
//! [`Envelope::decode`], [`Envelope::open_symmetric`], [`Envelope::open_asymmetric`] and
//! [`Message::parse`] are total: any bytes give a value or an error, at a cost in proportion to the
//! bytes there are, whatever a length claims. A decoded envelope keeps the bytes it came in and is
//! never encoded again, so relays cannot be made to change what they pass on.
//!
//! # What is not here
//!
//! Proof of work (`whisper-pow`), packets, peers, pools and filters (`whisper-node`). Time: nothing
//! here knows what time it is, so nothing is too old or too new.
//!
//! # Features
//!
//! - `crypto` (default): drafts, keys, opening. Without it the crate is the shape of an envelope
//!   alone, which is all that a relay needs.
//! - `std` (default): the context of the curve is blinded with the system's randomness.
//!
//! For `wasm32-unknown-unknown` turn off the default features: the shape builds as it is; `crypto`
//! needs a clang that knows the target, for libsecp256k1. Randomness is a parameter everywhere, so the
//! browser's can be given.

// Without the feature the links to what it brings lead nowhere.
#![cfg_attr(not(feature = "crypto"), expect(rustdoc::broken_intra_doc_links))]

mod bloom;
#[cfg(feature = "crypto")]
mod crypto;
mod dialect;
mod differences;
#[cfg(feature = "crypto")]
mod draft;
mod envelope;
mod error;
#[cfg(feature = "crypto")]
mod key;
#[cfg(feature = "crypto")]
mod message;
#[cfg(feature = "crypto")]
mod payload;
mod topic;
mod unhashed;
mod unsealed;
mod wire;

pub use bloom::{Bloom, BloomError};
pub use dialect::Dialect;
pub use envelope::Envelope;
pub use error::EnvelopeError;
pub use topic::{PartialTopic, PartialTopicError, Topic, TopicError};
pub use unhashed::Unhashed;
pub use unsealed::{Unsealed, UnsealedRlp};

#[cfg(feature = "crypto")]
pub use {
    crypto::{AesNonce, Ciphertext},
    draft::{Draft, Padding, Recipient},
    error::{DraftError, OpenError},
    key::SymmetricKey,
    message::Message,
};

#[cfg(feature = "crypto")]
#[doc(no_inline)]
pub use p2p_identity::{PublicKey, SecretKey};
