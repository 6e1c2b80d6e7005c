//! Who is served next, when several compete for one worker.
//!
//! Both types are plain values. They have no clock, no lock and no task, and they choose in the same way each time.
//!
//! - [`RoundRobin`] decides whose turn it is. It knows keys, weights and costs, but not the jobs.
//! - [`FairQueue`] holds jobs. It has one queue for each source, a priority for each job, and one limit in bytes.
//!
//! A key is whatever competes: a peer, a connection, a team.
//!
//! ```
//! use fair_queue::FairQueue;
//!
//! let mut queue = FairQueue::new(100, 10_000);
//! for number in 0..50 {
//!     assert!(queue.push("flood", 1, 0, 100, number).is_empty());
//! }
//! assert!(queue.push("honest", 1, 0, 100, 50).is_empty());
//!
//! let job = queue.pop().ok_or("empty")?;
//! queue.charge(&job.key, 100);
//! assert_eq!((job.key, job.item), ("flood", 0));
//! let job = queue.pop().ok_or("empty")?;
//! assert_eq!((job.key, job.item), ("honest", 50));
//! # Ok::<_, &str>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod queue;
mod round_robin;

pub use queue::{FairQueue, Job};
pub use round_robin::RoundRobin;
