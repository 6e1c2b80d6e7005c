//! RLPx, the encrypted transport of devp2p: a handshake between two node keys, then frames.
//!
//! The protocol is implemented as state machines without socket, clock, task or random source. They take
//! bytes and randomness as parameters and return bytes.
//!
//! - [`Initiator`] and [`Recipient`] are the two sides of the handshake (RLPx, "Initial Handshake"; EIP-8).
//!   Each step consumes the machine, so no step can be repeated or skipped.
//! - A [`Stock`] has ephemeral keys that were made in advance, and shared secrets with known peers. With it a
//!   handshake takes less time. It is optional.
//! - A finished handshake returns a [`Session`]. It has a [`Sealer`] for sending and an [`Opener`] for receiving.
//!   The two are independent, so reading never waits for writing. Both use buffers of the caller.
//! - Both ends use the records of `sec/1` (`SEC.md`) instead of frames if both have it, as their [`SecPolicy`] says:
//!   with keys for each direction, and forward secrecy against a later quantum computer. [`Session::link`] says what
//!   is used.
//! - [`Stream`], [`connect`] and [`accept`] (feature `tokio`, on by default) run this over any
//!   `AsyncRead + AsyncWrite`, with one deadline for the whole handshake.
//!
//! ```
//! use p2p_identity::SecretKey;
//! use rlpx_transport::{HANDSHAKE_LIMIT, accept, connect};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (here, there) = tokio::io::duplex(1024); // or a TcpStream on each side
//! let (alice, bob) = (SecretKey::generate(), SecretKey::generate());
//!
//! let server = async {
//!     let mut stream = accept(there, &bob, HANDSHAKE_LIMIT).await?;
//!     assert_eq!(stream.remote(), alice.id());
//!     let message = stream.read().await?.expect("the peer says something");
//!     stream.write(message.code + 1, &message.payload).await?;
//!     stream.flush().await?;
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! };
//! let client = async {
//!     let mut stream = connect(here, &alice, &bob.id(), HANDSHAKE_LIMIT).await?;
//!     stream.write(16, b"hello").await?;
//!     stream.flush().await?;
//!     let echo = stream.read().await?.expect("the peer answers");
//!     assert_eq!((echo.code, &echo.payload[..]), (17, &b"hello"[..]));
//!     assert!(stream.read().await?.is_none()); // the peer closed the connection
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! };
//! tokio::try_join!(server, client)?;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/drive.rs` shows the same without tokio: it runs both ends in one thread.
//!
//! # What a hostile peer can do
//!
//! - Time: a peer can keep a connection open until the deadline.
//! - Computing: if a peer knows the node's id, one complete handshake packet causes four multiplications on the
//!   curve, two key generations and a signature recovery (about 0.3 ms). This is possible once per connection.
//! - Memory: a handshake packet has at most [`MAX_HANDSHAKE_SIZE`] bytes. The size of a frame is checked as soon as
//!   its header has arrived. A buffer grows only with the bytes that have arrived. A compressed payload is refused
//!   if its declared length exceeds the limit, or is impossible for its compressed size.
//!
//! If a handshake fails, the connection ends and nothing is sent, so the peer does not learn the cause. The
//! local side finds it in [`HandshakeError`].
//!
//! # What is not here
//!
//! - The content of messages: Hello, capabilities, ping (`p2p-mux`).
//! - The choice of nodes to dial.
//! - Frames of more than one chunk. The frame header has fields for them, which no client uses. They are sent with
//!   the usual values, and ignored when they are received.
//!
//! # Features
//!
//! - `sec` (default): `sec/1` with `aws-lc-rs`, which needs a C compiler; not for WebAssembly.
//! - `sec-portable`: `sec/1` in Rust alone, and with random numbers that the caller gives.
//! - `null`: a thread can leave out all cryptography. For simulations only.
//! - `serde`: serialization of [`SecPolicy`].
//! - `tokio` (default): [`Stream`], [`connect`], [`accept`], [`connect_with`], [`accept_with`].

mod curve;
mod error;
mod frame;
mod handshake;
mod key;
mod keystream;
mod mac;
mod message;
#[cfg(feature = "null")]
mod null;
mod sec;
mod secrets;
mod session;
mod snappy;
#[cfg(feature = "tokio")]
mod stream;
#[cfg(test)]
mod vectors;

pub use error::{FrameError, HandshakeError, SnappyError};
pub use frame::{MAX_FRAME_SIZE, MAX_PAYLOAD};
pub use handshake::{
    Accepted, ForeignProtocol, HandshakeStep, Initiator, MAX_HANDSHAKE_SIZE, Recipient, Stock,
    StockSize,
};
pub use message::Message;
#[cfg(feature = "null")]
pub use null::{NullGuard, null_cryptography};
pub use sec::{
    Link, MAX_PIECE, Part, Piece, PieceError, SecError, SecLibrary, SecPolicy, SecPolicyError,
    SecSettings, Suite,
};
pub use session::{Opener, Sealer, Session};
#[cfg(feature = "tokio")]
pub use stream::{
    ConnectError, HANDSHAKE_LIMIT, Parts, Stream, StreamError, accept, accept_with, connect,
    connect_with,
};

/// The examples in the README compile and run like those of this documentation.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
mod readme {}
