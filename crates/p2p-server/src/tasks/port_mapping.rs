//! The task that keeps the ports of a server mapped and announces its external address.

#[cfg(test)]
mod tests;

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use p2p_mux::identity::{SecretKey, causes};
use p2p_world::rng;
use tokio::time;

use crate::{
    clock::now,
    context::Context,
    nat::{
        Finder, Found, Gateway, GatewaySettings, GatewayStatus, GrantedMapping, Mapping,
        MappingError, Nat, NatEvent, NatStats, Nonce, Transport, Upkeep, UpkeepStep,
    },
    observed::Event,
};

/// Starts the task if `nat` needs a gateway. `listen_addrs`: the addresses listened on.
pub(crate) fn start(
    context: &Arc<Context>,
    nat: Nat,
    settings: &GatewaySettings,
    listen_addrs: &[SocketAddr],
) {
    if !nat.needs_gateway() {
        return;
    }
    let ports = ports(listen_addrs, context.discovery.addr());
    let Some((_, first)) = ports.first() else {
        tracing::info!("no port is mapped: the node does not listen for IPv4");
        return;
    };
    let finder =
        Finder { nat, from: *first.ip(), nonce: nonce(&context.key), settings: settings.clone() };
    let upkeep = Upkeep::new(now(), settings, ports);
    let mapper = PortMapper {
        context: Arc::clone(context),
        finder,
        upkeep,
        gateway: None,
        last_failure: None,
    };
    context.lifecycle.spawn(mapper.run());
}

/// Identifies the mappings of this node in PCP. It cannot be guessed without the key, and is the same
/// after a crash, when the gateway still has the old mappings and accepts changes with this nonce only.
fn nonce(key: &SecretKey) -> Nonce {
    // Other signatures of this key are over hashes; this text is not one.
    let signature = key.sign(b"p2p-server: nonce of PCP mapping").to_bytes();
    let mut nonce = Nonce::default();
    nonce.copy_from_slice(&signature[..12]);
    nonce
}

/// The ports to map: all that listen for IPv4.
fn ports(listen_addrs: &[SocketAddr], udp: Option<SocketAddr>) -> Vec<(Transport, SocketAddrV4)> {
    let tcp = listen_addrs.iter().map(|addr| (Transport::Tcp, *addr));
    let udp = udp.map(|addr| (Transport::Udp, addr));
    let ipv4 = |(transport, addr): (Transport, SocketAddr)| match addr {
        SocketAddr::V4(addr) => Some((transport, addr)),
        // A socket bound to all IPv6 addresses accepts IPv4 too.
        SocketAddr::V6(addr) if addr.ip().is_unspecified() => {
            Some((transport, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, addr.port())))
        }
        SocketAddr::V6(_) => None,
    };
    tcp.chain(udp).filter_map(ipv4).collect()
}

/// The outcome of a step.
enum StepOutcome {
    Found(Result<Found, MappingError>),
    Checked(Result<GatewayStatus, MappingError>),
    Mapped(usize, Result<GrantedMapping, MappingError>),
    Waited,
}

struct PortMapper {
    context: Arc<Context>,
    finder: Finder,
    upkeep: Upkeep,
    gateway: Option<Box<Gateway>>,
    /// The failure that was logged last; the same one is logged at a lower level.
    last_failure: Option<MappingError>,
}

impl PortMapper {
    async fn run(mut self) {
        let context = Arc::clone(&self.context);
        let farewell = self.finder.settings.farewell;
        loop {
            let step = self.upkeep.poll(now());
            self.publish().await;
            let mut action = Box::pin(self.act(step));
            let outcome = tokio::select! {
                biased;
                outcome = &mut action => outcome,
                () = context.lifecycle.stopping() => {
                    // A mapping that is being made must be removed as well.
                    if matches!(step, UpkeepStep::Map(..)) {
                        let last = time::timeout(farewell / 2, action);
                        let outcome = context.lifecycle.until_killed(last).await;
                        self.handle(outcome.and_then(Result::ok).unwrap_or(StepOutcome::Waited));
                    }
                    break;
                }
            };
            drop(action);
            self.handle(outcome);
        }
        let mut removed = 0;
        let removal = time::timeout(farewell, self.remove(&mut removed));
        // Mappings that are not removed in time expire.
        let _ = context.lifecycle.until_killed(removal).await;
        let left = self.upkeep.granted().len() as u64 - removed;
        tracing::debug!(removed, left, "mappings removed from the gateway");
        context.state().observed.set_nat(NatStats { removed, left, ..*self.upkeep.stats() });
    }

