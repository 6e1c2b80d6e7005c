//! One encrypted devp2p connection that carries many isolated sub-protocols.
//!
//! A sub-protocol has a name, a version, a number of message codes and an async function; see
//! [`Protocol`]. Two nodes that have connected over RLPx ([`transport`]) exchange Hello
//! ([`exchange_hello`]), find the sub-protocols that both have, and run each of them in its own task
//! ([`NegotiatedConnection::run`]). Each sub-protocol has a slot of the connection, and the slots
//! are isolated from each other:
//!
//! - **A slot ends alone.** When the function returns, fails or panics, its slot closes. The
//!   connection and the other slots continue. Messages that arrive later for the closed slot are
//!   dropped and counted. The connection ends with its last slot, or earlier if a sub-protocol asks for that
//!   ([`OnExit::Disconnect`], [`Exit::Disconnect`]). [`OnExit::Restart`] starts a sub-protocol again
//!   after a delay.
//! - **A slot is bounded.** Its inbound and its outbound queue are limited in bytes and in messages
//!   ([`SlotSettings`]). RLPx has no flow control per sub-protocol: while one inbound queue is full,
//!   nothing is read for the others either. [`Config::stall_limit`] bounds that time; after it the
//!   slot's [`OnOverload`] rule applies.
//! - **A slot gets its share of the bandwidth.** Deficit round robin in bytes, with a weight for each
//!   slot, decides which slot sends next; messages of the base protocol go first. If both nodes use
//!   this crate, large messages are sent in pieces ([`Chunks`], `CHUNK.md`). Then a small message
//!   waits for at most one piece of each other slot, and for the bytes that are already encrypted
//!   (64 KiB). If the other node does not have `chunk/1`, each message is one frame. Then a message
//!   may wait for one large message of each other slot.
//!
//! Reading never waits for writing. Everything that is dropped, refused or closed has a reason
//! ([`CloseReason`], [`HelloExchangeError`], [`SendError`]) and a counter ([`ConnectionStats`]).
//!
//! # A sub-protocol
//!
//! This is a complete sub-protocol, with a test that needs no network:
//!
//! ```
//! use p2p_mux::{Channel, Exit, Peer, Protocol, identity::{NodeId, SecretKey}};
//! use tokio::sync::mpsc;
//!
//! const PING: u64 = 0;
//! const PONG: u64 = 1;
//!
//! fn echo(pongs: mpsc::Sender<(NodeId, u64)>) -> Protocol {
//!     Protocol::new("echo", 1, 2, move |peer, mut channel| {
//!         let pongs = pongs.clone();
//!         async move {
//!             channel.send(PING, &7u64).await?;
//!             while let Some(message) = channel.recv().await {
//!                 match message.code {
//!                     PING => channel.send(PONG, &message.decode::<u64>()?).await?,
//!                     PONG => pongs.send((peer.id(), message.decode()?)).await?,
//!                     code => return Err(Exit::unexpected(code)),
//!                 }
//!             }
//!             Ok(()) // the connection has ended
//!         }
//!     })
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (sender, mut pongs) = mpsc::channel(1);
//! let peer = Peer::detached(SecretKey::generate().id());
//! let (here, there) = Channel::pipe();
//! for end in [here, there] {
//!     let (echo, peer) = (echo(sender.clone()), peer.clone());
//!     tokio::spawn(async move { echo.run(peer, end).await });
//! }
//! assert_eq!(pongs.recv().await, Some((peer.id(), 7)));
//! # }
//! ```
//!
//! `examples/echo.rs` runs the same over TCP. `examples/two_teams.rs` runs a sub-protocol that
//! crashes every second beside one that measures round trips.
//!
//! If peers ask each other and answer, use a [`Service`]: a handler on one end, one call on the other. Messages
//! can also be values of an enum ([`TypedMessage`], [`TypedChannel`]), and responses can be matched with their
//! requests ([`requests`]). [`rlp::rlp_list`] encodes structs and enums.
//!
//! # Isolation
//!
//! A sub-protocol has these guarantees, whatever the other sub-protocols of the connection do:
//!
//! - **Lifetime.** If another sub-protocol returns, fails, panics, does not take its messages, is
//!   restarted or [removed](Peer::remove), the connection stays open (unless the settings of that
//!   sub-protocol say otherwise), and no message of this one is lost, duplicated or reordered.
//! - **Sending.** In each round every slot with queued messages may send 16 KiB times its weight. A
//!   message waits for at most one message of each other slot (one piece of 16 KiB where both ends
//!   have `chunk/1`), and for the bytes that are already encrypted.
//! - **Receiving.** One slot can stop the other slots from receiving only for a limited time. The sum
//!   of this time is at most [`Config::stall_limit`] plus a twentieth of the elapsed time.
//! - **Memory.** [`SlotSettings`] limits the memory that one slot can use, and [`MemoryBudget`]
//!   limits the memory of all connections together. A connection within its share of that budget is
//!   always served.
//!
//! These things are not guaranteed, because RLPx has no flow control per sub-protocol:
//!
//! - While the inbound queue of another slot is full, nothing is received. Stops that are shorter
//!   than a fiftieth of the limit do not count, because they only slow down a sender that is
//!   slightly too fast. So there is a slow case: a sub-protocol whose queue is always full, but which
//!   takes messages ten times a second. It slows down the receiving of all others. A sub-protocol
//!   that receives much data should request it in parts ([`requests`]).
//! - The sub-protocols of a connection are fixed when it begins. To add one, open a new connection.
//!   After one is removed, the peer may still send messages for it; they are dropped.
//! - The peer also has limits. If it stops reading, all slots wait to send, for at most
//!   [`Config::write_limit`].
//! - A task that blocks its thread blocks the other tasks of that thread.
//!
//! # Without tokio
//!
//! [`Connection`] is the same connection as a state machine without I/O. Use it with your own I/O, or in
//! simulations. For received bytes it returns [`Event`]s; for messages it returns bytes to send. The
//! time is a parameter. First use [`Hello`] and [`negotiate`] to agree on the sub-protocols.
//! `examples/bring_your_own_io.rs` shows this with blocking sockets. Everything else in this
//! crate needs the feature `tokio`.
//!
//! # What is not here
//!
//! Which nodes to connect to, and how many (`p2p-server`); encryption ([`transport`]); the messages
//! of any sub-protocol.
//!
//! # Features
//!
//! - `tokio` (default): everything except the state machine.
//! - `serde`: [`Config`] can be serialized.

