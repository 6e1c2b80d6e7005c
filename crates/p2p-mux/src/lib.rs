//! One encrypted devp2p connection, many isolated sub-protocols on it.
//!
//! A sub-protocol is a name, a version, a number of message codes and an async function; see
//! [`Protocol`]. Two nodes that have connected over RLPx ([`transport`]) exchange Hello
//! ([`exchange_hello`]), find out which sub-protocols both have, and run each of them in a task of its own
//! ([`NegotiatedConnection::run`]). What one of them does, the others do not feel:
//!
//! - **It ends alone.** When its function returns, fails or panics, its slot closes; the
//!   connection and the other slots go on. What still arrives for it is dropped and counted. With
//!   the last slot the connection ends, or before if a protocol wants it so ([`OnExit`],
//!   [`Exit::Disconnect`]). One that should go on is started again after a rest
//!   ([`OnExit::Restart`]).
//! - **It is bounded.** What has arrived and was not taken, and what waits to be sent, is limited
//!   for each slot, in bytes and in messages ([`SlotSettings`]). RLPx has no window per sub-protocol:
//!   while one is full, nothing is read for the others either. That is bounded in time
//!   ([`Config::stall_limit`]), and then its [`OnOverload`] rule applies. See below what that means
//!   for one that is slow.
//! - **It gets its share.** Who sends next is decided by deficit round robin in bytes, with a weight
//!   for each protocol, and the messages of the connection itself go first. Towards another node
//!   with this crate large messages go in pieces ([`Chunks`], `CHUNK.md`), so a small one waits at
//!   most for one piece of each neighbour, and for what is sealed already (64 KiB). Towards
//!   everybody else a message is one frame, and it waits for one large one of each.
//!
//! Reading never waits for writing. Whatever is dropped, refused or closed has a reason in
//! [`CloseReason`], [`HelloExchangeError`] or [`SendError`], and a counter in [`ConnectionStats`].
//!
//! # A sub-protocol
//!
//! Twenty lines, and a test of them without a network:
//!
//! ```
//! use p2p_mux::{Channel, Exit, Peer, Protocol, identity::{NodeId, SecretKey}};
//! use tokio::sync::mpsc;
//!
//! const PING: u64 = 0;
//! const PONG: u64 = 1;
//!
//! fn echo(heard: mpsc::Sender<(NodeId, u64)>) -> Protocol {
//!     Protocol::new("echo", 1, 2, move |peer, mut channel| {
//!         let heard = heard.clone();
//!         async move {
//!             channel.send(PING, &7u64).await?;
//!             while let Some(message) = channel.recv().await {
//!                 match message.code {
//!                     PING => channel.send(PONG, &message.decode::<u64>()?).await?,
//!                     PONG => heard.send((peer.id(), message.decode()?)).await?,
//!                     code => return Err(Exit::unexpected(code)),
//!                 }
//!             }
//!             Ok(()) // the connection is over
//!         }
//!     })
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (heard, mut hear) = mpsc::channel(1);
//! let peer = Peer::detached(SecretKey::random(&mut rand::rng()).id());
//! let (here, there) = Channel::pipe();
//! for end in [here, there] {
//!     let (echo, peer) = (echo(heard.clone()), peer.clone());
//!     tokio::spawn(async move { echo.run(peer, end).await });
//! }
//! assert_eq!(hear.recv().await, Some((peer.id(), 7)));
//! # }
//! ```
//!
//! `examples/echo.rs` runs the same over TCP, and `examples/two_teams.rs` has one that crashes every
//! second beside one that measures.
//!
//! Messages can also be values of an enum ([`TypedMessage`], [`TypedChannel`]), and questions be matched with
//! their answers ([`requests`]).
//!
//! # Isolation
//!
//! What a team can rely on whose sub-protocol shares a connection with others, whatever these do:
//!
//! - **Its slot is its own.** That another returns, fails, panics, does not take its messages, is
//!   started again or [removed](Peer::remove) neither closes the connection (unless that one's terms
//!   ask for it) nor loses, duplicates or reorders any of its messages.
//! - **Sending.** In each round every slot that has something to say may send 16 KiB times its
//!   weight. What it waits for is at most one message of each other slot, or one piece of 16 KiB
//!   where both ends have `chunk/1`, and what is sealed already.
//! - **Receiving.** All the time for which one slot keeps the others from receiving is limited:
//!   [`Config::stall_limit`] once, and a twentieth of the rest.
//! - **MemoryBudget.** What one slot can make the node hold is limited by its [`SlotSettings`], and what all
//!   connections can by a [`MemoryBudget`]. A connection within its share of that is always served.
//!
//! And what cannot be had, because RLPx has no window for each sub-protocol:
//!
//! - While a slot is full, nothing is read for the others: that is the stall above. Stalls of less
//!   than a fiftieth of the limit are not counted, as a sender that is a little too fast has to be
//!   slowed down somehow: a sub-protocol that is always full, but takes its messages ten times a
//!   second, slows its neighbours down to that. One with much to receive should ask for it in
//!   [portions](requests).
//! - The sub-protocols of a connection are settled when it begins. One that is added later needs a
//!   new connection; for one that is removed, messages may still come, and are dropped.
//! - The other end has budgets of its own: if it stops reading, everybody waits, up to
//!   [`Config::write_limit`].
//! - A task that blocks its thread blocks the others on that thread.
//!
//! # Without tokio
//!
//! [`Connection`] is the same connection as a pure machine, for those with I/O of their own and for
//! simulations: bytes in, [`Event`]s out; messages in, bytes out; time is an argument. [`Hello`]
//! and [`negotiate`] come before it; `examples/bring_your_own_io.rs` does it all over blocking
//! sockets. Everything else here is the feature `tokio`.
//!
//! # What is not here
//!
//! Who to connect to, and how many peers to have (the floor above, `p2p-server`); how bytes are
//! encrypted ([`transport`]); what any sub-protocol says.
//!
//! # Features
//!
//! - `tokio` (default): everything but the machine.
//! - `serde`: [`Config`] can be kept in a file.

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
pub use memory::{MemoryBudget, MemoryStats};
pub use message::{DecodeError, Message, SendError, TypedMessage};
pub use reason::{CloseReason, DisconnectReason, LostReason, ProtocolBreach};
pub use requests::{PendingRequests, ResponseMatch};
pub use slot::{
    OnExit, OnOverload, QueueLimits, QueueLoad, RestartSettings, SlotEndReason, SlotId,
    SlotSettings,
};
pub use stats::{
    CodeStats, ConnectionStats, DropStats, ExitStats, Metric, MetricKind, Sample, SlotStats,
    TrafficStats,
};

#[cfg(feature = "tokio")]
pub use hello::{HelloExchangeError, LocalNode, NegotiatedConnection, exchange_hello, refuse};
#[cfg(feature = "tokio")]
pub use protocol::{
    Channel, Direction, Exit, ObservedMessage, Origin, Peer, Protocol, Receiver, Sender,
    TypedChannel, TypedReceiver, TypedSender,
};
#[cfg(feature = "tokio")]
pub use requests::{RequestError, Requests, Responses, requests};
