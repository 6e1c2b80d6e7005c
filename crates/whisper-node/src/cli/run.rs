//! `whisper-node run`: from flags to a running node, and back down.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use p2p_identity::SecretKey;
use p2p_server::DiscoverySettings;
use p2p_server::p2p_discovery::NetworkId;
use whisper_node::{Node, NodeConfig};
use whisper_protocol::{
    AddressFilter, FilterSettings, Interest, MAX_MESSAGE_SIZE, PeerSettings, Rate, RateLimits,
    ReceiptSettings, Rules, Settings,
};
use whisper_rpc::RpcConfig;

use super::access::Access;
use super::failure::Failure;
use super::flags::{Flags, NetworkFlags, RateFlags, WhisperFlags, WhoFlags};
use super::journal;
use super::stop::stop_signal;

/// Runs a node until Ctrl-C (or, on Unix, SIGTERM).
pub(crate) async fn run(flags: Flags) -> Result<(), Failure> {
    flags.verbosity.log_to_stderr();
    let stop = stop_signal().map_err(Failure::Signals)?;
    let config = node_config(flags)?;
    let access = Access::of(&config.rpc);
    let mut node = Node::start(config).await?;
    println!("{}", banner(&node, &access));
    tokio::select! {
        () = stop => {}
        () = journal::keep(&mut node.events) => {}
    }
    println!("stopping");
    node.stop().await;
    Ok(())
}

/// What a script or a person needs to reach the node, one `name  value` a line. `access`: who may.
fn banner(node: &Node, access: &Access) -> String {
    let off = || "off".to_owned();
    let url = |scheme: &str, addr: Option<SocketAddr>| {
        addr.map_or_else(off, |addr| format!("{scheme}://{addr}"))
    };
    let (rpc, (http, ws)) = (node.rpc(), access.schemes());
    format!(
        "enode      {}\nHTTP       {}\nWebSocket  {}\nIPC        {}\naccess     {access}\nmetrics    {}\n\
         Ctrl-C stops the node.",
        node.server.enode(),
        url(http, rpc.http_addr()),
        url(ws, rpc.ws_addr()),
        rpc.ipc_path().map_or_else(off, |path| path.display().to_string()),
        url("http", node.metrics_addr()),
    )
}

/// The data directory, made where it is not there.
pub(super) fn data_dir(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let datadir = match given {
        Some(datadir) => datadir,
        None => std::env::home_dir().ok_or(Failure::NoHome)?.join(".whisper-node"),
    };
    fs::create_dir_all(&datadir)
        .map_err(|source| Failure::DataDir { path: datadir.clone(), source })?;
    Ok(datadir)
}

/// The node that the flags describe. Reads the node key, and makes the data directory and the key where needed.
fn node_config(flags: Flags) -> Result<NodeConfig, Failure> {
    let datadir = data_dir(flags.datadir)?;
    let whisper = whisper_settings(&flags.whisper)?;
    let key = flags.network.key.read(&datadir.join("nodekey"))?;
    let metrics = flags
        .metrics
        .metrics
        .then(|| SocketAddr::new(flags.metrics.metrics_addr, flags.metrics.metrics_port));
    Ok(NodeConfig {
        server: server_config(key, flags.network, datadir.join("nodes"))?,
        whisper,
        rpc: RpcConfig {
            key_export: !flags.whisper.shh_no_key_export,
            ..flags.rpc.config(datadir)?
        },
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
    let (seal, otherwise) = (flags.shh_seal.into(), flags.shh_peer_rule.into());
    let rules = Rules { seal, otherwise, ..Rules::default() };
    let idle = flags.shh_filter_idle.map(|seconds| Duration::from_secs(seconds.into()));
    Ok(Settings {
        min_work,
        max_message_size,
        rules,
        receipts: ReceiptSettings {
            confirmations: flags.shh_confirmations,
            ..ReceiptSettings::default()
        },
        light: flags.shh_light,
        interest: if flags.shh_filtered { Interest::Filters } else { defaults.interest },
        filters: FilterSettings { idle, ..defaults.filters },
        peers: PeerSettings {
            restrict_light: flags.shh_restrict_light,
            rates: rate_limits(&flags.rates),
            clock_correction: flags.shh_clock_correction.unwrap_or(defaults.peers.clock_correction),
            ..defaults.peers
        },
        ..Settings::default()
    })
}

fn rate_limits(flags: &RateFlags) -> RateLimits {
    RateLimits {
        peer: Rate { messages: flags.shh_peer_rate, bytes: flags.shh_peer_bytes },
        ip: Rate { messages: flags.shh_ip_rate, bytes: flags.shh_ip_bytes },
        tolerance: Some(flags.shh_tolerance),
        exempt: flags.shh_unlimited.clone(),
        exempt_addresses: {
            let networks = flags.shh_unlimited_nets.clone();
            AddressFilter::new(move |ip| networks.allows(ip))
        },
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

/// `nodes`: the file in which the nodes that were met are kept.
fn server_config(
    key: SecretKey,
    flags: NetworkFlags,
    nodes: PathBuf,
) -> Result<p2p_server::Config, Failure> {
    let mut config = p2p_server::Config::new(key)
        .name(client_name(flags.identity.as_deref()))
        .max_peers(flags.maxpeers)
        .max_pending(flags.maxpendpeers)
        .memory(usize::try_from(flags.memory).unwrap_or(usize::MAX).saturating_mul(1 << 20))
        .discover(!flags.nodiscover)
        .discovery(discovery_settings(&flags).store(nodes))
        .message_events(flags.msgevents)
        .nat(flags.nat);
    for addr in &flags.addr {
        config = config.listen(SocketAddr::new(*addr, flags.port));
    }
    config.settings.nodes.boot = flags.bootnodes;
    config.settings.nodes.statics = flags.staticnodes;
    config.settings.access.net_restrict = flags.netrestrict;
    config.settings.dialing.proxy = flags.proxy.transpose().map_err(Failure::Proxy)?;
    admit(&mut config.settings, flags.who);
    Ok(config)
}

/// Who may be a peer.
fn admit(settings: &mut p2p_server::ServerSettings, flags: WhoFlags) {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    settings.nodes.trusted = flags.trustednodes;
    settings.limits.dial_ratio = size(flags.dialratio);
    settings.dialing.enabled = !flags.nodial;
    settings.access.allow = flags.allow;
    settings.access.bans = flags.ban;
    let throttle = Duration::from_secs(flags.throttle.into());
    settings.inbound.throttle = (flags.throttle > 0).then_some(throttle);
    settings.inbound.max_pending_per_ip = flags.maxpendperip.map(|most| size(most.get()));
}

/// How nodes are found, unless `--nodiscover` says that they are not.
fn discovery_settings(flags: &NetworkFlags) -> DiscoverySettings {
    let mut config = DiscoverySettings::new().v4(flags.discovery_v4);
    let first = flags.addr.first().copied();
    config.addr = flags.discovery_port.zip(first).map(|(port, addr)| SocketAddr::new(addr, port));
    config.config.network = flags.networkid.map(NetworkId);
    config.lists.clone_from(&flags.discovery_dns);
    config
}
