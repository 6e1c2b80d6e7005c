//! A server behind a gateway that supports NAT-PMP or PCP.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use p2p_mux::identity::{Host, SecretKey};

use super::{
    pmp_gateway::PmpGateway,
    server::{failed, mapped, settings, soon, start, until},
};
use crate::{
    Config, MappingError, Mechanism, NatEvent, Server, Transport,
    nat::{GatewaySettings, wire::pcp},
};

const GATEWAY: &str = "pmp:127.0.0.1";

fn behind(gateway: &PmpGateway) -> GatewaySettings {
    GatewaySettings { pmp_port: gateway.port, ..settings() }
}

fn host(server: &Server) -> String {
    match server.enode().host {
        Host::Ip(ip) => ip.to_string(),
        Host::Name(name) => name,
    }
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_url_and_the_record_have_the_external_address() {
    let gateway = PmpGateway::start().await;
    let server = start(GATEWAY, behind(&gateway), |config| config).await;
    let mut events = server.events();
    let before = server.node_info().enr;
    let internal = server.listen_addr().unwrap().port();
    let mapping = until(&mut events, mapped).await;
    assert_eq!((mapping.internal, mapping.external), (internal, internal));
    assert_eq!((mapping.transport, mapping.by), (Transport::Tcp, Mechanism::NatPmp));
    let enode = server.enode();
    assert_eq!(
        enode.to_string().split('@').nth(1).unwrap(),
        format!("203.0.113.7:{internal}?discport=0")
    );
    let info = server.node_info();
    assert_eq!((info.enode, info.ip), (enode.to_string(), "203.0.113.7".to_owned()));
    assert_ne!(info.enr, before);
    soon(server.stop()).await;
    gateway.until(|state| state.mappings.is_empty()).await;
    let stats = server.stats().nat;
    assert_eq!((stats.found, stats.mapped, stats.removed, stats.left), (1, 1, 1, 0));
}

#[tokio::test]
async fn a_mapping_is_renewed_in_time_perhaps_with_another_port() {
    let gateway = PmpGateway::start().await;
    // It grants a longer lifetime than the requested one, by which the renewal is due all the same.
    gateway.set(|state| state.grants = Some(3600));
    let settings = GatewaySettings { lifetime: Duration::from_secs(1), ..behind(&gateway) };
    let server = start(GATEWAY, settings, |config| config).await;
    let mut events = server.events();
    let internal = server.listen_addr().unwrap().port();
    gateway.until(|state| state.asked >= 3).await;
    assert_eq!(server.enode().tcp, internal);
    let other = internal ^ 1;
    gateway.set(|state| state.ports.extend([(internal, other)]));
    let moved = |event: &NatEvent| mapped(event).filter(|mapping| mapping.external == other);
    until(&mut events, moved).await;
    assert_eq!((server.enode().tcp, host(&server)), (other, "203.0.113.7".to_owned()));
    let stats = server.stats().nat;
    assert!(stats.refreshed >= 2 && stats.mapped == 2, "{stats:?}");
    soon(server.stop()).await;
}

#[tokio::test]
async fn a_gateway_that_lost_its_mappings_is_asked_again() {
    let gateway = PmpGateway::start().await;
    let server = start(GATEWAY, behind(&gateway), |config| config).await;
    gateway.until(|state| !state.mappings.is_empty()).await;
    gateway.set(|state| state.restart());
    gateway.until(|state| !state.mappings.is_empty()).await;
    soon(server.stop()).await;
    let stats = server.stats().nat;
    assert_eq!((stats.reboots, stats.lost), (1, 0));
}

#[tokio::test]
async fn a_gateway_that_goes_away_and_returns_is_found_again() {
    let mut gateway = PmpGateway::start().await;
    gateway.set(|state| state.grants = Some(1));
    let server = start(GATEWAY, behind(&gateway), |config| config).await;
    let mut events = server.events();
    until(&mut events, mapped).await;
    gateway.stop();
    let lost = |event: &NatEvent| matches!(event, NatEvent::Lost(_)).then_some(());
    until(&mut events, lost).await;
    assert_eq!(host(&server), "127.0.0.1", "no mapping is left");
    gateway.resume().await;
    until(&mut events, mapped).await;
    assert_eq!(host(&server), "203.0.113.7");
    soon(server.stop()).await;
    assert!(server.stats().nat.silent > 0 && server.stats().nat.found >= 2);
}

#[tokio::test]
async fn refusals_have_their_reason_and_are_retried() {
    let gateway = PmpGateway::start().await;
    let server = start(GATEWAY, behind(&gateway), |config| config).await;
    let mut events = server.events();
    for (code, reason) in [
        (2, MappingError::NotAuthorized),
        (3, MappingError::NoConnection),
        (4, MappingError::NoRoom),
        (5, MappingError::Unsupported),
        (99, MappingError::Refused(99)),
    ] {
        gateway.set(|state| {
            state.refuses = Some(code);
            state.restart();
        });
        until(&mut events, |event| failed(event).filter(|failure| *failure == reason)).await;
    }
    gateway.set(|state| state.refuses = None);
    until(&mut events, mapped).await;
    assert!(server.stats().nat.refused >= 5);
    soon(server.stop()).await;
}

#[tokio::test]
async fn silence_and_junk_are_different_errors_and_junk_before_an_answer_is_ignored() {
    let gateway = PmpGateway::start().await;
    gateway.set(|state| state.silent = true);
    let server = start(GATEWAY, behind(&gateway), |config| config).await;
    let mut events = server.events();
    assert_eq!(until(&mut events, failed).await, MappingError::Silent);
    gateway.set(|state| (state.silent, state.only_junk) = (false, true));
    let malformed = |failure: &MappingError| *failure == MappingError::Malformed;
    until(&mut events, |event| failed(event).filter(malformed)).await;
    gateway.set(|state| (state.junk, state.only_junk) = (true, false));
    until(&mut events, mapped).await;
    soon(server.stop()).await;
}

#[tokio::test]
async fn a_gateway_with_pcp_only_is_asked_over_pcp() {
    let gateway = PmpGateway::start().await;
    gateway.set(|state| {
        (state.pcp, state.refuses) = (true, Some(pcp::code::USER_EXCEEDED_QUOTA));
    });
    let server = start(GATEWAY, behind(&gateway), |config| config).await;
    let mut events = server.events();
    assert_eq!(until(&mut events, failed).await, MappingError::NoRoom);
    gateway.set(|state| state.refuses = None);
    assert_eq!(until(&mut events, mapped).await.by, Mechanism::Pcp);
    assert_eq!(host(&server), "203.0.113.7", "the address is part of the mapping");
    // The answer to ANNOUNCE has its clock.
    gateway.set(|state| state.restart());
    let state = gateway.until(|state| !state.mappings.is_empty()).await;
    assert!(state.checked > 0 && state.mappings.values().all(|(_, _, nonce)| nonce.is_some()));
    soon(server.stop()).await;
    gateway.until(|state| state.mappings.is_empty()).await;
}

#[tokio::test]
async fn a_node_that_crashed_gets_its_pcp_mapping_back() {
    let mut gateway = PmpGateway::start().await;
    gateway.set(|state| state.pcp = true);
    let key = SecretKey::random(&mut rand::rng());
    let with_key = |config: Config| Config { key: key.clone(), ..config };
    let crashed = start(GATEWAY, behind(&gateway), with_key).await;
    let port = crashed.listen_addr().unwrap().port();
    gateway.until(|state| state.mappings.len() == 1).await;
    // The mapping cannot be removed now.
    gateway.stop();
    soon(crashed.stop()).await;
    gateway.resume().await;
    assert_eq!(gateway.state.borrow().mappings.len(), 1);

    let there = |mut config: Config| {
        config.settings.listen = vec![format!("127.0.0.1:{port}")];
        config
    };
    let other = start(GATEWAY, behind(&gateway), there).await;
    let refused = until(&mut other.events(), failed).await;
    assert_eq!(refused, MappingError::NotAuthorized, "the mapping belongs to another node");
    soon(other.stop()).await;

    let again = start(GATEWAY, behind(&gateway), |config| with_key(there(config))).await;
    assert_eq!(until(&mut again.events(), mapped).await.external, port);
    assert_eq!(again.stats().nat.refused, 0);
    soon(again.stop()).await;
    gateway.until(|state| state.mappings.is_empty()).await;
}

#[tokio::test]
async fn the_address_of_a_gateway_behind_a_second_nat_is_not_announced() {
    let gateway = PmpGateway::start().await;
    gateway.set(|state| state.ip = ip("192.168.1.2"));
    let server = start(GATEWAY, behind(&gateway), |config| config).await;
    let mut events = server.events();
    until(&mut events, mapped).await;
    assert_eq!(host(&server), "127.0.0.1");
    gateway.set(|state| state.ip = ip("203.0.113.9"));
    let address = |event: &NatEvent| match event {
        NatEvent::Address { ip, announced: true } => Some(*ip),
        _ => None,
    };
    assert_eq!(until(&mut events, address).await, ip("203.0.113.9"));
    assert_eq!(host(&server), "203.0.113.9");
    soon(server.stop()).await;
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_does_not_delay_the_stop() {
    let gateway = PmpGateway::start().await;
    let settings = GatewaySettings { first_wait: Duration::from_secs(60), ..behind(&gateway) };
    let server = start(GATEWAY, settings, |config| config).await;
    gateway.until(|state| !state.mappings.is_empty()).await;
    let mut events = server.events();
    if server.stats().nat.mapped == 0 {
        until(&mut events, mapped).await;
    }
    gateway.set(|state| state.silent = true);
    soon(server.stop()).await;
    let stats = server.stats().nat;
    assert_eq!((stats.removed, stats.left), (0, 1));
}

#[tokio::test]
async fn several_ipv4_ports_are_mapped_and_no_ipv6_port() {
    let gateway = PmpGateway::start().await;
    let server =
        start(GATEWAY, behind(&gateway), |config| config.listen("127.0.0.1:0").listen("[::1]:0"))
            .await;
    let state = gateway.until(|state| state.mappings.len() == 2).await;
    let ports: Vec<u16> = state.mappings.keys().map(|(_, port)| *port).collect();
    let mut listening: Vec<u16> = server.listen_addrs()[..2].iter().map(SocketAddr::port).collect();
    listening.sort_unstable();
    assert_eq!(ports, listening);
    soon(server.stop()).await;
}

#[cfg(feature = "discovery")]
mod with_discovery {
    use super::*;
    use crate::DiscoverySettings;

    #[tokio::test]
    async fn the_record_of_discovery_follows_the_gateway() {
        let gateway = PmpGateway::start().await;
        let discovers = |config: crate::Config| config.discovery(DiscoverySettings::new());
        gateway.set(|state| state.grants = Some(1));
        let server = start(GATEWAY, behind(&gateway), discovers).await;
        let discv4 = server.discv4().unwrap().clone();
        let (tcp, udp) = (server.listen_addr().unwrap().port(), discv4.local_addr().port());
        let mut record = discv4.record_changes();
        let both = |(is_tcp, port): &(bool, u16)| *port == if *is_tcp { tcp } else { udp };
        let state = gateway.until(|state| state.mappings.len() == 2).await;
        assert!(state.mappings.keys().all(both));
        let there = |port| {
            move |record: &crate::identity::Record| {
                record.ip() == Some(ip("203.0.113.7")) && record.udp() == Some(port)
            }
        };
        let first = soon(record.wait_for(there(udp))).await.unwrap().clone();
        assert_eq!(server.enode(), first.enode().unwrap());

        // Other external ports, then another address: the sequence number rises.
        gateway.set(|state| state.ports.extend([(tcp, tcp ^ 1), (udp, udp ^ 2)]));
        let moved = |record: &crate::identity::Record| {
            record.tcp().zip(record.udp())
                == Some(if tcp == udp { (tcp ^ 2, udp ^ 2) } else { (tcp ^ 1, udp ^ 2) })
        };
        let second = soon(record.wait_for(moved)).await.unwrap().clone();
        assert!(second.sequence() > first.sequence());
        gateway.set(|state| state.ip = ip("203.0.113.8"));
        let at = |record: &crate::identity::Record| record.ip() == Some(ip("203.0.113.8"));
        let third = soon(record.wait_for(at)).await.unwrap().clone();
        assert!(third.sequence() > second.sequence());
        assert_eq!(server.node_info().ports.discovery, udp ^ 2);
        assert_eq!(server.enode(), third.enode().unwrap());

        // The gateway is gone: the record is as at the start.
        gateway.stop();
        let own = |record: &crate::identity::Record| record.ip() == Some(Ipv4Addr::LOCALHOST);
        let last = soon(record.wait_for(own)).await.unwrap().clone();
        assert_eq!((last.tcp(), last.udp()), (Some(tcp), Some(udp)));
        soon(server.stop()).await;
    }
}
