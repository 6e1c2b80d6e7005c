//! Keeps ports mapped: what to ask a gateway next, and when. A state machine that takes the time and
//! random numbers as parameters.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use super::{
    epoch::Epoch,
    external_addr::{ExternalAddr, is_reachable},
    gateway::{GatewayStatus, GrantedMapping, MappingRequest},
    report::{Mapping, MappingError, Mechanism, NatEvent, NatStats, Transport},
    settings::GatewaySettings,
};

/// Number of failures in a row after which a gateway is searched for again.
const MAX_MISSES: u32 = 3;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpkeepStep {
    /// Search for a gateway, preferably with another mechanism than `avoid`, which refused.
    Find { avoid: Option<Mechanism> },
    /// Ask the gateway whether it is there.
    Check,
    /// Ask the gateway for the mapping with this number.
    Map(usize, MappingRequest),
    /// Wait until this time.
    Wait(Instant),
}

/// A port of the node and the state of its mapping.
#[derive(Debug)]
struct Port {
    transport: Transport,
    internal: SocketAddrV4,
    due: Instant,
    failures: u32,
    /// The granted mapping, and when it expires.
    granted: Option<(Mapping, Instant)>,
    /// The last external port, which is asked for again.
    external: u16,
}

/// What is known about the gateway.
#[derive(Debug, Clone, Copy)]
enum GatewayState {
    /// No gateway is known. `due`: when to search. `refused`: the mechanism of the last one, if it refused.
    Unknown { due: Instant, refused: Option<Mechanism> },
    /// Behind a gateway. `check`: when to ask whether it is still there.
    Behind { by: Mechanism, check: Instant },
    /// Reachable without a gateway. `due`: when to check that again.
    Open { due: Instant },
}

/// The mappings of one node.
#[derive(Debug)]
pub(crate) struct Upkeep {
    lifetime: Duration,
    min_refresh: Duration,
    check_every: Duration,
    backoff: crate::dial::Backoff,
    ports: Vec<Port>,
    state: GatewayState,
    ip: Option<Ipv4Addr>,
    epoch: Option<Epoch>,
    /// Failed requests in a row.
    misses: u32,
    /// Searches in a row without a mapping.
    searches: u32,
    events: VecDeque<NatEvent>,
    stats: NatStats,
}

impl Upkeep {
    pub(crate) fn new(
        now: Instant,
        settings: &GatewaySettings,
        ports: impl IntoIterator<Item = (Transport, SocketAddrV4)>,
    ) -> Self {
        let port = |(transport, internal): (_, SocketAddrV4)| Port {
            transport,
            internal,
            due: now,
            failures: 0,
            granted: None,
            external: internal.port(),
        };
        Self {
            lifetime: settings.lifetime,
            min_refresh: settings.min_refresh,
            check_every: settings.check_every,
            backoff: settings.backoff,
            ports: ports.into_iter().map(port).collect(),
            state: GatewayState::Unknown { due: now, refused: None },
            ip: None,
            epoch: None,
            misses: 0,
            searches: 0,
            events: VecDeque::new(),
            stats: NatStats::default(),
        }
    }

    /// What to do now. The outcome of each step must be reported before the next call.
    pub(crate) fn poll(&mut self, now: Instant) -> UpkeepStep {
        self.expire(now);
        let mut next = match self.state {
            GatewayState::Unknown { due, refused } if due <= now => {
                return UpkeepStep::Find { avoid: refused };
            }
            GatewayState::Open { due } if due <= now => return UpkeepStep::Find { avoid: None },
            GatewayState::Unknown { due, .. } | GatewayState::Open { due } => due,
            GatewayState::Behind { check, .. } => {
                let due = (0..).zip(&self.ports).find(|(_, port)| port.due <= now);
                if let Some((number, port)) = due {
                    return UpkeepStep::Map(number, port.request());
                }
                if check <= now {
                    return UpkeepStep::Check;
                }
                self.ports.iter().map(|port| port.due).fold(check, Instant::min)
            }
        };
        for (_, until) in self.ports.iter().filter_map(|port| port.granted.as_ref()) {
            next = next.min(*until);
        }
        UpkeepStep::Wait(next)
    }

    /// A search found a gateway.
    pub(crate) fn handle_found(&mut self, now: Instant, by: Mechanism, status: GatewayStatus) {
        self.stats.found += 1;
        let refused =
            matches!(self.state, GatewayState::Unknown { refused, .. } if refused == Some(by));
        if !refused {
            self.ports.iter_mut().for_each(|port| port.due = now);
        }
        self.misses = 0;
        self.epoch = None;
        self.state = GatewayState::Behind { by, check: now + self.check_every };
        self.update_status(now, status);
    }

    /// A search found that the node is reachable without a gateway.
    pub(crate) fn handle_public(&mut self, now: Instant, ip: Ipv4Addr) {
        self.searches = 0;
        self.state = GatewayState::Open { due: now + self.check_every };
        self.update_status(now, GatewayStatus { ip: Some(ip), epoch: None });
    }

    /// A search found nothing. `jitter`: a random number from 0 to 1, here and below.
    pub(crate) fn handle_not_found(&mut self, now: Instant, failure: MappingError, jitter: f64) {
        self.fail(failure);
        let due = now + self.backoff.delay(self.searches, jitter);
        self.searches = self.searches.saturating_add(1);
        self.state = GatewayState::Unknown { due, refused: None };
    }

    /// The gateway answered a check.
    pub(crate) fn handle_seen(&mut self, now: Instant, status: GatewayStatus) {
        self.misses = 0;
        if let GatewayState::Behind { check, .. } = &mut self.state {
            *check = now + self.check_every;
        }
        self.update_status(now, status);
    }

