//! JSON-RPC over HTTP, WebSocket and IPC, as go-ethereum 1.8 serves it, so that its clients (web3.js 1.x, web3.py) need no
//! change.
//!
//! The namespaces are `shh` (Whisper), `admin`, `debug`, `net`, `web3` and `rpc`; each transport serves only those it was
//! given ([`HttpConfig::api`], [`WsConfig::api`]). Field names and their order, hexadecimal forms, which fields are
//! left out, error codes and error texts are go-ethereum's. Where its JSON-RPC is older than the specification
//! (batches, ids, unreadable JSON), this follows the specification; the differences are listed in `RPC.md` of this
//! crate. Every method is declared once; from that come its registration and the OpenRPC [`document`], which
//! `rpc_discover` answers. For programs in Rust there are typed calls in [`client`].
//!
//! ```
//! use p2p_server::{Config, Server};
//! use whisper_rpc::{HttpConfig, RpcConfig, serve};
//! use whisper_protocol::{Settings, Whisper};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let whisper = Whisper::new(Settings::default());
//! let key = p2p_identity::SecretKey::random(&mut rand::rng());
//! let server = Server::start(Config::new(key).protocols(whisper.protocols())).await?;
//!
//! // HTTP only, on any free port of this machine.
//! let http = HttpConfig { addr: "127.0.0.1:0".parse()?, ..HttpConfig::default() };
//! let config = RpcConfig { http: Some(http), ws: None, ..RpcConfig::default() };
//! let rpc = serve(config, whisper, server).await?;
//! println!("http://{}", rpc.http_addr().expect("it is served"));
//! rpc.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! The methods and the subscriptions are built with `jsonrpsee`; the transports are this module's own, over `hyper` and
//! `tungstenite`, so that all of them have the same limits and deadlines, and can be started and stopped.
//!
//! # Who may call
//!
//! Whoever may call `shh` can read the node's keys (unless [`RpcConfig::key_export`] is off), whoever may call `admin`
//! controls the node. HTTP and WebSocket listen on loopback unless told otherwise; a [`Token`] keeps out other programs
//! and users, there and elsewhere, and [`Tls`] those who listen on the way. IPC is for the node's own user, by the mode
//! of its socket, and serves everything.
//!
//! # What a hostile client or web page can do
//!
//! Little: requests, batches, connections, subscriptions, what waits to be sent and the time that each step may take are
//! bounded ([`Limits`]); nothing is parsed recursively; a web page is told from a program by the `Host` and `Origin` headers and refused unless its
//! name was allowed. Reasons and counts of refusals are in [`RpcStats`].

mod call;
pub mod client;
mod config;
mod declare;
#[doc(hidden)]
pub mod fuzzing;
mod namespace;
mod serve;
mod transport;
pub mod types;

pub use call::refusal::RpcStats;
pub use config::{HttpConfig, Limits, RpcConfig, WsConfig};
pub use declare::document::document;
pub use namespace::{Namespace, UnknownNamespace};
pub use serve::{RpcMeter, RpcServer, serve};
pub use transport::start_error::{RpcError, Transport};
pub use transport::tls::{Tls, TlsError};
pub use transport::token::{Token, TokenError};
pub use transport::vhosts::VirtualHosts;
