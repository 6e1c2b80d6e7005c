//! A devp2p node: it listens, dials, keeps its peers, and runs any number of sub-protocols on each
//! connection.
//!
//! [`Config`] takes a key, addresses and sub-protocols. [`Server::start`] starts the server. The server accepts and
//! dials connections, checks the identity of each node, negotiates the sub-protocols, redials static nodes without
//! end, and limits the numbers of peers and handshakes. It reports what happens ([`Events`]) and counts it
//! ([`Stats`]). [`Server::next_action`] returns what it will do next with a node.
//!
//! ```
//! use p2p_server::{Config, Event, Server, identity::SecretKey, mux::{Exit, Protocol}};
//! use tokio::sync::mpsc;
//!
//! const PING: u64 = 0;
//! const PONG: u64 = 1;
//!
//! /// A sub-protocol that sends a number to each peer, and sends back every number that it gets.
//! fn echo(answers: mpsc::Sender<u64>) -> Protocol {
//!     Protocol::new("echo", 1 /* version */, 2 /* number of codes */, move |_peer, mut channel| {
//!         let answers = answers.clone();
//!         async move {
//!             channel.send(PING, &42u64).await?;
//!             while let Some(message) = channel.recv().await {
//!                 match message.code {
//!                     PING => channel.send(PONG, &message.decode::<u64>()?).await?,
//!                     PONG => drop(answers.send(message.decode()?).await),
//!                     code => return Err(Exit::unexpected(code)),
//!                 }
//!             }
//!             Ok(()) // recv() == None: the connection has ended
//!         }
//!     })
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (answers, mut numbers) = mpsc::channel(1);
//! let (alice, bob) = (SecretKey::generate(), SecretKey::generate());
//!
//! let listens = Config::new(bob).listen("127.0.0.1:0").protocol(echo(answers.clone()));
//! let bob = Server::start(listens).await?;
//! let dials = Config::new(alice).protocol(echo(answers)).static_node(bob.enode());
//! let alice = Server::start(dials).await?;
//! let mut events = bob.events();
//!
//! assert_eq!(numbers.recv().await, Some(42));
//! alice.stop().await;
//! while let Some(event) = events.next().await {
//!     if let Event::Dropped { id, .. } = event {
//!         assert_eq!(id, alice.id());
//!         break;
//!     }
//! }
//! bob.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # How it is built
//!
//! Three values without sockets, tasks or clock make all decisions. They take the time and random numbers as
//! parameters. [`Dialer`] decides which node to dial and when. [`Slots`] decides which connections may stay.
//! [`Access`] decides which nodes and addresses may be peers at all. The tasks use these values: one task for each
//! listening address, one that dials, and one for each connection.
//!
//! An inbound connection is checked in this order. Each reason to refuse it has a counter ([`RefuseReason`]).
//!
//! 1. The address is in the allowed networks ([`NetRestrict`]), is not banned ([`Server::ban`]), and has not
//!    connected a moment ago ([`InboundSettings`]). Otherwise the socket is closed at once.
//! 2. The number of handshakes in progress is within its limits, for this address and in total. Otherwise the
//!    oldest one is evicted; those that have not proved a key yet are evicted first.
//! 3. The handshake proves a key within 5 s.
//! 4. The key is allowed, is not banned, is not the node's own, is not connected already, and there is a free peer
//!    slot. Otherwise the other end gets the reason in place of a Hello.
//! 5. The Hello exchange finds a common sub-protocol in time.
//! 6. Check 4 is repeated, because other connections may have been admitted in the meantime. Then the peer slot is
//!    taken.
//!
//! An outbound connection is checked from step 3 on. If two nodes dial each other at the same time, the
//! connection dialed by the node with the smaller id stays on both ends; a sub-protocol never sees two
//! connections with one peer at once.
//!
//! # Access rules
//!
//! The operator sets three rules ([`Access`]): the allowed networks, the list of allowed nodes, and the bans of nodes
//! and networks. A ban may have an end. The rules also apply to static and trusted nodes. They can change at run time.
//! If a rule excludes a peer, the peer is disconnected within a second, and is neither dialed nor accepted while the
//! rule holds. [`Server::next_action`] returns the rule, and when it ends.
//!
//! # Sub-protocols that change at run time
//!
//! [`Server::add_protocol`] and [`Server::remove_protocol`] change the sub-protocols of a running server. Two
//! nodes agree on their sub-protocols once, in the Hello exchange; RLPx has no message to do it again. So a new
//! sub-protocol runs with peers that connect from then on. A removed one stops on all connections at once, and
//! the connections stay.
//!
//! # Other streams and another clock
//!
//! A [`NodeDialer`] opens the streams to other nodes, and [`Server::accept`] takes inbound streams that did not
//! come through a listening socket. With both, servers can be connected over anything that can be read and
//! written, for example in memory in a test. A server waits on the clock of the tokio runtime, which a test can
//! pause (`tokio::time::pause`). The system time is used only for values that are kept after the
//! server stops: the sequence number of the node record, and the times in the database of known nodes.
//!
//! # What a hostile peer can do
//!
//! - Open sockets. Until the handshake is done, each takes a task and a file descriptor. There are at most
//!   [`Limits::max_pending`] of them, and by default at most half of these from one address. A new one evicts the
//!   oldest one that has not proved a key; one with a proven key is evicted only if there is no other. An address
//!   outside the local networks can connect once in 30 s ([`InboundSettings`]).
//! - Use memory. The connection can always use its share of [`ConnectionSettings::memory`], and more while memory is
//!   free. When memory is short, a connection above its share must wait or is disconnected.
//! - Take a peer slot with a new identity. Such peers are at most [`Limits::max_peers`]. If the node finds peers
//!   itself, some of these slots are reserved for them. Static and trusted peers are always admitted.
//! - Choose any client name and capabilities. They are shown unchanged.
//!
//! It cannot delay the stop of the server, the dialing, or another connection.
//!
//! # What is not here
//!
//! - The work of a single connection ([`p2p_mux`]), and discovery (`p2p-discovery`).
//! - Port mapping for IPv6: ports are mapped for IPv4 only ([`Nat`]).
//! - Lasting bans: bans are kept in memory. To keep a ban after a restart, put it in the configuration
//!   ([`Config::ban`]).
//!
//! # Features
//!
//! - `discovery`: the node runs discv4 and dials the nodes that it finds (`ServerSettings::discovery`). Other
//!   sources of nodes work without it ([`Server::add_candidates`]).
//! - `discv5`: the node also dials nodes that discv5 finds. discv5 has its own UDP socket.
//! - `dns`: the node also dials nodes from signed lists in the DNS.
//! - `store`: a database file stores the nodes that were seen or dialed. They are dialed after a restart.
//! - `nat`: the node asks a gateway to map its ports ([`Nat`]), over UPnP, NAT-PMP or PCP. This adds an HTTP client.
//! - `serde` (default): [`NodeInfo`], [`PeerInfo`] and [`Stats`] can be serialized, the first two as geth's
//!   `admin_nodeInfo` and `admin_peers` show them; [`ServerSettings`] can be kept in a file.
//! - `schema`: JSON Schemas of [`NodeInfo`] and [`PeerInfo`].