    /// The gateway did not answer a check.
    pub(crate) fn handle_unseen(&mut self, now: Instant, failure: MappingError, jitter: f64) {
        let wait = self.backoff.delay(self.misses, jitter);
        if let GatewayState::Behind { check, .. } = &mut self.state {
            *check = now + wait;
        }
        self.miss(now, failure, jitter);
    }

    /// The gateway made or renewed the mapping with this number.
    pub(crate) fn handle_granted(&mut self, now: Instant, number: usize, grant: GrantedMapping) {
        (self.misses, self.searches) = (0, 0);
        // If the gateway has restarted, the other mappings are lost.
        self.update_status(now, grant.status);
        let GatewayState::Behind { by, .. } = self.state else { return };
        let Some(port) = self.ports.get_mut(number) else { return };
        let lifetime = grant.lifetime.unwrap_or(self.lifetime);
        // A long lifetime is renewed earlier, because the gateway may restart.
        let refresh = (lifetime / 2).clamp(self.min_refresh, self.lifetime.max(self.min_refresh));
        (port.due, port.failures, port.external) = (now + refresh, 0, grant.external);
        let (transport, internal) = (port.transport, port.internal.port());
        let mapping =
            Mapping { transport, internal, external: grant.external, by, lifetime: grant.lifetime };
        let until = now.checked_add(lifetime).unwrap_or(now + self.lifetime);
        // Leave time for the renewal.
        let until = until.max(port.due + self.min_refresh);
        let before = port.granted.replace((mapping, until));
        if before.is_some_and(|(before, _)| (before.external, before.by) == (grant.external, by)) {
            self.stats.refreshed += 1;
        } else {
            self.stats.mapped += 1;
            self.events.push_back(NatEvent::Mapped(mapping));
        }
    }

    /// The gateway did not make the mapping. An earlier one stays until it expires.
    pub(crate) fn handle_failed(
        &mut self,
        now: Instant,
        number: usize,
        failure: MappingError,
        jitter: f64,
    ) {
        if let Some(port) = self.ports.get_mut(number) {
            port.due = now + self.backoff.delay(port.failures, jitter);
            port.failures = port.failures.saturating_add(1);
        }
        self.miss(now, failure, jitter);
    }

    /// The next event, in order.
    pub(crate) fn poll_event(&mut self) -> Option<NatEvent> {
        self.events.pop_front()
    }

    /// The counters.
    pub(crate) const fn stats(&self) -> &NatStats {
        &self.stats
    }

    /// The external address and ports of the node.
    pub(crate) fn external(&self) -> ExternalAddr {
        let mapped = || self.ports.iter().filter_map(|port| port.granted.as_ref());
        let is_open = matches!(self.state, GatewayState::Open { .. });
        let ip = self.ip.filter(|ip| is_reachable(*ip) && (is_open || mapped().next().is_some()));
        let port = |(mapping, _): &(Mapping, Instant)| {
            (mapping.transport, mapping.internal, mapping.external)
        };
        // Behind a second NAT the external ports of this gateway mean nothing.
        let ports =
            if ip.is_some() && !is_open { mapped().map(port).collect() } else { Vec::new() };
        ExternalAddr { ip, ports }
    }

    /// The mappings to remove when the server stops.
    pub(crate) fn granted(&self) -> Vec<MappingRequest> {
        self.ports.iter().filter(|port| port.granted.is_some()).map(Port::request).collect()
    }

    fn expire(&mut self, now: Instant) {
        for port in &mut self.ports {
            if let Some((mapping, _)) = port.granted.take_if(|(_, until)| *until <= now) {
                self.stats.lost += 1;
                self.events.push_back(NatEvent::Lost(mapping));
            }
        }
    }

    /// Updates the external address and the clock of the gateway.
    fn update_status(&mut self, now: Instant, status: GatewayStatus) {
        if let Some(ip) = status.ip.filter(|ip| self.ip != Some(*ip)) {
            self.ip = Some(ip);
            self.stats.addresses += 1;
            self.events.push_back(NatEvent::Address { ip, announced: is_reachable(ip) });
        }
        let Some(seconds) = status.epoch else { return };
        if self.epoch.is_some_and(|epoch| epoch.has_restarted(now, seconds)) {
            self.stats.reboots += 1;
            self.ports.iter_mut().for_each(|port| port.due = now);
        }
        self.epoch = Some(Epoch::new(now, seconds));
    }

    fn fail(&mut self, failure: MappingError) {
        self.stats.count(failure);
        self.events.push_back(NatEvent::Failed(failure));
    }

    /// A request failed. After too many failures a gateway is searched for again: it may have moved, or
    /// another mechanism may work.
    fn miss(&mut self, now: Instant, failure: MappingError, jitter: f64) {
        self.fail(failure);
        self.misses += 1;
        let GatewayState::Behind { by, .. } = self.state else { return };
        if self.misses < MAX_MISSES {
            return;
        }
        self.state = match failure {
            MappingError::Silent | MappingError::Unreachable(_) => {
                GatewayState::Unknown { due: now, refused: None }
            }
            _ => {
                let due = now + self.backoff.delay(self.searches, jitter);
                self.searches = self.searches.saturating_add(1);
                GatewayState::Unknown { due, refused: Some(by) }
            }
        };
    }
}

impl Port {
    const fn request(&self) -> MappingRequest {
        MappingRequest {
            transport: self.transport,
            internal: self.internal,
            external: self.external,
        }
    }
}
