//! Keccak-256 with SIMD: one running state, many messages side by side, or a search for a nonce.
//!
//! This is the Keccak of Ethereum, with the padding that Keccak had before it became SHA-3 (first
//! padding byte `0x01`; SHA3-256 uses `0x06`, so the two give different digests).
//!
//! [`Keccak256`] is a state that can be cloned. [`Keccak256::digest`] returns the digest of the input
//! so far and does not change the state, so more input can follow. An RLPx MAC needs this.
//!
//! ```
//! use keccak_lanes::{Keccak256, keccak256};
//!
//! let mut mac = Keccak256::new();
//! mac.update(b"header");
//! let after_header = mac.digest(); // does not change `mac`
//! mac.update(b"body");
//!
//! assert_eq!(after_header, keccak256(b"header"));
//! assert_eq!(mac.finalize(), keccak256(b"headerbody"));
//! ```
//!
//! # Speed
//!
//! A [`Kernel`] is an implementation for one instruction set. The best one is chosen at run time. If there are many
//! inputs, a kernel processes several states side by side:
//!
//! | | |
//! |---|---|
//! | [`Keccak256`], [`keccak256`] | one message |
//! | [`keccak256_batch`], [`keccak256_batch_cut`] | many messages side by side |
//! | [`Search`] | one message that ends with a nonce; many nonces are tried side by side |
//!
//! On a processor with AVX-512, one state is about 1.4 times as fast as the best scalar code. A search is eight to ten
//! times as fast, which is the limit of the vector units.
//!
//! # What is not here
//!
//! SHA3-256, SHAKE and other members of the family; keyed constructions (the RLPx MAC is in `rlpx-transport`); reading
//! files.
//!
//! # Unsafe code
//!
//! Only the modules below `arch` contain unsafe code, for the vector instructions and for wiping memory. A
//! function for an instruction set takes a value as proof that the processor has it. That value is made only by the
//! check for the instruction set.
//!
//! # Features
//!
//! - `std` (default): detects the instruction sets of the processor at run time. Without it, the build target
//!   determines the instruction sets, and the crate uses neither `std` nor `alloc`.
//! - `calibration`: for benchmarks. A loop of one vector instruction shows the maximum speed of the processor.

#![no_std]
// On other architectures the portable kernel is the only one, and the code for several states is unused.
#![cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]

#[cfg(feature = "std")]
extern crate std;

mod arch;
mod batch;
mod block;
#[cfg(feature = "calibration")]
pub mod calibration;
mod kernel;
mod lanes;
mod permutation;
mod scan;
mod search;
mod side_by_side;
mod sponge;
mod zeros;

pub use batch::{
    keccak256_batch, keccak256_batch_cut, keccak256_batch_cut_with, keccak256_batch_with,
};
pub use block::Digest;
pub use kernel::Kernel;
pub use search::Search;
pub use sponge::{Keccak256, keccak256};
pub use zeros::Zeros;

/// The examples in the README compile and run like those of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