mod access;
mod clock;
mod config;
mod context;
mod dial;
mod discovery;
mod error;
mod nat;
mod observed;
mod peering;
mod proxy;
mod server;
mod slots;
#[cfg(feature = "store")]
mod store;
mod tasks;

#[doc(no_inline)]
pub use p2p_mux::{self as mux, identity, rlp, transport};

pub use access::{
    Access, Ban, BanTarget, Bans, Exclusion, ExclusionReason, InboundSettings, LinkSettings,
    NetRestrict, NetRestrictError, RefuseReason, RefuseStats,
};
#[cfg(feature = "discovery")]
pub use config::DiscoverySettings;
pub use config::{
    AccessSettings, Config, ConnectionSettings, DialSettings, EventSettings, NodeDialer,
    NodeSettings, NodeSource, ReceiveBuffer, ServerSettings,
};
pub use context::prepare_socket;
pub use dial::{Backoff, DialReason, Dialer, NextAction, NodeKind, OfferError};
pub use error::{DialError, ProtocolError, StartError};
#[cfg(feature = "fuzzing")]
pub use nat::wire::{natpmp, pcp};
pub use nat::{
    Mapping, MappingError, Mechanism, Nat, NatEvent, NatParseError, NatStats, Transport,
};
#[cfg(feature = "store")]
pub use node_store::{Damage, StoreError};
pub use observed::{
    ClockError, Counted, DROP_SAMPLES, DialFailReason, DialFailStats, DialState, Dropped, Event,
    Events, FoundStats, InboundFailReason, InboundFailStats, Json, LastOutcomes, MemoryUse,
    MessageEvent, Messages, Network, NodeInfo, Occurrence, PeerInfo, Ports, ReasonName,
    RemovedStats, Stats,
};
#[cfg(feature = "discovery")]
#[doc(no_inline)]
pub use p2p_discovery;
pub use proxy::{Proxy, ProxyError, ProxyRefuseReason, ProxyUrlError};
pub use server::{Server, access::NamedNodes, pair::pair};
pub use slots::{Admission, Direction, Limits, Slots};

/// The examples in the README compile and run like those of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
