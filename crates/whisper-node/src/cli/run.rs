//! `whisper-node run`: from flags to a running node, and back down.

use std::fs;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use p2p_identity::SecretKey;
use tokio::signal;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};
use whisper_node::rpc::{HttpConfig, RpcConfig, WsConfig};
use whisper_node::{
    FilterSettings, Interest, MAX_MESSAGE_SIZE, Node, NodeConfig, PeerSettings, Settings,
};

use super::failure::Failure;
use super::flags::{Flags, NetworkFlags, RpcFlags, WhisperFlags};
use super::journal;
use super::verbosity::Verbosity;

/// Runs a node until Ctrl-C (or, on Unix, SIGTERM).
pub(crate) async fn run(flags: Flags) -> Result<(), Failure> {
    log_to_stderr(flags.verbosity);
    let stop = stop_signal().map_err(Failure::Signals)?;
    let mut node = Node::start(node_config(flags)?).await?;
    println!("{}", banner(&node));
    tokio::select! {
        () = stop => {}
        () = journal::keep(&mut node.events) => {}
    }
    println!("stopping");
    node.stop().await;
    Ok(())
}

/// Logs go to stderr, so that stdout is the addresses alone and a script can read them.
fn log_to_stderr(verbosity: Verbosity) {
    let lines = fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(verbosity.targets())).init();
}

/// What a script or a person needs to reach the node, one `name  value` a line.
fn banner(node: &Node) -> String {
    let or_off = |scheme: &str, addr: Option<SocketAddr>| match addr {
        Some(addr) => format!("{scheme}://{addr}"),
        None => "off".to_owned(),
    };
    format!(
        "enode      {}\nHTTP       {}\nWebSocket  {}\nmetrics    {}\nCtrl-C stops the node.",
        node.server.enode(),
        or_off("http", node.rpc().http_addr()),
        or_off("ws", node.rpc().ws_addr()),
        or_off("http", node.metrics_addr()),
    )
}

/// Waits for the wish to stop. The wish is heard from the call on, not from the first poll.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Waits for the wish to stop. The wish is heard from the call on, not from the first poll.
#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

/// The node that the flags describe. Reads the node key, and makes the data directory and the key where needed.
fn node_config(flags: Flags) -> Result<NodeConfig, Failure> {
    let datadir = match flags.datadir {
        Some(datadir) => datadir,
        None => std::env::home_dir().ok_or(Failure::NoHome)?.join(".whisper-node"),
    };
    fs::create_dir_all(&datadir)
        .map_err(|source| Failure::DataDir { path: datadir.clone(), source })?;
    let whisper = whisper_settings(&flags.whisper)?;
    let key = node_key(&flags.network, &datadir)?;
    let metrics = flags
        .metrics
        .metrics
        .then(|| SocketAddr::new(flags.metrics.metrics_addr, flags.metrics.metrics_port));
    Ok(NodeConfig {
        server: server_config(key, flags.network),
        whisper,
        rpc: rpc_config(flags.rpc, datadir),
        metrics,
    })
}

fn whisper_settings(flags: &WhisperFlags) -> Result<Settings, Failure> {
    let (min_work, max_message_size) = (flags.shh_pow, flags.shh_max_message_size);
    if !(min_work.is_finite() && min_work >= 0.0) {
        return Err(Failure::MinPow(min_work));
    }
    if max_message_size > MAX_MESSAGE_SIZE {
        return Err(Failure::MaxMessageSize(max_message_size, MAX_MESSAGE_SIZE));
    }
    let defaults = Settings::default();
    let idle = flags.shh_filter_idle.map(|seconds| Duration::from_secs(seconds.into()));
    Ok(Settings {
        min_work,
        max_message_size,
        light: flags.shh_light,
        interest: if flags.shh_filtered { Interest::Filters } else { defaults.interest },
        filters: FilterSettings { idle, ..defaults.filters },
        peers: PeerSettings { restrict_light: flags.shh_restrict_light, ..defaults.peers },
        ..Settings::default()
    })
}

fn node_key(flags: &NetworkFlags, datadir: &Path) -> Result<SecretKey, Failure> {
    match (&flags.nodekeyhex, &flags.nodekey) {
        (Some(hex), _) => SecretKey::from_hex(hex).map_err(Failure::KeyHex),
        (None, Some(file)) => Ok(SecretKey::load(file)?),
        (None, None) => Ok(SecretKey::load_or_create(datadir.join("nodekey"), &mut rand::rng())?),
    }
}

/// The node's name as peers and `web3_clientVersion` show it, in the form that go-ethereum uses.
fn client_name(identity: Option<&str>) -> String {
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    match identity {
        Some(identity) => format!("WhisperNode/{identity}/{version}/{os}-{arch}"),
        None => format!("WhisperNode/{version}/{os}-{arch}"),
    }
}

fn server_config(key: SecretKey, flags: NetworkFlags) -> p2p_server::Config {
    let mut config = p2p_server::Config::new(key)
        .name(client_name(flags.identity.as_deref()))
        .listen(SocketAddr::new(flags.addr, flags.port))
        .max_peers(flags.maxpeers)
        .max_pending(flags.maxpendpeers)
        .memory(usize::try_from(flags.memory).unwrap_or(usize::MAX).saturating_mul(1 << 20))
        .discover(!flags.nodiscover)
        .nat(flags.nat);
    config.nodes.boot = flags.bootnodes;
    config.nodes.statics = flags.staticnodes;
    config.net_restrict = flags.netrestrict;
    config
}

fn rpc_config(flags: RpcFlags, datadir: PathBuf) -> RpcConfig {
    let http = flags.http.then(|| HttpConfig {
        addr: SocketAddr::new(flags.http_addr, flags.http_port),
        api: flags.http_api,
        cors: flags.http_corsdomain,
        vhosts: flags.http_vhosts,
    });
    let ws = flags.ws.then(|| WsConfig {
        addr: SocketAddr::new(flags.ws_addr, flags.ws_port),
        api: flags.ws_api,
        origins: flags.ws_origins,
    });
    RpcConfig { http, ws, datadir, ..RpcConfig::default() }
}