    async fn act(&self, step: UpkeepStep) -> StepOutcome {
        match (step, &self.gateway) {
            (UpkeepStep::Find { avoid }, _) => StepOutcome::Found(self.finder.find(avoid).await),
            (UpkeepStep::Check, Some(gateway)) => StepOutcome::Checked(gateway.check().await),
            (UpkeepStep::Map(number, wanted), Some(gateway)) => {
                StepOutcome::Mapped(number, gateway.map(wanted).await)
            }
            (UpkeepStep::Check, None) => StepOutcome::Checked(Err(MappingError::NotFound)),
            (UpkeepStep::Map(number, _), None) => {
                StepOutcome::Mapped(number, Err(MappingError::NotFound))
            }
            (UpkeepStep::Wait(until), _) => {
                time::sleep_until(until.into()).await;
                StepOutcome::Waited
            }
        }
    }

    fn handle(&mut self, outcome: StepOutcome) {
        let (now, jitter) = (now(), rng().fraction());
        let upkeep = &mut self.upkeep;
        match outcome {
            StepOutcome::Found(Ok(Found::Gateway(gateway, status))) => {
                upkeep.handle_found(now, gateway.mechanism(), status);
                self.gateway = Some(gateway);
            }
            StepOutcome::Found(Ok(Found::Public(ip))) => upkeep.handle_public(now, ip),
            StepOutcome::Found(Err(error)) => upkeep.handle_not_found(now, error, jitter),
            StepOutcome::Checked(Ok(status)) => upkeep.handle_seen(now, status),
            StepOutcome::Checked(Err(error)) => upkeep.handle_unseen(now, error, jitter),
            StepOutcome::Mapped(number, Ok(granted)) => {
                upkeep.handle_granted(now, number, granted);
            }
            StepOutcome::Mapped(number, Err(error)) => {
                upkeep.handle_failed(now, number, error, jitter);
            }
            StepOutcome::Waited => {}
        }
    }

    /// Publishes what has changed. The record and the node's URL come first, so that they are up to date
    /// when a subscriber gets the event.
    async fn publish(&mut self) {
        let external = self.upkeep.external();
        let changed = {
            let mut state = self.context.state();
            state.observed.set_nat(*self.upkeep.stats());
            state.announced.set_external(external.clone())
        };
        if changed {
            let ip = external.ip;
            if let Err(error) = self.context.discovery.set_external(external).await
                && !self.context.lifecycle.is_stopping()
            {
                let error = causes(&error);
                tracing::warn!(%error, ?ip, "the node record does not have the external address");
            }
        }
        while let Some(event) = self.upkeep.poll_event() {
            self.log(&event);
            self.context.state().subscribers.send(Event::Nat(event));
        }
    }

    fn log(&mut self, event: &NatEvent) {
        match event {
            NatEvent::Mapped(mapping) => {
                self.last_failure = None;
                let Mapping { transport, internal, external, by, lifetime } = mapping;
                let outside = match self.context.state().announced.external_ip() {
                    Some(ip) => format!("{ip}:{external}"),
                    None => format!("port {external}"),
                };
                let lifetime = match lifetime {
                    Some(lifetime) => format!("for {lifetime:?}"),
                    None => "without a time limit".to_owned(),
                };
                tracing::info!(
                    "mapped {transport} {internal} → external {outside} by {by}, {lifetime}"
                );
            }
            NatEvent::Lost(Mapping { transport, internal, external, .. }) => {
                tracing::info!(
                    "the mapping {transport} {internal} → external port {external} has expired"
                );
            }
            NatEvent::Address { ip, announced: true } => {
                tracing::info!("the external address is {ip}");
            }
            NatEvent::Address { ip, announced: false } => tracing::info!(
                "the external address {ip} of the gateway is private: the gateway is itself behind a NAT, \
                 and the address is not announced"
            ),
            NatEvent::Failed(error) if Some(*error) == self.last_failure => {
                tracing::debug!("port mapping failed again: {error}");
            }
            NatEvent::Failed(error) => {
                tracing::info!("port mapping failed and will be retried: {error}");
                self.last_failure = Some(*error);
            }
        }
    }

    /// Removes the granted mappings, and counts those that are removed.
    async fn remove(&self, removed: &mut u64) {
        let Some(gateway) = &self.gateway else { return };
        let mut answers: FuturesUnordered<_> =
            self.upkeep.granted().into_iter().map(|mapping| gateway.unmap(mapping)).collect();
        while let Some(answer) = answers.next().await {
            *removed += u64::from(answer.is_ok());
        }
    }
}
