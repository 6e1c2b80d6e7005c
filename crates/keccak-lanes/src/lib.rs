//! Keccak-256 for everything above: RLPx MACs, node ids, discovery, envelope hashes, proof of work.
//!
//! This is the Keccak of Ethereum, with the padding that Keccak had before it became SHA-3 (first
//! padding byte `0x01`; SHA3-256 uses `0x06`, so the two give different digests).
//!
//! [`Keccak256`] is a state that can be cloned and *peeked*: [`Keccak256::digest`] says what the
//! digest would be if the input ended here, and the state goes on. An RLPx MAC is such a running
//! state, and a proof of work starts every trial from a clone of one.
//!
//! ```
//! use keccak_lanes::{Keccak256, keccak256};
//!
//! let mut mac = Keccak256::new();
//! mac.update(b"header");
//! let after_header = mac.digest(); // peek: `mac` is not disturbed
//! mac.update(b"body");
//!
//! assert_eq!(after_header, keccak256(b"header"));
//! assert_eq!(mac.finalize(), keccak256(b"headerbody"));
//! ```
//!
//! # What is not here
//!
//! SHA3-256, SHAKE and the other members of the family; keyed constructions (the RLPx MAC adds its
//! own AES step, in `rlpx-transport`); reading files.
//!
//! # Features
//!
//! - `std` (default): for now without effect. The crate needs neither `std` nor `alloc`.

#![no_std]

mod sponge;

pub use sponge::{Digest, Keccak256, keccak256};
