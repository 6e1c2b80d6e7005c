//! JSON-RPC over HTTP, WebSocket and IPC. It is compatible with go-ethereum 1.8: clients of go-ethereum (web3.js 1.x,
//! web3.py) work unchanged.
//!
//! The namespaces are `shh` (Whisper), `admin`, `debug`, `net`, `web3` and `rpc`. The operator chooses the namespaces of
//! HTTP and WebSocket ([`HttpSettings::api`], [`WsSettings::api`]). Names and order of fields, hexadecimal forms,
//! omitted fields, error codes and error texts are those of go-ethereum. go-ethereum 1.8 does not follow the JSON-RPC
//! specification for batches, ids and invalid JSON. This crate does. `RPC.md` in this crate lists the differences.
//!
//! Every method is declared once. The declaration registers the method, and describes it in the OpenRPC document
//! ([`openrpc`]). Programs in Rust use the typed calls in [`client`].
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
//! let key = p2p_identity::SecretKey::generate();
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
//! `jsonrpsee` runs the methods and subscriptions. This crate implements the transports, with `hyper` and `tungstenite`.
//! Therefore all transports have the same limits and deadlines, and can be started and stopped.
//!
//! # Features
//!
//! - `server` (default): the servers.
//! - `client` (default): the typed calls. It does not need the feature `server`.
//! - `fuzzing`: entry points for the fuzz targets of this workspace. They are not part of the stable interface.
//!
//! Without features the crate has only the [`types`] of arguments and answers.
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
//! messages, and the time for each step. Parsing does not recurse. The `Host` and `Origin` headers show whether a request
//! comes from a web page. Web pages are refused unless their name is allowed. [`RpcStats`] counts refusals by reason.
#![cfg_attr(
    not(feature = "server"),
    allow(
        rustdoc::broken_intra_doc_links,
        reason = "the documentation is built with all features"
    )
)]

#[cfg(feature = "server")]
mod audit;
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
mod lock;
#[cfg(feature = "server")]
mod meter;
#[cfg(feature = "server")]
mod namespace;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod team;
#[cfg(feature = "server")]
mod transport;
pub mod types;
#[cfg(feature = "server")]
mod web_name;

#[cfg(feature = "server")]
pub use {
    audit::chain::{AuditChain, AuditError, MAX_AUDIT_LINE},
    audit::limiter::AuditLimiter,
    audit::{AuditActor, AuditEvent, AuditSink},
    call::error::OVER_QUOTA_CODE,
    call::stats::RpcStats,
    config::{HttpSettings, RpcAccess, RpcConfig, RpcLimits, TeamsSettings, WsSettings},
    meter::{RpcMeter, RpcView, TeamView},
    namespace::context::openrpc,
    namespace::reload::{ReloadOutcome, Reloader},
    namespace::{Namespace, UnknownNamespace},
    server::{RpcServer, serve},
    team::change::HeldTeams,
    team::credential::{
        CertificateHash, CertificateHashError, Credential, TeamCertificate, TeamToken, TokenHash,
        TokenHashError,
    },
    team::keeper::TeamKeeper,
    team::name::{TeamName, TeamNameError},
    team::quotas::{Quota, Quotas},
    team::scopes::{MethodName, MethodNameError, Scopes},
    team::{Team, Teams},
    transport::error::{RpcError, Transport},
    transport::tls::{Tls, TlsContent, TlsError},
    transport::token::{Token, TokenError, accepted_sub_protocol},
    transport::vhosts::VirtualHosts,
    web_name::{WebNameError, WebSetting},
};

/// The examples in the README compile and run like those of this documentation.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
mod readme {}
