//! A whole Whisper node for programs that embed it: Whisper, the network, JSON-RPC and metrics.
//!
//! [`Node`] starts the parts of a node: [`whisper_protocol`], [`p2p_server`] and [`whisper_rpc`]. It also serves their
//! counters to Prometheus ([`metrics`]). The program `whisper-node` adds a command line.
//!
//! ```
//! use p2p_identity::SecretKey;
//! use whisper_node::{Node, NodeConfig, p2p_server::Config};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = NodeConfig::new(Config::new(SecretKey::generate()));
//! config.rpc = whisper_node::whisper_rpc::RpcConfig { http: None, ws: None, ..Default::default() };
//! let node = Node::start(config).await?;
//! println!("{} envelopes in the pool", node.whisper.info().envelopes);
//! node.stop().await;
//! # Ok(())
//! # }
//! ```

// Printing panics if the reader has gone.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod archive;
mod dashboard;
mod files;
pub mod metrics;
mod node;
mod reload;
mod store;

pub use archive::{ArchiveConfig, ArchiveOpenError, ArchiveStore};
pub use files::KeptFiles;
pub use node::{Node, NodeConfig, NodeError};
pub use reload::ReloadError;
pub use store::{StoreConfig, StoreOpenError};
#[doc(no_inline)]
pub use {p2p_server, whisper_archive, whisper_protocol, whisper_rpc, whisper_store};

/// The examples in the README compile and run like those of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
