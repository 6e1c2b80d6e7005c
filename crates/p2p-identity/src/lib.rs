//! Who a node is: its secp256k1 key, its id, its `enode://` address, its signed record (ENR), and what it can do with the
//! key — sign so that the signer can be recovered, and open what was sealed to it (ECIES).
//!
//! RLPx, discovery and Whisper all stand on the same keys and the same box, so they are here once.
//!
//! ```
//! use p2p_identity::{Enode, SecretKey, ecies};
//!
//! let mut rng = rand::rng();
//! let key = SecretKey::random(&mut rng);
//!
//! // Others find the node by its enode URL ...
//! let enode = Enode::new(key.id(), "10.0.0.7:30303".parse()?);
//! let found: Enode = enode.to_string().parse()?;
//! assert_eq!(found, enode);
//!
//! // ... seal bytes that only it can open ...
//! let sealed = ecies::seal(&found.id.public_key()?, b"hello", b"", &mut rng);
//! assert_eq!(ecies::open(&key, &sealed, b"")?, b"hello");
//!
//! // ... and tell from a signature who made it.
//! let digest = keccak_lanes::keccak256(b"hello");
//! assert_eq!(key.sign(&digest).recover(&digest)?.id(), found.id);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Secrets
//!
//! A [`SecretKey`] is wiped when it is dropped and has no content in `Debug`; what is derived from
//! it comes in [`Zeroizing`](zeroize::Zeroizing). A [`PublicKey`] is known to be a point on the
//! curve: there is no other way to make one, so whatever a peer sends is checked before use.
//!
//! # What is not here
//!
//! Sockets, name resolution (a host name in an enode URL stays a name until somebody dials it),
//! protocols, encrypted key stores.
//!
//! # Features
//!
//! - `std` (default): the curve's context is blinded once with randomness of the operating system.
//!   Without it the context is not blinded (all results are the same), and no system random source
//!   is linked.
//! - `record` (default): [`Record`], signed node records. Brings the crate `enr` and the system's random
//!   source along.
//! - `serde` (default): [`NodeId`], [`Enode`] and [`Record`] as strings.

mod causes;
mod context;
pub mod ecies;
mod enode;
mod hex_text;
mod host;
mod host_prefix;
mod id;
mod key_file;
mod public_key;
#[cfg(feature = "record")]
mod record;
mod secret_key;
#[cfg(feature = "serde")]
mod serde_text;
mod signature;

pub use causes::causes;
pub use enode::{Enode, EnodeError, EnodeUseError};
pub use hex_text::HexError;
pub use host::Host;
pub use host_prefix::host_prefix;
pub use id::NodeId;
pub use key_file::KeyFileError;
pub use public_key::PublicKey;
#[cfg(feature = "record")]
pub use record::{Content, MAX_RECORD, Record, RecordError};
pub use secret_key::{KeyError, SecretKey};
pub use signature::{Signature, SignatureError};
