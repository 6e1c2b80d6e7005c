//! A server behind a gateway of a test, and waiting for its events.

use std::{future::Future, time::Duration};

use p2p_mux::identity::SecretKey;

use crate::{
    Backoff, Config, Event, Events, Mapping, MappingError, NatEvent, Server, nat::GatewaySettings,
};

/// Shorter times than the defaults.
pub(super) fn settings() -> GatewaySettings {
    GatewaySettings {
        min_refresh: Duration::from_millis(20),
        check_every: Duration::from_millis(50),
        backoff: Backoff {
            first: Duration::from_millis(10),
            cap: Duration::from_millis(100),
            steady: Duration::ZERO,
        },
        first_wait: Duration::from_millis(100),
        tries: 3,
        search: Duration::from_secs(2),
        request: Duration::from_secs(2),
        // No gateway listens there.
        ssdp: "127.0.0.1:9".parse().unwrap(),
        pmp_port: 9,
        routes: "/nowhere".into(),
        ..GatewaySettings::default()
    }
}

/// Starts a server on loopback.
pub(super) async fn start(
    nat: &str,
    settings: GatewaySettings,
    more: impl FnOnce(Config) -> Config,
) -> Server {
    let key = SecretKey::random(&mut rand::rng());
    let config = Config::new(key).listen("127.0.0.1:0").nat(nat.parse().unwrap());
    let mut config = more(config);
    config.gateway = settings;
    Server::start(config).await.unwrap()
}

/// The output of the future. If it is not ready in time, the test fails instead of hanging.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("no result in time")
}

/// The first event about gateways for which `pick` returns a value.
pub(super) async fn until<T>(events: &mut Events, pick: impl Fn(&NatEvent) -> Option<T>) -> T {
    soon(async {
        loop {
            let event = events.next().await.expect("the server stopped");
            if let Event::Nat(event) = &event
                && let Some(picked) = pick(event)
            {
                return picked;
            }
        }
    })
    .await
}

pub(super) fn mapped(event: &NatEvent) -> Option<Mapping> {
    match event {
        NatEvent::Mapped(mapping) => Some(*mapping),
        _ => None,
    }
}

pub(super) fn failed(event: &NatEvent) -> Option<MappingError> {
    match event {
        NatEvent::Failed(failure) => Some(*failure),
        _ => None,
    }
}
