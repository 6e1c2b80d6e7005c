//! Finding nodes of a devp2p network.
//!
//! - [`Discovery`]: discv4, with signed node records (EIP-868) and optional separate networks.
//! - [`dns`]: signed lists of nodes as TXT records in the DNS (EIP-1459).
//!
//! # discv4
//!
//! [`Discovery`] is a state machine without socket, clock, task or random source. A driver reads datagrams
//! from a UDP socket and passes them to the machine. It sends the datagrams that the machine returns, and
//! calls the machine when its timer is due. `Discv4` (feature `tokio`, default) is such a driver: it runs a
//! task with a socket, and is a handle to the task.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use p2p_discovery::{Discovery, Discv4Config, Event, Node, v4::Endpoint};
//! use p2p_identity::{Content, Record, SecretKey};
//!
//! let (mut now, unix) = (Instant::now(), 1_700_000_000);
//! let new_node = |number: u8| {
//!     let key = SecretKey::from_bytes(&[number; 32])?;
//!     let record = Record::sign(&key, 1, &Content::new().tcp(30303))?;
//!     let discovery = Discovery::new(now, Discv4Config::new(), key, &record, [number; 32])?;
//!     let address = std::net::SocketAddr::from(([number, 1, 1, 1], 30303));
//!     Ok::<_, Box<dyn std::error::Error>>((discovery, address))
//! };
//! let ((mut alice, alice_addr), (mut bob, bob_addr)) = (new_node(1)?, new_node(2)?);
//!
//! // Alice contacts Bob. Each finds the other.
//! let node = Node::new(bob.id(), Endpoint::new(bob_addr, 30303));
//! alice.add_seed(now, unix, node.clone())?;
//! loop {
//!     if let Some((_, datagram)) = alice.poll_transmit() {
//!         bob.handle_datagram(now, unix, alice_addr, &datagram);
//!     } else if let Some((_, datagram)) = bob.poll_transmit() {
//!         alice.handle_datagram(now, unix, bob_addr, &datagram);
//!     } else {
//!         break;
//!     }
//! }
//! assert_eq!(alice.poll_event(), Some(Event::Found(node)));
//! assert_eq!(bob.nodes().next().map(|node| node.id), Some(alice.id()));
//!
//! // Nothing is left to do before the next timer is due.
//! now = alice.poll_timeout().expect("a timer is running");
//! alice.handle_timeout(now, unix);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does
//!
//! - **Endpoint proofs**: a node must first answer a ping at its address. Only then is it added to the table,
//!   reported to other nodes, and sent neighbors when it asks for them.
//! - **A Kademlia table** of 17 buckets with 16 nodes each, and replacements for them. At most 2 nodes of
//!   a bucket and 10 of the table are in one subnet (/24 for IPv4, /48 for IPv6; the local network is
//!   exempt). Therefore an attacker with few addresses cannot isolate a node. Every node is pinged
//!   regularly.
//! - **Lookups** with three requests in parallel. The first one is for the node's own id, the later ones
//!   are for random targets. A caller can start further lookups.
//! - **The node's own record** ([`Discovery::record`]) gets the external address that most peers report.
//! - **Separate networks** ([`Discv4Config::network`]): a node whose record does not have the same network
//!   id is not kept, not reported to other nodes, and sent no neighbors.
//! - **Diagnosis**: [`Event::BootNodeFailed`] says why a boot node cannot be used, and
//!   [`Event::ClockOffset`] says that the clock of this machine is wrong. One boot node is enough for that.
//!
//! # What a hostile sender can do
//!
//! - Each datagram costs at most one hash. [`DatagramLimits`] limit the signature checks. Unsolicited
//!   answers, and requests from unproven addresses, are dropped before their signature is checked.
//! - In a flood of requests, the signature checks of each tick of 100 ms are given out at random, fair
//!   over hosts. A node with an endpoint proof has limits of its own, which forged datagrams do not use up.
//! - An unproven address is sent little: one pong for each ping, about 30 bytes longer than the ping, and
//!   at most three pings for each node. So amplification with forged source addresses gains little.
//! - All memory is bounded. Each drop is counted by its [reason](DropReason).
//!
//! # What is not here
//!
//! - Connections, and the choice of nodes to dial.
//! - Checks that a TCP port is open, or that the contents of a record are true.
//! - The topic discovery of go-ethereum 1.8.
//!
//! # Features
//!
//! - `tokio` (default): `Discv4`, discv4 on a socket.
//! - `dns`: `dns::Lists`, lists read through a DNS resolver.
//! - `discv5`: `Discv5` finds nodes with the external crate `discv5`.
//! - `serde`: the configuration can be serialized.

mod address;
mod config;
mod counted;
mod discovery;
#[cfg(feature = "tokio")]
mod discv4;
#[cfg(feature = "discv5")]
mod discv5;
pub mod dns;
#[cfg(test)]
mod error_tests;
mod event;
mod network;
mod node;
mod stats;
mod table;
mod token_bucket;
pub mod v4;

pub use config::{DatagramLimits, Discv4Config};
pub use counted::Counted;
pub use discovery::Discovery;
#[cfg(feature = "tokio")]
pub use discv4::{Candidates, Discv4, Discv4Error, RequestError, SocketStats};
#[cfg(feature = "discv5")]
pub use discv5::{Discv5, Discv5Error};
pub use event::{
    BootNodeReason, BusyError, ClockOffset, ClockWitness, Event, LookupId, LookupOutcome,
    NoAnswerError,
};
pub use network::NetworkId;
pub use node::Node;
pub use stats::{DropReason, Drops, Stats};
pub use table::log_distance;

/// The examples in the README compile and run like those of this documentation.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
mod readme {}
