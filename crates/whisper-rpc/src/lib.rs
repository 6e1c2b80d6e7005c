//! JSON-RPC over HTTP, WebSocket and IPC, compatible with go-ethereum 1.8, so that its clients (web3.js 1.x, web3.py)
//! work unchanged.
//!
//! The namespaces are `shh` (Whisper), `admin`, `debug`, `net`, `web3` and `rpc`. For each transport the operator
//! chooses which are served ([`HttpSettings::api`], [`WsSettings::api`]). Names and order of fields, hexadecimal forms,
//! omitted fields, error codes and error texts are go-ethereum's. Where go-ethereum 1.8 deviates from the JSON-RPC
//! specification (batches, ids, invalid JSON), this crate follows the specification; `RPC.md` in this crate lists the
//! differences. Every method is declared once. Its registration and its description in the OpenRPC document
//! ([`openrpc`]) are made from this declaration. Programs in Rust use the typed calls in [`client`].
//!
#![cfg_attr(feature = "server", doc = "```")]
#![cfg_attr(not(feature = "server"), doc = "```ignore")]
//! use p2p_server::Server;
//! use whisper_protocol::Whisper;
//! use whisper_rpc::{HttpSettings, RpcConfig, serve};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let whisper = Whisper::new(whisper_protocol::Config::default());
//! let key = p2p_identity::SecretKey::random(&mut rand::rng());
//! let server = Server::start(p2p_server::Config::new(key).protocols(whisper.protocols())).await?;
//!
//! // HTTP only, on any free port of this machine.
//! let http = HttpSettings { addr: "127.0.0.1:0".parse()?, ..HttpSettings::default() };
//! let config = RpcConfig { http: Some(http), ws: None, ..RpcConfig::default() };
//! let rpc = serve(config, whisper, server).await?;
//! println!("http://{}", rpc.http_addr().expect("HTTP is served"));
//! rpc.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! `jsonrpsee` runs the methods and subscriptions. The transports are implemented here, on `hyper` and `tungstenite`, so
//! that all of them have the same limits and deadlines, and can be started and stopped.
//!
//! # Features
//!
//! - `server` (default): the servers.
//! - `client` (default): the typed calls. Without `server`, no server is compiled.
//! - `fuzzing`: entry points for the fuzz targets of this workspace. Not part of the interface.
//!
//! Without features there are only the [`types`] of arguments and answers.
//!
//! # Access control
//!
//! A client that may call `shh` can read the node's Whisper keys, unless [`RpcConfig::key_export`] is off. A client that
//! may call `admin` controls the node. By default, HTTP and WebSocket listen on loopback only. A [`Token`] excludes other
//! programs and users, [`Tls`] protects against eavesdroppers. IPC serves all namespaces; the mode of its socket allows
//! only the user that runs the node.
//!
//! # Hostile clients and web pages
//!
//! All resources are bounded ([`RpcLimits`]): size of requests, batches, number of connections and subscriptions, queued
//! messages, and the time for each step. Parsing does not recurse. The `Host` and `Origin` headers tell web pages from
//! programs; web pages are refused unless their name is allowed. [`RpcStats`] counts refusals by reason.
#![cfg_attr(
    not(feature = "server"),
    allow(
        rustdoc::broken_intra_doc_links,
        reason = "the documentation is built with all features"
    )
)]

#[cfg(feature = "server")]
mod call;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
mod config;
#[cfg(feature = "server")]
mod declare;
#[cfg(all(test, feature = "server"))]
mod error_tests;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "server")]
mod namespace;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod transport;
pub mod types;

#[cfg(feature = "server")]
pub use {
    call::stats::RpcStats,
    config::{HttpSettings, RpcConfig, RpcLimits, WsSettings},
    namespace::context::openrpc,
    namespace::{Namespace, UnknownNamespace},
    server::{RpcMeter, RpcServer, serve},
    transport::error::{RpcError, Transport},
    transport::tls::{Tls, TlsContent, TlsError},
    transport::token::{Token, TokenError},
    transport::vhosts::VirtualHosts,
};
