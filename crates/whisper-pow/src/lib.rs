//! Proof of work of Whisper envelopes: computing it, checking it, and searching for it on all cores.
//!
//! The sender of an envelope tries nonces until a hash has enough zero bits. A relay requires a minimum of work,
//! and sends envelopes with more work first. A [`Rule`] defines how work is computed, and the [`Policy`] of a
//! node selects the rules that it uses.
//!
//! | | |
//! |---|---|
//! | [`work`] | the work of an envelope under one rule; exactly the value that go-ethereum computes |
//! | [`Policy::work`] | the highest work under all accepted rules |
//! | [`works`], [`Policy::works`] | the same for many envelopes, hashed side by side |
//! | [`Proof`], [`Policy::proofs`] | the zero bits that were counted, in 16 bytes; with them the work under any rule is computed without another hash |
//! | [`Task`], [`search`] | the search for a nonce under one or several rules, on one thread, without a clock |
//! | [`Miner`], [`Meter`] | asynchronous sealing on all cores or in place, with a time limit, and its progress |
//! | [`Rate`], [`Estimate`] | the speed of this machine, and the expected cost of a task |
//!
//! ```
//! use whisper_envelope::{Topic, Unsealed};
//! use whisper_pow::{Policy, Rule, Task, Work, search, work};
//!
//! let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280]);
//! let policy = Policy::default();
//!
//! let asked = Work::new(0.02).ok_or("not an amount of work")?;
//! let task = Task::new(policy.seal, &unsealed)?;
//! let bits = task.bits_for(asked).ok_or("unreachable")?;
//! let found = search(&task, 0..=u64::MAX, bits, || false).best.ok_or("no nonces")?;
//!
//! let envelope = unsealed.seal(found.nonce);
//! assert!(work(Rule::EIP_627, &envelope)? >= asked);
//! assert!(policy.work(&envelope)? >= asked);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Hostile input
//!
//! For every decoded envelope the functions return its work or a typed error; they do not panic. An envelope with a
//! time to live of 0 would have infinite work, so it is an error ([`WorkError::ZeroTtl`]). Work is always a finite
//! number, so values can be compared and added. A check costs one pass over the bytes of the envelope for each rule.
//!
//! # What is not here
//!
//! The work that a node requires of its peers (`whisper-protocol`). The hashing of many nonces or envelopes side
//! by side (`keccak-lanes`).
//!
//! # Features
//!
//! - `miner` (default): [`Miner`], [`Meter`] and [`Rate`], with threads and a clock. Without it the crate only
//!   computes.
//! - `low-priority`: the miner's threads run at a lower priority than others, on Linux. Elsewhere it has no effect.

// Without the feature, links to its items are broken.
#![cfg_attr(not(feature = "miner"), expect(rustdoc::broken_intra_doc_links))]

mod bulk;
#[cfg(feature = "miner")]
mod meter;
#[cfg(feature = "miner")]
mod miner;
mod policy;
mod preimage;
mod proof;
#[cfg(feature = "miner")]
mod rate;
mod rule;
mod seal;
mod task;
mod work;

pub use bulk::works;
#[cfg(feature = "miner")]
pub use meter::{Meter, Progress};
#[cfg(feature = "miner")]
pub use miner::{Client, Miner, SealError, SealJob, Sealed, Target};
pub use policy::Policy;
pub use proof::Proof;
#[cfg(feature = "miner")]
pub use rate::{Estimate, Rate};
pub use rule::{Preimage, Rule, Size, Zeros};
pub use seal::{Found, Search, search};
pub use task::Task;
pub use work::{Work, WorkError, work, work_with_ttl};

/// The examples in the README compile and run like those of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
