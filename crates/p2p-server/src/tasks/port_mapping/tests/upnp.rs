//! A server behind a UPnP gateway, and with gateways of both kinds.

use std::{collections::BTreeSet, time::Duration};

use super::{
    pmp_gateway::PmpGateway,
    server::{failed, mapped, settings, soon, start, until},
    upnp_gateway::{Http, UpnpGateway},
};
use crate::{
    MappingError, Mechanism, NatEvent,
    nat::{GatewaySettings, routes_tests, wire::pcp},
};

fn behind(gateway: &UpnpGateway) -> GatewaySettings {
    GatewaySettings { ssdp: gateway.ssdp, ..settings() }
}

#[tokio::test]
async fn a_mapping_is_made_refreshed_and_removed() {
    let gateway = UpnpGateway::start().await;
    let settings = GatewaySettings { lifetime: Duration::from_secs(2), ..behind(&gateway) };
    let server = start("upnp", settings, |config| config).await;
    let mut events = server.events();
    let listens = server.listen_addr().unwrap();
    let mapping = until(&mut events, mapped).await;
    assert_eq!((mapping.external, mapping.by), (listens.port(), Mechanism::Upnp));
    let enode = server.enode().to_string();
    assert_eq!(
        enode.split('@').nth(1).unwrap(),
        format!("203.0.113.7:{}?discport=0", listens.port())
    );
    let state = gateway.until(|state| state.asked >= 2).await;
    let key = ("TCP".to_owned(), listens.port());
    assert_eq!(state.mappings.get(&key), Some(&(listens, 2)));
    gateway.set(|state| state.ip = "203.0.113.8".parse().unwrap());
    let address = |event: &NatEvent| matches!(event, NatEvent::Address { .. }).then_some(());
    until(&mut events, address).await;
    assert!(server.enode().to_string().contains("@203.0.113.8:"));
    soon(server.stop()).await;
    assert!(gateway.state.borrow().mappings.is_empty());
    assert_eq!(server.stats().nat.removed, 1);
}

#[tokio::test]
async fn a_taken_port_and_a_refused_lifetime_are_replaced() {
    let gateway = UpnpGateway::start().await;
    gateway.set(|state| {
        state.permanent = true;
        // All ports that the system assigns; only those that the node picks itself are free.
        state.taken = (1..1 << 15).chain(32768..=60999).collect::<BTreeSet<u16>>();
    });
    let server = start("upnp", behind(&gateway), |config| config).await;
    let mut events = server.events();
    let mapping = until(&mut events, mapped).await;
    assert_eq!(mapping.lifetime, None);
    assert_ne!(mapping.external, mapping.internal);
    assert_eq!(server.enode().tcp, mapping.external);
    let state = gateway.state.borrow().clone();
    assert_eq!(state.mappings.values().next(), Some(&(server.listen_addr().unwrap(), 0)));
    soon(server.stop()).await;
    assert!(gateway.state.borrow().mappings.is_empty(), "it would never expire");
}

#[tokio::test]
async fn faults_have_their_reason() {
    let gateway = UpnpGateway::start().await;
    gateway.set(|state| state.fault = Some(606));
    let server = start("upnp", behind(&gateway), |config| config).await;
    let mut events = server.events();
    for (fault, reason) in [
        (606, MappingError::NotAuthorized),
        (718, MappingError::PortTaken),
        (501, MappingError::Refused(501)),
    ] {
        gateway.set(|state| state.fault = Some(fault));
        until(&mut events, |event| failed(event).filter(|failure| *failure == reason)).await;
    }
    gateway.set(|state| state.fault = None);
    until(&mut events, mapped).await;
    soon(server.stop()).await;
}

#[tokio::test]
async fn a_gateway_with_a_bad_description_is_not_found() {
    let gateway = UpnpGateway::start().await;
    gateway.set(|state| state.description = Http::Endless);
    let settings = GatewaySettings { search: Duration::from_millis(300), ..behind(&gateway) };
    let server = start("upnp", settings, |config| config).await;
    let mut events = server.events();
    for http in [Http::Endless, Http::Flood, Http::Junk] {
        gateway.set(|state| state.description = http);
        assert_eq!(until(&mut events, failed).await, MappingError::NotFound);
    }
    gateway.set(|state| state.description = Http::Sound);
    until(&mut events, mapped).await;
    soon(server.stop()).await;
}

