//! Whisper envelopes and messages, compatible with go-ethereum byte for byte.
//!
//! Nodes exchange *envelopes*. An envelope is an encrypted message with the fields that relays need: expiry, time to
//! live, topic, and the nonce of a proof of work. A *message* is the decrypted content of an envelope. The crate has
//! both versions of Whisper, shh/5 and shh/6 (EIP-627); [`Dialect`] selects one.
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
//! let sent = unsealed.seal(0); // `whisper-pow` finds a nonce with enough work
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
//! [`Message::parse`] return a value or an error for every input. The cost is proportional to the length of the
//! input, not to a length that the input declares. A decoded envelope keeps its bytes and is never encoded
//! again, so a relay passes on exactly what it received.
//!
//! # What is not here
//!
//! Proof of work (`whisper-pow`); packets, peers, pools and filters (`whisper-protocol`). The crate reads no
//! clock: it does not check whether an envelope has expired.
//!
//! # Features
//!
//! - `crypto` (default): drafts, keys, opening of envelopes. Without it the crate has only the wire format of
//!   envelopes, which is enough for a relay.
//! - `std` (default): blinds the secp256k1 context with random numbers of the system.
//!
//! To build for `wasm32-unknown-unknown`, turn the default features off. The feature `crypto` then compiles
//! libsecp256k1, which needs a clang with this target. Random number generators are parameters, so you can pass
//! the one of the browser.

// Without the feature, links to its items are broken.
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

/// The examples in the README compile and run like those of this documentation.
#[cfg(all(doctest, feature = "crypto"))]
#[doc = include_str!("../README.md")]
mod readme {}
