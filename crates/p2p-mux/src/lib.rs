//! One encrypted devp2p connection, many isolated sub-protocols on it.

#[doc(no_inline)]
pub use p2p_identity as identity;
#[doc(no_inline)]
pub use rlp_codec as rlp;
#[doc(no_inline)]
pub use rlpx_transport as transport;

pub mod base;
mod budget;
mod capability;
#[cfg(feature = "tokio")]
mod channel;
mod closed;
mod config;
mod connection;
#[cfg(feature = "tokio")]
mod driver;
#[cfg(feature = "tokio")]
mod exit;
#[cfg(feature = "tokio")]
mod farewell;
#[cfg(feature = "tokio")]
mod greet;
mod hello;
mod liveness;
mod message;
#[cfg(feature = "tokio")]
mod outbox;
#[cfg(feature = "tokio")]
mod peer;
#[cfg(feature = "tokio")]
mod pipe;
#[cfg(feature = "tokio")]
mod ports;
#[cfg(feature = "tokio")]
mod protocol;
mod reason;
mod schedule;
mod slot;
mod stats;

pub use budget::{Limits, Load};
pub use capability::{Capability, Offer, Shared, negotiate};
pub use closed::{Closed, Fault, Lost};
pub use config::{Config, MAX_MESSAGE};
pub use connection::{Connection, Event, Sent};
pub use hello::{Hello, HelloError, LOWEST_P2P_VERSION, MAX_HELLO, P2P_VERSION};
pub use message::{Message, SendError};
pub use reason::Reason;
pub use slot::{Ending, OnExit, Overload, SlotId, Terms};
pub use stats::{Drops, Exits, SlotStats, Stats};

#[cfg(feature = "tokio")]
pub use channel::{Channel, Receiver, Sender};
#[cfg(feature = "tokio")]
pub use exit::Exit;
#[cfg(feature = "tokio")]
pub use greet::{GreetError, Greeted, Local, greet, refuse};
#[cfg(feature = "tokio")]
pub use peer::{Origin, Peer};
#[cfg(feature = "tokio")]
pub use protocol::Protocol;
