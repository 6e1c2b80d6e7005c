//! Makes the configuration of a node from the flags.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use p2p_identity::SecretKey;
use p2p_mux::transport::SecPolicy;
use p2p_server::p2p_discovery::NetworkId;
use p2p_server::{DiscoverySettings, LinkSettings, NetRestrict};
use whisper_node::NodeConfig;
use whisper_protocol::{
    AddressFilter, Config, FilterSettings, Interest, MAX_MESSAGE_SIZE, PeerSettings, Rate,
    RateLimits, ReceiptSettings, Work, WorkSettings,
};
use whisper_rpc::RpcConfig;

use crate::cli::config::read_teams;
use crate::cli::failure::Failure;
use crate::cli::flags::{
    Flags, KEY_FILE, List, NetworkFlags, OnOff, PeerAccessFlags, RateFlags, WhisperFlags,
};

/// The configuration of the node. Reads the node key in the data directory, and makes it if needed.
pub(super) fn node_config(flags: Flags, datadir: PathBuf) -> Result<NodeConfig, Failure> {
    let plain = flags.network.access.plain;
    let whisper = whisper_config(&flags.whisper)?;
    let whisper = without_lazy(whisper, plain);
    let store = flags.store.config(&datadir)?;
    let key = match flags.store.node_key(&datadir, store.as_ref())? {
        Some(key) => key,
        None => flags.network.key.read_or_create(|| Ok(datadir.join(KEY_FILE)))?,
    };
    Ok(NodeConfig {
        server: server_config(key, flags.network, datadir.join("nodes"))?,
        whisper,
        rpc: RpcConfig {
            key_export: !flags.whisper.shh_no_key_export,
            ..flags.rpc.config(datadir)?
        },
        metrics: flags.metrics.addr(),
        archive: flags.archive.config()?,
        store,
        archive_protocol: !plain,
        trace_protocol: !plain,
    })
}

/// The configuration of a running node with new settings: those of the network, of Whisper and of the metrics. No file is read
/// or made for them. Everything else stays as it is.
pub(super) fn reloaded(flags: Flags, running: &NodeConfig) -> Result<NodeConfig, Failure> {
    let whisper = whisper_config(&flags.whisper)?;
    let whisper = without_lazy(whisper, flags.network.access.plain);
    let nodes = running.rpc.datadir.join("nodes");
    Ok(NodeConfig {
        server: server_config(running.server.key.clone(), flags.network, nodes)?,
        whisper,
        metrics: flags.metrics.addr(),
        ..running.clone()
    })
}

/// Checks the values that are wrong only for a node, and the file of the teams. Other files are not read or made.
pub(crate) fn check(flags: &Flags) -> Result<(), Failure> {
    whisper_config(&flags.whisper)?;
    flags.rpc.teams_file().map(read_teams).transpose()?;
    let key = SecretKey::random(&mut rand::rng());
    server_config(key, flags.network.clone(), PathBuf::new()).map(drop)
}

/// The same without `lazy/1` if the node is plain.
fn without_lazy(mut whisper: Config, plain: bool) -> Config {
    whisper.peers.lazy &= !plain;
    whisper
}

fn whisper_config(flags: &WhisperFlags) -> Result<Config, Failure> {
    let max_message_size = flags.shh_max_message_size;
    let min_work = Work::new(flags.shh_pow).ok_or(Failure::MinPow(flags.shh_pow))?;
    if max_message_size > MAX_MESSAGE_SIZE {
        return Err(Failure::MaxMessageSize(max_message_size, MAX_MESSAGE_SIZE));
    }
    let defaults = Config::default();
    let (seal, fallback) = (flags.shh_seal.clone(), flags.shh_peer_rule.into());
    let idle = flags.shh_filter_idle.map(|seconds| Duration::from_secs(seconds.into()));
    Ok(Config {
        min_work,
        max_message_size,
        work: WorkSettings { seal, fallback, ..defaults.work },
        receipts: ReceiptSettings { confirmations: flags.shh_confirmations, ..defaults.receipts },
        light: flags.light.shh_light,
        interest: match flags.light.shh_filtered {
            true => Interest::Filters,
            false => defaults.interest,
        },
        filters: FilterSettings { idle, ..defaults.filters },
        peers: PeerSettings {
            restrict_light: flags.light.shh_restrict_light,
            rates: rate_limits(&flags.rates),
            clock_correction: flags.shh_clock_correction,
            lazy: flags.light.shh_lazy == OnOff::On,
            ..defaults.peers
        },
        ..defaults
    })
}

fn rate_limits(flags: &RateFlags) -> RateLimits {
    RateLimits {
        peer: Rate { messages: flags.shh_peer_rate, bytes: flags.shh_peer_bytes },
        ip: Rate { messages: flags.shh_ip_rate, bytes: flags.shh_ip_bytes },
        tolerance: Some(flags.shh_tolerance),
        exempt: List::joined(flags.shh_unlimited.clone()),
        exempt_addresses: match flags.shh_unlimited_nets.clone() {
            networks if networks.networks().is_empty() => AddressFilter::default(),
            networks => AddressFilter::new(move |ip| networks.allows(ip)),
        },
    }
}

/// The node's name, which peers and `web3_clientVersion` show. Its form is go-ethereum's.
fn client_name(identity: Option<&str>) -> String {
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    match identity {
        Some(identity) => format!("WhisperNode/{identity}/{version}/{os}-{arch}"),
        None => format!("WhisperNode/{version}/{os}-{arch}"),
    }
}