#[tokio::test]
async fn bad_answers_to_actions_are_errors_and_delay_nothing() {
    let gateway = UpnpGateway::start().await;
    let settings = GatewaySettings { request: Duration::from_millis(500), ..behind(&gateway) };
    let server = start("upnp", settings, |config| config).await;
    let mut events = server.events();
    until(&mut events, mapped).await;
    for (http, reason) in [
        (Http::Endless, MappingError::Silent),
        (Http::Junk, MappingError::Malformed),
        (Http::Flood, MappingError::Malformed),
    ] {
        gateway.set(|state| state.control = http);
        until(&mut events, |event| failed(event).filter(|failure| *failure == reason)).await;
        gateway.set(|state| state.control = Http::Sound);
    }
    gateway.set(|state| state.control = Http::Endless);
    soon(server.stop()).await;
    assert_eq!(server.stats().nat.left, 1);
}

#[tokio::test]
async fn of_two_gateways_the_one_that_allows_mappings_is_used() {
    let (pmp, upnp) = (PmpGateway::start().await, UpnpGateway::start().await);
    let table = tempfile::NamedTempFile::new().unwrap();
    let route = ("0.0.0.0", "127.0.0.1", "0.0.0.0", 100);
    std::fs::write(table.path(), routes_tests::table(&[route])).unwrap();
    pmp.set(|state| state.refuses = Some(pcp::code::NOT_AUTHORIZED));
    let routes = table.path().to_owned();
    let settings = GatewaySettings { pmp_port: pmp.port, routes, ..behind(&upnp) };
    let server = start("any", settings.clone(), |config| config).await;
    let mut events = server.events();
    assert_eq!(until(&mut events, mapped).await.by, Mechanism::Upnp);
    soon(server.stop()).await;

    upnp.set(|state| state.fault = Some(606));
    pmp.set(|state| state.refuses = None);
    let server = start("any", settings.clone(), |config| config).await;
    let mut events = server.events();
    assert_eq!(until(&mut events, mapped).await.by, Mechanism::NatPmp);
    soon(server.stop()).await;

    // Found by the routing table only; then without any route.
    let server = start("pmp", settings.clone(), |config| config).await;
    let mut events = server.events();
    assert_eq!(until(&mut events, mapped).await.by, Mechanism::NatPmp);
    soon(server.stop()).await;
    std::fs::write(table.path(), "").unwrap();
    let server = start("pmp", settings, |config| config).await;
    let mut events = server.events();
    assert_eq!(until(&mut events, failed).await, MappingError::NotFound);
    soon(server.stop()).await;
}

#[cfg(feature = "discovery")]
#[tokio::test]
async fn the_record_of_discovery_follows_the_gateway() {
    let gateway = UpnpGateway::start().await;
    let server =
        start("upnp", behind(&gateway), |config| config.discovery(crate::DiscoverySettings::new()))
            .await;
    let discv4 = server.discv4().unwrap().clone();
    let (tcp, udp) = (server.listen_addr().unwrap(), discv4.local_addr());
    let mut record = discv4.record_changes();
    let state = gateway.until(|state| state.mappings.len() == 2).await;
    for (transport, local) in [("TCP", tcp), ("UDP", udp)] {
        let key = (transport.to_owned(), local.port());
        assert_eq!(state.mappings.get(&key).map(|(to, _)| *to), Some(local), "{transport}");
    }
    let outside = |record: &crate::identity::Record| {
        record.ip() == Some(std::net::Ipv4Addr::new(203, 0, 113, 7))
            && (record.tcp(), record.udp()) == (Some(tcp.port()), Some(udp.port()))
    };
    let announced = soon(record.wait_for(outside)).await.unwrap().clone();
    assert_eq!(server.enode(), announced.enode().unwrap());
    soon(server.stop()).await;
    assert!(gateway.state.borrow().mappings.is_empty());
}
