//! Finding nodes.
//!
//! - [`Discovery`]: discv4, in which nodes find each other, with signed records (EIP-868), and with
//!   networks of one's own in which no others are kept.
//! - [`dns`]: signed lists of nodes as TXT records (EIP-1459).
//!
//! # discv4
//!
//! [`Discovery`] is a pure machine, without socket, clock, task or random source. A driver reads
//! datagrams from one UDP socket and hands them in, sends what the machine gives out, and wakes it
//! up when it wants to be. With the feature `tokio` (default), `Discv4` is that driver: a node on
//! a socket, in one task, with a handle that others ask.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use p2p_discovery::{Discv4Config, Discovery, Event, Node, v4::Endpoint};
//! use p2p_identity::{Content, Record, SecretKey};
//!
//! let (mut now, unix) = (Instant::now(), 1_700_000_000);
//! let mut make = |number: u8| {
//!     let key = SecretKey::from_bytes(&[number; 32])?;
//!     let record = Record::sign(&key, 1, &Content::new().tcp(30303))?;
//!     let address = std::net::SocketAddr::from(([number, 1, 1, 1], 30303));
//!     Ok::<_, Box<dyn std::error::Error>>((Discovery::new(now, Discv4Config::new(), key, &record, [number; 32])?, address))
//! };
//! let ((mut alice, from), (mut bob, to)) = (make(1)?, make(2)?);
//!
//! // Alice is told of Bob, and finds that he is there. Bob finds her as well.
//! let told = Node::new(bob.id(), Endpoint::new(to, 30303));
//! alice.add_seed(now, unix, told.clone())?;
//! loop {
//!     if let Some((_, datagram)) = alice.poll_transmit() {
//!         bob.handle_datagram(now, unix, from, &datagram);
//!     } else if let Some((_, datagram)) = bob.poll_transmit() {
//!         alice.handle_datagram(now, unix, to, &datagram);
//!     } else {
//!         break;
//!     }
//! }
//! assert_eq!(alice.poll_event(), Some(Event::Found(told)));
//! assert_eq!(bob.nodes().next().map(|node| node.id), Some(alice.id()));
//!
//! // Neither has anything to do until it is time to look around, or to see whether the other is there.
//! now = alice.poll_timeout().expect("something is to be done some time");
//! alice.handle_timeout(now, unix);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does
//!
//! - **Endpoint proof** in both directions: a node is in the table, is told to others and gets answers
//!   only if it has answered a ping at its address.
//! - **A Kademlia table** of 17 buckets of 16 nodes, with others that wait for a place. At most 2 nodes
//!   of a bucket and 10 of the table are of one subnet (/24 for IPv4, /48 for IPv6; the local network is
//!   exempt), so that a few addresses cannot surround anybody. Each node is asked now and then whether
//!   it is still there.
//! - **Lookups** that ask three nodes at a time; one for itself at first, then some for random targets,
//!   then as many as are wanted.
//! - **The own record** ([`Discovery::record`]) follows the address that most peers see.
//! - **A network of one's own** ([`Discv4Config::network`]): nodes whose records name another network, or
//!   none, are neither kept nor reported, neither passed on nor answered with nodes.
//!
//! # What a hostile sender can do
//!
//! Cost us one hash a datagram, and as many signature recoveries as [`DatagramLimits`] allow. Unsolicited
//! answers and requests from unproven addresses are dropped before their signature is looked at. To an
//! unproven address goes nothing but one pong a ping (some 30 bytes longer than it) and pings of ours,
//! at most three at a time for each node; so a forged sender address buys nobody much of a flood.
//! All memory is bounded. Each drop has a [reason and a counter](DropReason).
//!
//! # What is not here
//!
//! Connections and whom to dial. Proof that a node's TCP port is open, or that what a record says is
//! true. The topic discovery of go-ethereum 1.8.
//!
//! # Features
//!
//! - `tokio` (default): `Discv4`, discv4 on a socket.
//! - `dns`: `dns::Lists`, lists followed through a DNS resolver.
//! - `discv5`: `Discv5`, the other protocol, of the crate of that name, as one more source of nodes.
//! - `serde`: the settings can be kept in a file.

mod address;
mod config;
mod discovery;
#[cfg(feature = "tokio")]
mod discv4;
#[cfg(feature = "discv5")]
mod discv5;
pub mod dns;
mod event;
mod network;
mod node;
mod stats;
mod table;
mod token_bucket;
pub mod v4;

pub use config::{DatagramLimits, Discv4Config};
pub use discovery::Discovery;
#[cfg(feature = "tokio")]
pub use discv4::{Candidates, Discv4, Discv4Error, RequestError, SocketStats};
#[cfg(feature = "discv5")]
pub use discv5::{Discv5, Discv5Error};
pub use event::{BusyError, ClockOffset, Event, LookupId, LookupOutcome, NoAnswerError};
pub use network::NetworkId;
pub use node::Node;
pub use stats::{DropReason, Drops, Stats};
pub use table::log_distance;
