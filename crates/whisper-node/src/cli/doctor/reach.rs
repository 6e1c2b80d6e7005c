//! Asks the nodes and the proxy that the configuration names, over the network.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use p2p_identity::{Content, Enode, Host, Record, SecretKey, causes};
use p2p_mux::Protocol;
use p2p_server::p2p_discovery::{BootNodeReason, Discv4, Discv4Config, Event, NetworkId};
use p2p_server::{Config, DialError, Event as ServerEvent, Server};
use tokio::net::TcpStream;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::timeout;

use super::finding::{Finding, error};
use super::lists::{named_nodes, place};
use crate::cli::failure::Failure;
use crate::cli::flags::Flags;

/// Maximum time for an answer of a boot node: several pings, and its record.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// Maximum time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// Asks all nodes at the same time, but not the static ones that are `peers` of the running node.
pub(super) async fn check(flags: &Flags, peers: &[String]) -> Vec<Finding> {
    let named = named_nodes(flags);
    let of = |wanted: &str| {
        let nodes = named.iter().filter(|(setting, _)| *setting == wanted);
        nodes.map(|(_, enode)| enode.clone()).collect::<Vec<_>>()
    };
    let (boot, statics) = (of("bootnodes"), of("staticnodes"));
    let discovers = !flags.network.nodiscover && flags.network.discovery.discovery_v4;
    let boot = boot.iter().filter(|_| discovers).map(|enode| boot_node(flags, enode));
    // Through a proxy, only the proxy is reached from here.
    let dials = flags.network.proxy.is_none() && !flags.network.access.nodial;
    let is_peer = |enode: &&Enode| peers.iter().any(|peer| peer.contains(&enode.id.to_string()));
    let statics = statics.iter().filter(|enode| dials && !is_peer(enode)).map(static_node);
    let (boot, statics, proxy) = tokio::join!(join_all(boot), join_all(statics), proxy(flags));
    let mut findings: Vec<_> = boot.into_iter().chain(statics).flatten().chain(proxy).collect();
    // Several nodes tell the same of the clock.
    findings.dedup();
    findings
}

/// Pings a boot node.
async fn boot_node(flags: &Flags, enode: &Enode) -> Option<Finding> {
    let discv4 = match start_discovery(flags, enode).await {
        Ok(discv4) => discv4,
        Err(source) => return Some(unusable(enode, &causes(&source).to_string())),
    };
    let events = discv4.events();
    if let Err(source) = discv4.add_boot_node(enode).await {
        return Some(unusable(enode, &causes(&source).to_string()));
    }
    let answered = async {
        match config_network(flags) {
            None => discv4.ping(enode).await.is_ok(),
            Some(network) => {
                discv4.request_record(enode).await.is_ok_and(|record| network.is_of(&record))
            }
        }
    };
    let finding = tokio::select! {
        finding = timeout(ANSWER_TIMEOUT, problem(events, enode)) => {
            Some(finding.unwrap_or_else(|_| unusable(enode, "no answer")))
        }
        true = answered => None,
    };
    discv4.stop().await;
    finding
}

/// Takes part in discovery under an identity of its own.
async fn start_discovery(flags: &Flags, enode: &Enode) -> Result<Discv4, Failure> {
    let key = SecretKey::random(&mut rand::rng());
    let record = Record::sign(&key, 1, &Content::new()).map_err(Failure::OwnRecord)?;
    let mut config = Discv4Config::new();
    config.network = config_network(flags);
    let any = match enode.host {
        Host::Ip(ip) if ip.is_ipv6() => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        _ => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
    };
    Ok(Discv4::start(config, key, &record, any).await?)
}

/// Waits until discovery says what is wrong with a boot node.
async fn problem(mut events: Receiver<Event>, enode: &Enode) -> Finding {
    loop {
        match events.recv().await {
            Ok(
                Event::BootNodeFailed(_, BootNodeReason::WrongClock(offset))
                | Event::ClockOffset(offset, _),
            ) => {
                let place = place(enode);
                return error(
                    format!(
                        "the clock of this machine is about {offset} that of the boot node {place}"
                    ),
                    "set the clock, and keep it right with NTP",
                );
            }
            Ok(Event::BootNodeFailed(_, reason)) => return unusable(enode, &reason.to_string()),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn unusable(enode: &Enode, reason: &str) -> Finding {
    error(
        format!("the boot node {} cannot be used: {reason}", place(enode)),
        "correct it in bootnodes, start it, or open its UDP port in the firewall",
    )
}

fn config_network(flags: &Flags) -> Option<NetworkId> {
    flags.network.discovery.networkid.map(NetworkId)
}

/// Connects to a static node under another identity, which it may refuse. A refusal shows that it is there.
async fn static_node(enode: &Enode) -> Option<Finding> {
    let key = SecretKey::random(&mut rand::rng());
    let silent = Protocol::new("doctor", 1, 1, |_, _| async { Ok(()) });
    let config = Config::new(key).discover(false).protocol(silent).static_node(enode.clone());
    let server = Server::start(config).await.ok()?;
    let mut events = server.events();
    let ended = timeout(CONNECT_TIMEOUT, async {
        loop {
            match events.next().await {
                Some(ServerEvent::DialFailed { error, .. }) => return Some(error),
                Some(ServerEvent::Added { .. }) | None => return None,
                Some(_) => {}
            }
        }
    });
    let reason = match ended.await {
        Ok(None) => None,
        // It answered, and has no protocol in common or no place for a stranger.
        Ok(Some(failure)) if matches!(*failure, DialError::Hello(_)) => None,
        Ok(Some(failure)) => Some(causes(&*failure).to_string()),
        Err(_) => Some("no answer".to_owned()),
    };
    server.stop().await;
    reason.map(|reason| {
        error(
            format!("the static node {} cannot be reached: {reason}", place(enode)),
            "correct it in staticnodes, start it, or open its TCP port in the firewall; if it closes the connection, it may have \
             had another one from this address within half a minute (throttle): try again then",
        )
    })
}

/// Connects to the proxy.
async fn proxy(flags: &Flags) -> Option<Finding> {
    let Some(Ok(proxy)) = &flags.network.proxy else { return None };
    let (host, port) = proxy.address();
    let reason = match timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => return None,
        Ok(Err(source)) => source.to_string(),
        Err(_) => "no answer".to_owned(),
    };
    let what = format!("the proxy {host}:{port} cannot be reached: {reason}");
    Some(error(what, "start it, or correct proxy"))
}
