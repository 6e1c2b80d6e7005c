//! JSON-RPC over HTTP and WebSocket, as go-ethereum 1.8 serves it, so that its clients (web3.js 1.x, web3.py) need no
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
//! use whisper_node::rpc::{HttpConfig, RpcConfig, serve};
//! use whisper_node::{Settings, Whisper};
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
//! What is not here: IPC, TLS, tokens. Until then a server that is reachable from elsewhere belongs behind a proxy
//! that has them: whoever may call `shh` can read the node's keys, whoever may call `admin` controls the node.
//!
//! # What a hostile client or web page can do
//!
//! Little: requests, batches, connections, subscriptions and what waits to be sent are bounded ([`Limits`]); nothing
//! is parsed recursively; a web page is told from a program by the `Host` and `Origin` headers and refused unless its
//! name was allowed. Reasons and counts of refusals are in [`RpcStats`].

mod admin;
mod api;
mod arguments;
mod calls;
pub mod client;
mod config;
mod cors;
mod debug;
mod document;
mod enode;
mod error;
mod gate;
mod guard;
mod hex;
mod json;
mod modules;
mod namespace;
mod net;
mod origins;
mod push;
mod refusal;
mod request_id;
mod serve;
mod shh;
mod signature;
mod start_error;
mod subscription_id;
pub mod types;
mod vhosts;
mod web3;

pub use config::{HttpConfig, Limits, RpcConfig, WsConfig};
pub use document::document;
pub use namespace::{Namespace, UnknownNamespace};
pub use refusal::RpcStats;
pub use serve::{RpcMeter, RpcServer, serve};
pub use start_error::{RpcError, Transport};
pub(crate) use vhosts::VirtualHosts;
