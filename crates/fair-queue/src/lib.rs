//! Fair scheduling: decides which of several competing clients is served next.
//!
//! All types are plain values without clock, lock or task. They are deterministic.
//!
//! - [`RoundRobin`] decides which key is next. It stores keys, weights and costs, but no jobs.
//! - [`NestedRoundRobin`] has two levels: groups, and keys within a group.
//! - [`FairQueue`] stores jobs. It has one lane for each key of each group, a priority for each job, and one limit in
//!   bytes for all lanes together.
//!
//! A key or a group stands for one competing client: a peer, a connection, a team.
//!
//! ```
//! use fair_queue::{FairQueue, Lane};
//!
//! let mut queue = FairQueue::new(100, 10_000);
//! for number in 0..50 {
//!     assert!(queue.push(Lane { group: "team", weight: 1, key: "flood" }, 0, 100, number).is_empty());
//! }
//! assert!(queue.push(Lane { group: "team", weight: 1, key: "honest" }, 0, 100, 50).is_empty());
//!
//! let job = queue.pop().ok_or("empty")?;
//! queue.charge(&job.lane, 100);
//! assert_eq!((job.lane.key, job.item), ("flood", 0));
//! let job = queue.pop().ok_or("empty")?;
//! assert_eq!((job.lane.key, job.item), ("honest", 50));
//! # Ok::<_, &str>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod nested;
mod queue;
mod round_robin;

pub use nested::NestedRoundRobin;
pub use queue::{FairQueue, Job, Lane};
pub use round_robin::RoundRobin;

/// The examples in the README compile and run like those of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
