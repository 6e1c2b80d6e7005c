//! The task that keeps a server's ports mapped, and tells everyone where the node can be reached.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use p2p_mux::identity::SecretKey;
use tokio::time;

use super::{
    Nat,
    find::{Finder, Found},
    gateway::{Gateway, Grant, Seen},
    pmp::Nonce,
    report::{Mapping, NatEvent, NatFailure, NatStats, Transport},
    settings::Terms,
    upkeep::{Step, Upkeep},
};
use crate::{
    context::{Shared, now},
    observed::events::Event,
    server::Server,
};

/// Starts the task, if the server needs one.
pub(crate) fn start(server: &Server, nat: Nat, terms: &Terms) {
    if !nat.needs_gateway() {
        return;
    }
    let ports = ports(server);
    let Some((_, first)) = ports.first() else {
        tracing::info!("no port is mapped: the node listens nowhere for IPv4");
        return;
    };
    let nonce = nonce(&server.shared.key);
    let finder = Finder { nat, from: *first.ip(), nonce, terms: terms.clone() };
    let upkeep = Upkeep::new(now(), terms, ports);
    let keeper =
        Keeper { shared: Arc::clone(&server.shared), finder, upkeep, gateway: None, told: None };
    server.shared.tasks.spawn(keeper.run());
}

/// By which a gateway of PCP knows the node's mappings. Nobody can guess it without the key, and the node
/// says the same after a crash, when its old mappings are still there for nobody else to change.
fn nonce(key: &SecretKey) -> Nonce {
    // What others have signed is a hash, which this will never be.
    let signature = key.sign(b"p2p-server: nonce of PCP mapping").to_bytes();
    let mut nonce = Nonce::default();
    nonce.copy_from_slice(&signature[..12]);
    nonce
}

/// The ports to map: those that take IPv4.
fn ports(server: &Server) -> Vec<(Transport, SocketAddrV4)> {
    let tcp = server.listen_addrs().iter().map(|addr| (Transport::Tcp, *addr));
    let udp = server.shared.discovery_addr().map(|addr| (Transport::Udp, addr));
    let ipv4 = |(transport, addr): (Transport, SocketAddr)| match addr {
        SocketAddr::V4(addr) => Some((transport, addr)),
        // A socket of all addresses takes both.
        SocketAddr::V6(addr) if addr.ip().is_unspecified() => {
            Some((transport, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, addr.port())))
        }
        SocketAddr::V6(_) => None,
    };
    tcp.chain(udp).filter_map(ipv4).collect()
}

/// What came of a step.
enum Outcome {
    Found(Result<Found, NatFailure>),
    Checked(Result<Seen, NatFailure>),
    Mapped(usize, Result<Grant, NatFailure>),
    Waited,
}

struct Keeper {
    shared: Arc<Shared>,
    finder: Finder,
    upkeep: Upkeep,
    gateway: Option<Box<Gateway>>,
    /// The failure that was logged last; the same one again is no news.
    told: Option<NatFailure>,
}

