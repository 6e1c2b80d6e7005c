//! What a program gets from outside, so that a whole network can run in one thread and repeat itself.
//!
//! - [`rng`], [`HashMap`] and [`HashSet`]: randomness of the operating system. With the feature `seeded`, a thread can use
//!   a seed instead (`seed_thread`): then the same program makes the same choices again.
//! - [`race`]: two futures side by side, without the random choice of `select!`. [`when_woken`]: a future that is polled only
//!   after it was woken.
//! - `World`, with the feature `tokio`: the clock, tasks, names, connections, datagrams and files of one node. `SystemWorld`
//!   is the one of the operating system. The crate `p2p-sim` has a simulated one for each host.
//!
//! Monotonic time and timers are those of the Tokio runtime: `tokio::time`. A simulation runs on a runtime of one thread with
//! a paused clock.
//!
//! State machines get the time and randomness as parameters and need nothing of this crate but the maps.
//!
//! ```
//! use p2p_world::{HashMap, rng};
//!
//! let mut names: HashMap<u64, &str> = HashMap::default();
//! names.insert(rng().number(), "some node");
//! assert_eq!(names.len(), 1);
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "tokio")]
mod clocked;
mod hash;
#[doc(hidden)]
pub mod planted;
mod race;
mod random;
#[cfg(feature = "tokio")]
mod system;
mod wake_gate;
#[cfg(feature = "tokio")]
mod world;

#[cfg(feature = "tokio")]
pub use clocked::ClockedWorld;
pub use hash::{HashMap, HashSet, HashState};
pub use race::race;
pub use random::{Rng, is_seeded, rng};
#[cfg(feature = "seeded")]
pub use random::{SeedGuard, seed_thread};
#[cfg(feature = "tokio")]
pub use system::SystemWorld;
pub use wake_gate::{WakeGate, when_woken};
#[cfg(feature = "tokio")]
pub use world::{Connection, Datagrams, File, Listener, Pending, Task, World};
