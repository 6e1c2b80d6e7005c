//! A peer-to-peer network of many nodes on virtual time, from one seed, in one thread or in several.
//!
//! A test of a sub-protocol on a hundred nodes: real handshakes and frames, lines with latency and loss, hosts that lose their
//! power. The same seed does the same again.
//!
//! ```
//! use std::time::Duration;
//! use p2p_server::mux::{Service, rlp::Empty};
//! use p2p_sim::{Link, Network, Nodes};
//!
//! // The sub-protocol: each node tells its number.
//! let number = |index: u64| Service::new("number", 1, move |_peer, Empty| async move { Ok::<_, String>(index) });
//! let services: Vec<_> = (0..5).map(number).collect();
//! let (of_nodes, first) = (services.clone(), services[0].clone());
//!
//! let ms = Duration::from_millis;
//! let mut network = Network::new(7).link(Link::default().latency(ms(20)..ms(80)).loss(0.01));
//! let nodes = Nodes::new(&mut network, 5, 4, move |node| {
//!     let service = of_nodes[node.index()].protocol();
//!     node.protocol(service)
//! });
//! assert!(network.run_until(Duration::from_secs(60), |_| nodes.are_connected())?);
//!
//! let answers = network.block_on(async {
//!     let mut answers = Vec::new();
//!     for peer in first.peers() {
//!         answers.push(peer.request(&Empty).await.expect("an answer"));
//!     }
//!     answers
//! });
//! assert!(!answers.is_empty());
//! # Ok::<_, p2p_sim::Violation>(())
//! ```
//!
//! # What is simulated
//!
//! - **Lines** ([`Link`]): latency, jitter, loss, reordering, bandwidth; blocked in one direction or both.
//! - **Hosts**: their addresses ([`Network::addresses`]), their clock (offset, drift, jumps), their disk (unsynced writes are
//!   lost or torn, a full disk, flipped bits), crashes, restarts, gateways ([`Network::put_behind_nat`]).
//! - **Faults** ([`Fault`]) as a schedule, or at random from a seed ([`random_faults`]).
//! - **Hostile hosts** ([`Hostile`]): junk, floods, slowness, replays; against discovery [`Eclipse`] and [`Junk`].
//! - **A trace** of everything that happened ([`Network::trace_to`]), whose hash is equal for equal seeds.
//! - **Invariants** ([`Network::invariant`]), checked each second of virtual time.
//! - **Shrinking** ([`shrink()`]): a failing scenario becomes a small one.
//!
//! Handshakes and encryption are real, unless a network of thousands of nodes leaves them out
//! ([`Network::null_cryptography`]).
//!
//! What a program computes takes no virtual time, unless its host was made slow ([`Network::slow_down`]).

mod fault;
mod host;
mod host_id;
mod hostile;
mod machine;
mod net;
mod network;
mod nodes;
mod shrink;
mod trace;
mod violation;

pub use fault::{Fault, FaultMix, Schedule, random_faults, repairs};
pub use host_id::HostId;
pub use hostile::{Eclipse, Hostile, Junk};
pub use machine::Machine;
pub use net::link::Link;
pub use network::{Host, Network};
pub use nodes::{Node, Nodes};
pub use shrink::{Scenario, shrink};
pub use trace::TraceEvent;
pub use violation::Violation;

/// The examples in the README compile and run like those of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
