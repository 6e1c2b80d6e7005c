//! The identity of a devp2p node: its secp256k1 key, its id, its enode URL and its signed record (ENR). The crate also has
//! the operations with the key: recoverable signatures, and ECIES encryption.
//!
//! RLPx, discovery and Whisper use the same keys and the same encryption.
//!
//! ```
//! use p2p_identity::{Enode, SecretKey, ecies};
//!
//! let mut rng = rand::rng();
//! let key = SecretKey::random(&mut rng);
//!
//! // Other nodes find the node by its enode URL ...
//! let enode = Enode::new(key.id(), "10.0.0.7:30303".parse()?);
//! let found: Enode = enode.to_string().parse()?;
//! assert_eq!(found, enode);
//!
//! // ... encrypt bytes that only it can decrypt ...
//! let sealed = ecies::seal(&found.id.public_key()?, b"hello", b"", &mut rng);
//! assert_eq!(ecies::open(&key, &sealed, b"")?, b"hello");
//!
//! // ... and recover the signer of a signature.
//! let digest = keccak_lanes::keccak256(b"hello");
//! assert_eq!(key.sign(&digest).recover(&digest)?.id(), found.id);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Secrets
//!
//! A [`SecretKey`] is wiped when it is dropped, and `Debug` does not show it. Secrets derived from it are
//! [`Zeroizing`](zeroize::Zeroizing). A [`PublicKey`] is always a point on the curve. Every constructor checks
//! this, so a key from a peer is checked before it is used.
//!
//! # What is not here
//!
//! Sockets, name resolution (a host name in an enode URL is resolved by the crate that dials), protocols.
//!
//! # Features
//!
//! - `std` (default): blinds the secp256k1 context once with random numbers of the operating system (against
//!   side channels). Without it the context is not blinded, and the crate links no random source of the
//!   system. All results are the same with and without it.
//! - `record` (default): [`Record`], signed node records. Adds the dependency `enr` and the system's random
//!   source.
//! - `serde` (default): serializes [`NodeId`], [`Enode`] and [`Record`] as strings.
//! - `keystore`: [`Keystore`], files with a key that is encrypted with a password, as Ethereum's wallets have them.
//! - `test-util`: a check for the tests of errors.

mod causes;
mod context;
pub mod ecies;
mod enode;
mod hex_text;
mod host;
mod host_prefix;
mod id;
mod key_file;
mod own_networks;
mod public_key;
#[cfg(feature = "record")]
mod record;
mod secret_key;
#[cfg(feature = "serde")]
mod serde_text;
mod signature;

pub use causes::causes;
#[cfg(any(test, feature = "test-util"))]
pub use causes::test_util;
pub use enode::{Enode, EnodeError, EnodeUseError};
pub use hex_text::HexError;
pub use host::Host;
pub use host_prefix::host_prefix;
pub use id::NodeId;
#[cfg(feature = "keystore")]
pub use key_file::keystore::{Keystore, KeystoreCost, KeystoreError, MAX_KEYSTORE};
pub use key_file::{KeyFileError, secret_file_exposure};
pub use own_networks::{OwnNetworks, OwnNetworksError, is_private_network};
pub use public_key::PublicKey;
#[cfg(feature = "record")]
pub use record::{Content, MAX_RECORD, Record, RecordError};
pub use secret_key::{KeyError, SecretKey};
pub use signature::{Signature, SignatureError};

/// The examples in the README compile and run like those of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
