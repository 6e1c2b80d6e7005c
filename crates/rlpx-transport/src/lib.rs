//! RLPx, the encrypted transport of devp2p: a handshake between two node keys, then frames.
//!
//! Everything is a pure machine first, without socket, clock, task or random source: bytes in,
//! bytes out, randomness as a parameter.
//!
//! - [`Initiator`] and [`Recipient`] are the two ends of the handshake (RLPx, "Initial Handshake";
//!   EIP-8). Each step consumes the machine, so nothing can be done twice or too early.
//! - A [`Stock`] makes handshakes cheaper: ephemeral keys made ahead, and the static–static secret of
//!   peers that are known. It is optional.
//! - A finished handshake is a [`Session`]: a [`Sealer`] for what is sent and an [`Opener`] for
//!   what is received. The two are independent: reading never waits for writing. Both work in the
//!   caller's buffers.
//! - [`Stream`], [`connect`] and [`accept`] (feature `tokio`, on by default) put that on any
//!   `AsyncRead + AsyncWrite`, with one deadline for the whole handshake.
//!
//! ```
//! use p2p_identity::SecretKey;
//! use rlpx_transport::{HANDSHAKE_LIMIT, accept, connect};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (here, there) = tokio::io::duplex(1024); // or two ends of a TcpStream
//! let (alice, bob) = (SecretKey::random(&mut rand::rng()), SecretKey::random(&mut rand::rng()));
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
//!     assert!(stream.read().await?.is_none()); // the peer hung up between two frames
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! };
//! tokio::try_join!(server, client)?;
//! # Ok(())
//! # }
//! ```
//!
//! Without tokio the same is a loop over two buffers; `examples/drive.rs` drives two machines in
//! one thread.
//!
//! # What a hostile peer can do
//!
//! Hold a connection until the deadline, and once make us do four multiplications on the curve, two
//! key generations and a signature recovery (some 0.3 ms), if it knows our node id; nothing before
//! the packet is complete. A handshake packet is at most [`MAX_HANDSHAKE_SIZE`] bytes. A frame is
//! checked against the limit as soon as its header is there, and no buffer grows faster than what
//! has arrived. A compressed payload is inflated only if the length that it declares is within the
//! limit and within what so many compressed bytes can possibly hold.
//!
//! Whatever is wrong with a handshake, the peer learns nothing but that the connection ends: no
//! byte is sent. The precise cause is in [`HandshakeError`], for us.
//!
//! # What is not here
//!
//! What is inside the messages: Hello, capabilities, ping (the floor above, `p2p-mux`). Whom to
//! dial. Frames of more than one chunk: nobody has ever used the multiplexing fields of the header
//! data; they are sent as everybody sends them and ignored on receipt.
//!
//! # Features
//!
//! - `tokio` (default): [`Stream`], [`connect`], [`accept`], [`connect_with`], [`accept_with`].

mod error;
mod frame;
mod handshake;
mod mac;
mod message;
mod secrets;
mod session;
mod snappy;
#[cfg(feature = "tokio")]
mod stream;
#[cfg(test)]
mod vectors;

pub use error::{FrameError, HandshakeError, SnappyError};
pub use frame::{MAX_FRAME_SIZE, MAX_PAYLOAD};
pub use handshake::{Accepted, Initiator, MAX_HANDSHAKE_SIZE, Recipient, Step, Stock, StockSize};
pub use message::Message;
pub use session::{Opener, Sealer, Session};
#[cfg(feature = "tokio")]
pub use stream::{
    ConnectError, HANDSHAKE_LIMIT, Parts, Stream, StreamError, accept, accept_with, connect,
    connect_with,
};
