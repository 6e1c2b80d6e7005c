//! Checks the configuration against itself: the nodes that it names, and who may be a peer.

use std::net::{IpAddr, UdpSocket};
use std::path::Path;

use p2p_identity::{Enode, Host, NodeId, SecretKey};
use p2p_server::BanTarget;

use super::finding::{Finding, error, warning};
use crate::cli::flags::{Flags, List};

/// Finds contradictions in the configuration.
pub(super) fn check(flags: &Flags, datadir: &Path) -> Vec<Finding> {
    let named = named_nodes(flags);
    let mut findings = Vec::new();
    findings.extend(own_key(flags, datadir, &named));
    findings.extend(named.iter().filter_map(|(flag, enode)| excluded(flags, flag, enode)));
    findings.extend(no_source(flags, &named));
    findings.extend(families(flags, &named));
    findings.extend(whisper(flags));
    findings
}

/// The nodes that the configuration names, with the setting.
pub(super) fn named_nodes(flags: &Flags) -> Vec<(&'static str, Enode)> {
    let discovery = &flags.network.discovery;
    let of = |setting: &'static str, nodes: &[List<Enode>]| {
        List::joined(nodes.to_vec()).into_iter().map(move |node| (setting, node))
    };
    of("bootnodes", &discovery.bootnodes).chain(of("staticnodes", &discovery.staticnodes)).collect()
}

/// The node has the key of another node of the network.
fn own_key(flags: &Flags, datadir: &Path, named: &[(&str, Enode)]) -> Option<Finding> {
    let id = own_id(flags, datadir)?;
    let (setting, enode) = named.iter().find(|(_, enode)| enode.id == id)?;
    let what = format!("the key of this node is that of {} in {setting}", place(enode));
    let to_do = "give each node a key of its own: remove the file nodekey in the data directory, or correct nodekey";
    match enode.host {
        // A list that all nodes share contains this one as well.
        Host::Ip(ip) if is_own(ip) && enode.tcp == flags.network.port => None,
        Host::Ip(ip) if is_own(ip) => Some(error(what, to_do)),
        _ => Some(warning(
            what,
            format!("nothing if that is the address of this node; otherwise {to_do}"),
        )),
    }
}

/// Whether this machine has the address.
fn is_own(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

/// The id of the node, if it has a key already.
fn own_id(flags: &Flags, datadir: &Path) -> Option<NodeId> {
    match flags.network.key.read_given() {
        Ok(Some(key)) => Some(key.id()),
        Ok(None) => SecretKey::load(datadir.join("nodekey")).ok().map(|key| key.id()),
        Err(_) => None,
    }
}

/// A rule of the configuration excludes a node that it names.
fn excluded(flags: &Flags, setting: &str, enode: &Enode) -> Option<Finding> {
    let (access, place) = (&flags.network.access, place(enode));
    let ip = match enode.host {
        Host::Ip(ip) => Some(ip),
        _ => None,
    };
    if let (Some(networks), Some(ip)) = (&flags.network.netrestrict, ip)
        && !networks.networks().is_empty()
        && !networks.allows(ip)
    {
        let what = format!("netrestrict excludes {place}, which is in {setting}");
        return Some(error(what, "add its network to netrestrict, or remove the node"));
    }
    let is_banned = |target: &BanTarget| match target {
        BanTarget::Node(id) => *id == enode.id,
        BanTarget::Network(network) => ip.is_some_and(|ip| network.contains(&ip)),
    };
    if List::joined(access.ban.clone()).iter().any(is_banned) {
        let what = format!("ban excludes {place}, which is in {setting}");
        return Some(error(what, "remove it from one of the two"));
    }
    let allowed = access.allow.clone().map(List::joined).filter(|ids| !ids.is_empty())?;
    (!allowed.contains(&enode.id)).then(|| {
        let what = format!("allow does not list {place}, which is in {setting}");
        error(what, format!("add its id to allow: {}", enode.id))
    })
}

/// There is no way to find a peer.
fn no_source(flags: &Flags, named: &[(&str, Enode)]) -> Option<Finding> {
    let network = &flags.network;
    let lists = !network.discovery.discovery_dns.is_empty();
    let finds =
        !network.nodiscover && (network.discovery.discovery_v4 || network.discovery.discovery_v5);
    let is_static = |(setting, _): &(&str, Enode)| *setting == "staticnodes";
    if network.access.nodial {
        return Some(warning(
            "nodial is set: this node connects to no other",
            "remove it, unless all peers dial this node",
        ));
    }
    if !finds && !named.iter().any(is_static) {
        return Some(error(
            "discovery is off, and staticnodes is empty: this node finds no peer",
            "name nodes in staticnodes, or remove nodiscover",
        ));
    }
    (finds && named.is_empty() && !lists).then(|| {
        warning(
            "bootnodes and staticnodes are empty: this node knows no other, unless it has found some before",
            "name one or two nodes of the network in bootnodes",
        )
    })
}

/// No address of this node can reach the nodes that it names.
fn families(flags: &Flags, named: &[(&str, Enode)]) -> Option<Finding> {
    let own = List::joined(flags.network.addr.clone());
    let ips: Vec<IpAddr> = named
        .iter()
        .filter_map(|(_, enode)| match enode.host {
            Host::Ip(ip) => Some(ip),
            _ => None,
        })
        .collect();
    let only_v6 = !own.is_empty() && own.iter().all(IpAddr::is_ipv6);
    let reaches_v4 = own.iter().any(IpAddr::is_unspecified);
    let all_v4 = !ips.is_empty() && ips.iter().all(IpAddr::is_ipv4);
    (only_v6 && !reaches_v4 && all_v4).then(|| {
        error(
            "this node listens on IPv6 only, and all nodes that it knows have IPv4 addresses: they cannot dial it, and \
             discovery does not reach them",
            "add an IPv4 address to addr, for example 0.0.0.0",
        )
    })
}

/// Settings of Whisper with which messages get lost.
fn whisper(flags: &Flags) -> Vec<Finding> {
    let (defaults, whisper) = (whisper_protocol::Config::default(), &flags.whisper);
    let mut findings = Vec::new();
    if whisper.shh_pow > defaults.min_work.get() {
        let (work, usual) = (whisper.shh_pow, defaults.min_work.get());
        findings.push(warning(
            format!("this node demands a work of {work} (shh.pow), and others send with {usual}: it drops their messages"),
            format!("set shh.pow to {usual}, or raise the work of all senders"),
        ));
    }
    if whisper.shh_max_message_size < defaults.max_message_size {
        let (size, usual) = (whisper.shh_max_message_size, defaults.max_message_size);
        findings.push(warning(
            format!("this node drops messages of more than {size} bytes (shh.maxmessagesize); others send up to {usual}"),
            format!("set shh.maxmessagesize to {usual}"),
        ));
    }
    if whisper.light.shh_filtered {
        findings.push(warning(
            "the bloom filter of this node excludes all topics without a filter here (shh.filtered)",
            "make a filter before you wait for messages, or remove shh.filtered",
        ));
    }
    if whisper.light.shh_light {
        findings.push(warning(
            "this node relays nothing (shh.light)",
            "remove shh.light if others depend on it",
        ));
    }
    findings
}

/// A node, short.
pub(super) fn place(enode: &Enode) -> String {
    format!("{:.8}…@{}:{}", enode.id.to_string(), enode.host, enode.tcp)
}