impl Keeper {
    async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let farewell = self.finder.terms.farewell;
        loop {
            let step = self.upkeep.poll(now());
            self.tell().await;
            let mut doing = Box::pin(self.act(step));
            let outcome = tokio::select! {
                outcome = &mut doing => outcome,
                () = shared.quit.cancelled() => {
                    // A mapping that is under way is removed as well.
                    if matches!(step, Step::Map(..)) {
                        let last = time::timeout(farewell / 2, doing);
                        let outcome = shared.kill.run_until_cancelled(last).await;
                        self.handle(outcome.and_then(Result::ok).unwrap_or(Outcome::Waited));
                    }
                    break;
                }
            };
            drop(doing);
            self.handle(outcome);
        }
        let mut removed = 0;
        let goodbye = time::timeout(farewell, self.remove(&mut removed));
        // Who stops in haste leaves mappings behind; they lapse.
        let _ = shared.kill.run_until_cancelled(goodbye).await;
        let left = self.upkeep.granted().len() as u64 - removed;
        tracing::debug!(removed, left, "mappings removed from the gateway");
        let mut state = shared.state();
        state.stats.nat = NatStats { removed, left, ..*self.upkeep.stats() };
    }

    async fn act(&self, step: Step) -> Outcome {
        match (step, &self.gateway) {
            (Step::Find { last }, _) => Outcome::Found(self.finder.find(last).await),
            (Step::Check, Some(gateway)) => Outcome::Checked(gateway.check().await),
            (Step::Map(number, wish), Some(gateway)) => {
                Outcome::Mapped(number, gateway.map(wish).await)
            }
            (Step::Check, None) => Outcome::Checked(Err(NatFailure::NotFound)),
            (Step::Map(number, _), None) => Outcome::Mapped(number, Err(NatFailure::NotFound)),
            (Step::Wait(until), _) => {
                time::sleep_until(until.into()).await;
                Outcome::Waited
            }
        }
    }

    fn handle(&mut self, outcome: Outcome) {
        let (now, jitter) = (now(), rand::random());
        let upkeep = &mut self.upkeep;
        match outcome {
            Outcome::Found(Ok(Found::Gateway(gateway, seen))) => {
                upkeep.handle_found(now, gateway.mechanism(), seen);
                self.gateway = Some(gateway);
            }
            Outcome::Found(Ok(Found::Public(ip))) => upkeep.handle_public(now, ip),
            Outcome::Found(Err(failure)) => upkeep.handle_not_found(now, failure, jitter),
            Outcome::Checked(Ok(seen)) => upkeep.handle_seen(now, seen),
            Outcome::Checked(Err(failure)) => upkeep.handle_unseen(now, failure, jitter),
            Outcome::Mapped(number, Ok(grant)) => upkeep.handle_granted(now, number, grant),
            Outcome::Mapped(number, Err(failure)) => {
                upkeep.handle_failed(now, number, failure, jitter);
            }
            Outcome::Waited => {}
        }
    }

    /// Tells what has changed: the record and the node's URL first, so that whoever hears of an event
    /// finds them so.
    async fn tell(&mut self) {
        let external = self.upkeep.external();
        let changed = {
            let mut state = self.shared.state();
            state.stats.nat = *self.upkeep.stats();
            state.external != external && {
                state.external = external.clone();
                true
            }
        };
        if changed {
            self.shared.tell_external(external).await;
        }
        while let Some(event) = self.upkeep.poll_event() {
            self.log(&event);
            self.shared.state().emit(Event::Nat(event));
        }
    }

    fn log(&mut self, event: &NatEvent) {
        match event {
            NatEvent::Mapped(mapping) => {
                self.told = None;
                let Mapping { transport, internal, external, by, lifetime } = mapping;
                let outside = match self.shared.state().external.ip {
                    Some(ip) => format!("{ip}:{external}"),
                    None => format!("port {external}"),
                };
                let how_long = match lifetime {
                    Some(lifetime) => format!("for {lifetime:?} at a time"),
                    None => "until the gateway forgets it".to_owned(),
                };
                tracing::info!(
                    "mapped {transport} {internal} → external {outside} by {by}, {how_long}"
                );
            }
            NatEvent::Lost(Mapping { transport, internal, external, .. }) => {
                tracing::info!("{transport} {internal} → external port {external} has lapsed");
            }
            NatEvent::Address { ip, announced: true } => {
                tracing::info!("the external address is {ip}");
            }
            NatEvent::Address { ip, announced: false } => tracing::info!(
                "the gateway's external address {ip} is a private one: it is itself behind a NAT, \
                 and others are not told of it"
            ),
            NatEvent::Failed(failure) if Some(*failure) == self.told => {
                tracing::debug!("mapping of ports failed again: {failure}");
            }
            NatEvent::Failed(failure) => {
                tracing::info!("mapping of ports failed, and is tried again: {failure}");
                self.told = Some(*failure);
            }
        }
    }

    /// Removes what the gateway has granted, and counts what it has removed.
    async fn remove(&self, removed: &mut u64) {
        let Some(gateway) = &self.gateway else { return };
        let wishes = self.upkeep.granted();
        let mut answers: FuturesUnordered<_> =
            wishes.into_iter().map(|wish| gateway.unmap(wish)).collect();
        while let Some(answer) = answers.next().await {
            *removed += u64::from(answer.is_ok());
        }
    }
}