#[doc(no_inline)]
pub use p2p_identity as identity;
#[doc(no_inline)]
pub use rlp_codec as rlp;
#[doc(no_inline)]
pub use rlpx_transport as transport;

pub mod base;
mod capability;
mod chunk;
mod config;
mod connection;
#[cfg(feature = "tokio")]
mod driver;
#[cfg(test)]
mod error_tests;
mod hello;
mod memory;
mod message;
#[cfg(feature = "tokio")]
mod protocol;
mod reason;
mod requests;
mod slot;
mod stats;

pub use capability::{Capability, Offer, SharedCapability, negotiate};
pub use chunk::{ChunkError, Chunks};
pub use config::{Config, MAX_MESSAGE};
pub use connection::{Connection, Event, Transmit};
pub use hello::{Hello, HelloError, MAX_HELLO, MIN_P2P_VERSION, P2P_VERSION};
pub use memory::{MemoryBudget, MemoryCharge, MemoryStats};
pub use message::{DecodeError, Message, SendError, TypedMessage};
pub use reason::{CloseReason, DisconnectReason, LostReason, ProtocolBreach};
pub use requests::{PendingRequests, ResponseMatch};
pub use slot::{
    OnExit, OnOverload, QueueLimits, QueueLoad, RestartSettings, SlotEndReason, SlotId,
    SlotSettings,
};
pub use stats::{
    CodeStats, ConnectionStats, DropStats, ExitStats, Histogram, HistogramSample,
    HistogramSnapshot, Metric, MetricKind, Sample, SlotStats, TrafficStats,
};

#[cfg(feature = "tokio")]
pub use hello::{HelloExchangeError, LocalNode, NegotiatedConnection, exchange_hello, refuse};
#[cfg(feature = "tokio")]
pub use protocol::{
    Channel, Direction, Exit, ExitCause, ObservedMessage, Origin, Peer, Protocol, ProtocolEnd,
    Receiver, Sender, TypedChannel, TypedReceiver, TypedSender,
};
#[cfg(feature = "tokio")]
pub use requests::{
    RequestError, Requests, Responses, Service, ServiceError, ServiceLimits, ServicePeer, requests,
};

/// The examples in the README compile and run like those of this documentation.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
mod readme {}