/// The configuration of the network. `nodes` is the file of the known nodes.
fn server_config(
    key: SecretKey,
    flags: NetworkFlags,
    nodes: PathBuf,
) -> Result<p2p_server::Config, Failure> {
    let mut config = p2p_server::Config::new(key)
        .name(client_name(flags.identity.as_deref()))
        .max_peers(flags.maxpeers)
        .max_pending(flags.maxpendpeers)
        .memory(flags.memory_bytes())
        .discover(!flags.nodiscover)
        .discovery(discovery_settings(&flags).store(nodes))
        .message_events(flags.msgevents)
        .own_networks(flags.ownnets)
        .nat(flags.nat);
    for addr in List::joined(flags.addr) {
        config = config.listen(SocketAddr::new(addr, flags.port));
    }
    config.settings.nodes.boot = List::joined(flags.discovery.bootnodes);
    config.settings.nodes.statics = List::joined(flags.discovery.staticnodes);
    // An empty list is none, as in go-ethereum.
    let is_given = |list: &NetRestrict| !list.networks().is_empty();
    config.settings.access.net_restrict = flags.netrestrict.filter(is_given);
    config.settings.dialing.proxy = flags.proxy.transpose().map_err(Failure::Proxy)?;
    set_access(&mut config.settings, flags.access);
    Ok(config)
}

/// Sets who may be a peer.
fn set_access(settings: &mut p2p_server::ServerSettings, flags: PeerAccessFlags) {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    settings.nodes.trusted = List::joined(flags.trustednodes);
    settings.limits.dial_ratio = size(flags.dialratio);
    settings.connection.links.sec = flags.sec;
    settings.connection.links.nodes = List::joined(flags.secnodes).into_iter().collect();
    if flags.plain {
        settings.connection.links = LinkSettings { sec: SecPolicy::Off, ..LinkSettings::default() };
        settings.connection.config.chunk = false;
    }
    settings.dialing.enabled = !flags.nodial;
    settings.access.allow = flags.allow.map(List::joined).filter(|ids| !ids.is_empty());
    settings.access.bans = List::joined(flags.ban);
    let throttle = Duration::from_secs(flags.throttle.into());
    settings.inbound.throttle = (flags.throttle > 0).then_some(throttle);
    settings.inbound.max_pending_per_ip = flags.maxpendperip.map(|limit| size(limit.get()));
    settings.inbound.max_peers_per_ip = flags.maxpeersperip.map(|limit| size(limit.get()));
    settings.inbound.max_peers_per_network = flags.maxpeerspernet.map(|limit| size(limit.get()));
}

fn discovery_settings(flags: &NetworkFlags) -> DiscoverySettings {
    let mut settings = DiscoverySettings::new().v4(flags.discovery.discovery_v4);
    let first = List::joined(flags.addr.clone()).first().copied();
    let port = flags.discovery.discovery_port;
    settings.addr = port.zip(first).map(|(port, addr)| SocketAddr::new(addr, port));
    let next = match port.unwrap_or(flags.port) {
        0 => 0,
        port => port.wrapping_add(1),
    };
    let v5_port = flags.discovery.discovery_v5_port.unwrap_or(next);
    let v5_addr = first.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    settings.v5 = flags.discovery.discovery_v5.then(|| SocketAddr::new(v5_addr, v5_port));
    settings.v5_boot = List::joined(flags.discovery.bootnodesv5.clone());
    settings.config.network = flags.discovery.networkid.map(NetworkId);
    settings.lists = List::joined(flags.discovery.discovery_dns.clone());
    settings
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        flags: Flags,
    }

    fn default_flags() -> Flags {
        Command::try_parse_from(["whisper-node"]).unwrap().flags
    }

    #[test]
    fn the_defaults_of_the_whisper_flags_are_those_of_the_library() {
        let config = whisper_config(&default_flags().whisper).unwrap();
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    }

    /// What the program sets without a flag: its name, the address to listen on, and discovery.
    #[test]
    fn the_defaults_of_the_network_flags_are_those_of_the_library() {
        let key = || SecretKey::from_bytes(&[7; 32]).unwrap();
        let config = server_config(key(), default_flags().network, "nodes".into()).unwrap();
        let mut settings = config.settings;
        let defaults = p2p_server::ServerSettings::default();
        assert_eq!(settings.discovery.take(), Some(DiscoverySettings::new().store("nodes")));
        settings.name.clone_from(&defaults.name);
        settings.listen.clone_from(&defaults.listen);
        assert_eq!(settings, defaults);
    }

    #[test]
    fn a_node_can_have_a_policy_of_its_own() {
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let given = format!("--secnodes={}=off", key.id());
        let flags = Command::try_parse_from(["whisper-node", "--sec=require", &given]);
        let config = server_config(key.clone(), flags.unwrap().flags.network, "nodes".into());
        let links = config.unwrap().settings.connection.links;
        assert_eq!((links.sec, links.nodes[&key.id()]), (SecPolicy::Require, SecPolicy::Off));
    }

    #[test]
    fn plain_turns_off_everything_that_go_ethereum_does_not_have() {
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let words = [
            "whisper-node",
            "--plain",
            "--sec=require",
            &format!("--secnodes={}=prefer", key.id()),
        ];
        let flags = Command::try_parse_from(words).unwrap().flags;
        let connection =
            server_config(key, flags.network, "nodes".into()).unwrap().settings.connection;
        assert_eq!((connection.links.sec, connection.links.nodes.len()), (SecPolicy::Off, 0));
        assert!(!connection.config.chunk);
    }
}
