//! Keccak-256 for everything above: RLPx MACs, node ids, discovery, envelope hashes, proof of work.
//!
//! This is the Keccak of Ethereum, with the padding that Keccak had before it became SHA-3 (first
//! padding byte `0x01`; SHA3-256 uses `0x06`, so the two give different digests).
//!
//! [`Keccak256`] is a state that can be cloned and *peeked*: [`Keccak256::digest`] says what the
//! digest would be if the input ended here, and the state goes on. An RLPx MAC is such a running
//! state.
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
//! # At the speed of the machine
//!
//! The permutation is ours, and there is one [`Kernel`] for each set of instructions that helps it,
//! chosen at run time. Where there are many inputs, a kernel works on several states at once:
//!
//! | | |
//! |---|---|
//! | [`Keccak256`], [`keccak256`] | one message |
//! | [`keccak256_batch`] | many messages side by side |
//! | [`Search`] | one message that ends with a nonce, many nonces side by side |
//!
//! On a processor with AVX-512, one state runs at about 1.4 times the speed of the best scalar code, and
//! a search at eight to ten times, which is as fast as its vector units can work.
//!
//! # What is not here
//!
//! SHA3-256, SHAKE and the other members of the family; keyed constructions (the RLPx MAC adds its
//! own AES step, in `rlpx-transport`); reading files.
//!
//! # Unsafe code
//!
//! The vector instructions need it, and it is confined to the modules below `arch`. Code for a set of
//! instructions can only be reached with a value that proves that the processor has it.
//!
//! # Features
//!
//! - `std` (default): asks the processor at run time what it can do. Without it the crate needs
//!   neither `std` nor `alloc`, and uses what the build targets.
//! - `calibration`: for benchmarks, a loop of nothing but one instruction to compare the kernels with.

#![no_std]
// What works on several states at once is left over where the only kernel is the portable one.
#![cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]

#[cfg(feature = "std")]
extern crate std;

mod arch;
mod batch;
#[cfg(feature = "calibration")]
pub mod calibration;
mod kernel;
mod lanes;
mod permutation;
mod scan;
mod search;
mod sponge;

pub use batch::{keccak256_batch, keccak256_batch_with};
pub use kernel::Kernel;
pub use search::{Search, Zeros};
pub use sponge::{Digest, Keccak256, keccak256};
