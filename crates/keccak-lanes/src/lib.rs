//! Keccak-256 with SIMD: one running state, many messages side by side, or a search for a nonce.
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
//! let after_header = mac.digest(); // does not change `mac`
//! mac.update(b"body");
//!
//! assert_eq!(after_header, keccak256(b"header"));
//! assert_eq!(mac.finalize(), keccak256(b"headerbody"));
//! ```
//!
//! # Speed
//!
//! There is a [`Kernel`] for each instruction set that makes the permutation faster; the best one is chosen at run
//! time. With many inputs, a kernel processes several states side by side:
//!
//! | | |
//! |---|---|
//! | [`Keccak256`], [`keccak256`] | one message |
//! | [`keccak256_batch`] | many messages side by side |
//! | [`Search`] | one message that ends with a nonce, many nonces side by side |
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
//! Only the modules below `arch` contain unsafe code, for the vector instructions and for wiping memory. Code for an
//! instruction set can be called only with a value that is made after checking that the processor has it.
//!
//! # Features
//!
//! - `std` (default): detects at run time which instructions the processor has. Without it the crate uses neither `std`
//!   nor `alloc`, and the build target decides.
//! - `calibration`: for benchmarks, a loop of one vector instruction to compare the kernels with.

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

pub use batch::{keccak256_batch, keccak256_batch_with};
pub use block::Digest;
pub use kernel::Kernel;
pub use search::Search;
pub use sponge::{Keccak256, keccak256};
pub use zeros::Zeros;
