//! Who is served next, when several compete for one worker.
//!
//! All types are plain values. They have no clock, no lock and no task, and they choose in the same way each time.
//!
//! - [`RoundRobin`] decides whose turn it is. It knows keys, weights and costs, but not the jobs.
//! - [`NestedRoundRobin`] does so on two levels: groups, and keys within a group.
//! - [`FairQueue`] holds jobs. It has one queue for each key of each group, a priority for each job, and one limit in
//!   bytes.
//!
//! A group or key is whatever competes: a peer, a connection, a team.
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
