//! Proof of work of Whisper envelopes: computing it, checking it, and searching for it on all cores.
//!
//! A sender pays for an envelope by trying nonces until the hash has enough zero bits. Relays ask for
//! a minimum, and pass on first what was paid most for. How the work is counted depends on a [`Rule`],
//! and which rules a node goes by is its [`Policy`].
//!
//! | | |
//! |---|---|
//! | [`work`] | what an envelope shows under one rule; to the last bit what go-ethereum says |
//! | [`Policy::work`] | the best under all rules that are accepted |
//! | [`works`], [`Policy::works`] | the same for many envelopes, hashed side by side |
//! | [`Proof`], [`Policy::proofs`] | what the hashes show, in 16 bytes: the work under any rule, to be kept |
//! | [`Task`], [`search`] | one envelope under a rule, or several; trying nonces, on one thread, without a clock |
//! | [`Miner`], [`Meter`] | sealing on all cores, awaited, with a time limit; how far it has come |
//! | [`Rate`], [`Estimate`] | how fast this machine is, and what that means for a task |
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
//! Any envelope that decodes has work or a typed error; none panics. An envelope with a time to live
//! of 0 would have infinite work, and has [`WorkError::ZeroTtl`] instead. Work is never infinite and
//! never not-a-number, so it can be ordered and summed up without second thoughts. Checking costs a
//! pass over the bytes of the envelope for each rule.
//!
//! # What is not here
//!
//! How much work a node asks for, and of whom (`whisper-node`). The hashing itself, many nonces or
//! envelopes side by side: `keccak-lanes`.
//!
//! # Features
//!
//! - `miner` (default): the [`Miner`] and the [`Rate`], with threads and a clock. Without it this crate is arithmetic
//!   alone.

// Without the feature the links to what it brings lead nowhere.
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
