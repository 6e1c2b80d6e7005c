//! The flags of `whisper-node run`.
//!
//! Only this program knows flags. The libraries have settings, and their defaults are the defaults of the flags.

pub(crate) mod archive;
mod key;
mod list;
mod log;
mod network;
mod node_url;
mod output;
mod peer_access;
mod rpc;
mod secret;
mod store;
mod topic;
mod whisper;
mod work_rules;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

pub(crate) use archive::{ArchiveFlags, read_password};
pub(crate) use key::{KeyFlags, require_regular_file};
pub(crate) use list::{List, list};
pub(crate) use log::LogFlags;
pub(crate) use network::NetworkFlags;
pub(crate) use node_url::{NodeUrlError, discovery_node, node_url, static_node};
pub(crate) use output::{Output, print_json};
pub(crate) use peer_access::PeerAccessFlags;
pub(crate) use rpc::RpcFlags;
pub(crate) use secret::{KEY_PASSWORD, PASSWORD, Secret, first_line, open_keystore, read_file};
pub(crate) use store::{KEY_FILE, STORE_FILE, STORE_PASSPHRASE, StoreFlags};
pub(crate) use topic::topic;
pub(crate) use whisper::{OnOff, RateFlags, WhisperFlags};

/// All flags of a node. Names and defaults are go-ethereum's, with two exceptions: HTTP and WebSocket are on, on loopback
/// only; and `--nat` is `none`, because a router is asked only if the operator wants it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Flags {
    /// Data directory: the node key, which is made on the first start, and everything else that is kept between runs
    /// [default: ~/.whisper-node]
    #[arg(long, value_name = "DIR")]
    pub(crate) datadir: Option<PathBuf>,

    /// Configuration file, in TOML. Its keys are the names of these flags; `config default` prints one
    /// [default: whisper-node.toml in the data directory, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) log: LogFlags,

    #[command(flatten)]
    pub(crate) network: NetworkFlags,

    #[command(flatten)]
    pub(crate) rpc: RpcFlags,

    #[command(flatten)]
    pub(crate) metrics: MetricsFlags,

    #[command(flatten)]
    pub(crate) whisper: WhisperFlags,

    #[command(flatten)]
    pub(crate) archive: ArchiveFlags,

    #[command(flatten)]
    pub(crate) store: StoreFlags,

    /// As in go-ethereum, where it turns Whisper on. Here it is always on
    #[arg(long, hide = true)]
    shh: bool,
}

/// Whether and where the metrics are served.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
pub(crate) struct MetricsFlags {
    /// Serve the node's counters to Prometheus, at /metrics; and whether the node works (/healthz) and has
    /// peers (/readyz, /readyz?peers=N)
    #[arg(long)]
    metrics: bool,

    /// Address of the metrics server
    #[arg(long = "metrics.addr", value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    metrics_addr: IpAddr,

    /// Port of the metrics server; 0: any free port
    #[arg(long = "metrics.port", value_name = "PORT", default_value_t = 6060)]
    metrics_port: u16,
}

impl MetricsFlags {
    /// The address of the metrics server, if it is to be served.
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        self.metrics.then(|| SocketAddr::new(self.metrics_addr, self.metrics_port))
    }
}
