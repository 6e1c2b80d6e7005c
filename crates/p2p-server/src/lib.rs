//! A devp2p node: it listens, dials, keeps its peers, and runs any number of sub-protocols on each
//! connection.
//!
//! Give [`Config`] a key, an address and your sub-protocols, and [`Server::start`] does the rest:
//! it accepts and dials, proves identities, agrees on sub-protocols, redials static peers for ever,
//! holds to its limits, and says what happens ([`Events`]), what it counted ([`Stats`]) and what it
//! will do next ([`Server::next_action`]).
//!
//! ```
//! use p2p_server::{Config, Event, Server, identity::SecretKey, mux::{Exit, Protocol}};
//! use tokio::sync::mpsc;
//!
//! const PING: u64 = 0;
//! const PONG: u64 = 1;
//!
//! /// A sub-protocol: greets each peer with a number, sends back every number it gets.
//! fn echo(heard: mpsc::Sender<u64>) -> Protocol {
//!     Protocol::new("echo", 1 /* version */, 2 /* number of codes */, move |_peer, mut channel| {
//!         let heard = heard.clone();
//!         async move {
//!             channel.send(PING, &42u64).await?;
//!             while let Some(message) = channel.recv().await {
//!                 match message.code {
//!                     PING => channel.send(PONG, &message.decode::<u64>()?).await?,
//!                     PONG => drop(heard.send(message.decode()?).await),
//!                     code => return Err(Exit::unexpected(code)),
//!                 }
//!             }
//!             Ok(()) // recv() == None: the connection is over
//!         }
//!     })
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (heard, mut numbers) = mpsc::channel(1);
//! let (alice, bob) = (SecretKey::random(&mut rand::rng()), SecretKey::random(&mut rand::rng()));
//!
//! let listens = Config::new(bob).listen("127.0.0.1:0").protocol(echo(heard.clone()));
//! let bob = Server::start(listens).await?;
//! let dials = Config::new(alice).protocol(echo(heard)).static_node(bob.enode());
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
//! Two machines without sockets, clock or chance decide everything: [`Dialer`] whom to dial and
//! when, [`Slots`] who may stay. Around them a task accepts on each address, one dials, and each
//! connection has its own. An inbound connection passes these gates, and what is turned away at
//! each has its counter:
//!
//! 1. the address is in the allowed networks ([`NetRestrict`]), not banned ([`Server::ban`]), and has
//!    not connected a moment ago ([`Inbound`]), else the socket is closed at once;
//! 2. the handshakes in progress are within their limits, of this address and in all, else the oldest
//!    gives way, those first who have not proved a key;
//! 3. the handshake proves a key within 5 s;
//! 4. that key is allowed and not banned, not our own, not connected already, and there is room, else
//!    it is told the reason instead of a Hello;
//! 5. the Hello exchange finds a common sub-protocol in time;
//! 6. gate 4 once more, since others have come in the meantime. Now it has its place.
//!
//! Outbound connections take the same way from gate 3 on. Where two nodes dial each other at the
//! same moment, the connection dialed by the node with the smaller id stays on both ends; no
//! sub-protocol sees two connections with one peer at once.
//!
//! # Who may be a peer
//!
//! The operator's rules, [`Access`], stand above all privileges: the networks to talk to, a list of the
//! only nodes that may be peers, and bans of nodes and networks, for a time or for ever. All of them
//! change at run time and hold at once: a peer that they exclude is gone within a second, is neither
//! dialed nor accepted from then on, and [`Server::next_action`] says why, and until when.
//!
//! # Sub-protocols that come and go
//!
//! [`Server::add_protocol`] and [`Server::remove_protocol`] change what a running server runs. What
//! two nodes have in common is settled once, when they exchange Hello: RLPx has no words to do it
//! again. So a new sub-protocol runs with peers that connect from then on, and one that is removed
//! stops everywhere at once while the connections stay.
//!
//! # Streams and time of one's own
//!
//! A [`NodeDialer`] opens the streams to other nodes, [`Server::accept`] takes those that came in by
//! other ways than the addresses listened on. With both, servers meet over anything that can be read
//! and written, in a test in memory. All that a server waits for it waits for on the clock of the
//! tokio runtime, which a test can stop (`tokio::time::pause`): an hour of redialing passes in a
//! moment. The two machines take the time as an argument. Only what outlives a run goes by the time of
//! day: the sequence number of the node's record, and the times in the database of nodes.
//!
//! # What a hostile peer can do
//!
//! Open sockets: they cost a task and a file descriptor each until the handshake is done, at most
//! [`Limits::max_pending`] of them, half from one address, and they push out each other rather than
//! those who prove a key; from outside, one address connects once in 30 s ([`Inbound`]). Fill the
//! memory of its connection up to its share of [`ServerSettings::memory`], and more while others leave it;
//! then it waits or goes. Take a place under an identity made up for the purpose: at most
//! [`Limits::max_peers`], fewer where the node finds peers itself; static and trusted peers always
//! get in. Choose its client name and capabilities, which are shown as they are. It cannot hold up
//! a stop, the dialing, or another connection.
//!
//! # What is not here
//!
//! What happens on one connection is [`p2p_mux`]'s, how nodes find each other `p2p-discovery`'s.
//! Ports are mapped for IPv4 only ([`Nat`]). Bans are kept in memory: those that shall hold after a
//! restart belong into the configuration ([`Config::ban`]).
//!
//! # Features
//!
//! - `discovery`: the node takes part in discv4 and dials whom it finds ([`ServerSettings::discovery`]). Any
//!   other source of nodes can be added without it ([`Server::add_candidates`]).
//! - `discv5`: with it, nodes found by discv5, on a UDP socket of its own.
//! - `dns`: with it, nodes from signed lists in the DNS.
//! - `nat`: a gateway is asked to let others through ([`Nat`]), by UPnP, NAT-PMP or PCP. It brings an
//!   HTTP client with it.
//! - `store`: with it, the nodes that were met or dialed, on disk, to begin with after a restart.
//! - `serde` (default): [`NodeInfo`], [`PeerInfo`] and [`Stats`] serialise, the first two as geth's
//!   `admin_nodeInfo` and `admin_peers` show them; [`ServerSettings`] can be kept in a file.

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
    Access, Ban, BanTarget, Bans, Exclusion, ExclusionReason, InboundSettings, NetRestrict,
    NetRestrictError, RefuseReason,
};
#[cfg(feature = "discovery")]
pub use config::DiscoverySettings;
pub use config::{
    AccessSettings, Config, ConnectionSettings, DEFAULT_RECEIVE_BUFFER, DialSettings,
    EventSettings, NodeDialer, NodeSettings, NodeSource, ServerSettings,
};
pub use dial::{Backoff, DialReason, Dialer, NextAction, NodeKind, OfferError};
pub use error::{DialError, ProtocolError, StartError};
#[cfg(feature = "fuzzing")]
pub use nat::wire::{natpmp, pcp};
pub use nat::{
    Mapping, MappingError, Mechanism, Nat, NatEvent, NatParseError, NatStats, Transport,
};
pub use observed::{
    DialState, Event, Events, FoundStats, Json, LastOutcomes, MemoryUse, MessageEvent, Messages,
    Network, NodeInfo, PeerInfo, Ports, RefuseStats, Stats,
};
#[cfg(feature = "discovery")]
#[doc(no_inline)]
pub use p2p_discovery;
pub use proxy::{Proxy, ProxyError, ProxyRefuseReason, ProxyUrlError};
pub use server::Server;
pub use slots::{Admission, Direction, Limits, Slots};
#[cfg(feature = "store")]
pub use store::StoreError;
pub use tasks::prepare_socket;
