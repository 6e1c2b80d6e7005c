//! The life of mappings: what to ask a gateway next, and when. A machine without sockets, clock and
//! chance.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use super::{
    epoch::Epoch,
    external_addr::{External, is_reachable},
    gateway::{Grant, Seen, Wish},
    report::{Mapping, Mechanism, NatEvent, NatFailure, NatStats, Transport},
    settings::Terms,
};

/// After so many failures in a row the gateway counts as gone, and one is looked for anew.
const MISSES: u32 = 3;

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look for a gateway, preferably one that is spoken to in another way than this, which refused.
    Find { last: Option<Mechanism> },
    /// Ask the gateway whether it is there.
    Check,
    /// Ask it for the mapping of this number.
    Map(usize, Wish),
    /// Nothing until then.
    Wait(Instant),
}

/// A port of the node, and how far it is mapped.
#[derive(Debug)]
struct Port {
    transport: Transport,
    internal: SocketAddrV4,
    due: Instant,
    failures: u32,
    /// What was granted, and when it lapses.
    granted: Option<(Mapping, Instant)>,
    /// The port outside that it had last; the first one to ask for.
    external: u16,
}

/// How the node stands to the outside.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// No gateway is known; one is to be looked for then. The last one refused, spoken to like this.
    Unknown { due: Instant, refused: Option<Mechanism> },
    /// Behind a gateway, which is to be asked then whether it is there.
    Behind { by: Mechanism, check: Instant },
    /// Nothing is between; whether that is still so is looked at then.
    Open { due: Instant },
}

/// Keeps ports mapped.
#[derive(Debug)]
pub(crate) struct Upkeep {
    lifetime: Duration,
    min_refresh: Duration,
    check_every: Duration,
    backoff: crate::dial::Backoff,
    ports: Vec<Port>,
    place: Place,
    ip: Option<Ipv4Addr>,
    epoch: Option<Epoch>,
    /// Requests in a row that came to nothing.
    misses: u32,
    /// Searches in a row that led to no mapping.
    searches: u32,
    events: VecDeque<NatEvent>,
    stats: NatStats,
}

impl Upkeep {
    pub(crate) fn new(
        now: Instant,
        terms: &Terms,
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
            lifetime: terms.lifetime,
            min_refresh: terms.min_refresh,
            check_every: terms.check_every,
            backoff: terms.backoff,
            ports: ports.into_iter().map(port).collect(),
            place: Place::Unknown { due: now, refused: None },
            ip: None,
            epoch: None,
            misses: 0,
            searches: 0,
            events: VecDeque::new(),
            stats: NatStats::default(),
        }
    }

    /// What to do now. Each step's outcome must be told before the next is asked for.
    pub(crate) fn poll(&mut self, now: Instant) -> Step {
        self.lapse(now);
        let mut next = match self.place {
            Place::Unknown { due, refused } if due <= now => return Step::Find { last: refused },
            Place::Open { due } if due <= now => return Step::Find { last: None },
            Place::Unknown { due, .. } | Place::Open { due } => due,
            Place::Behind { check, .. } => {
                let due = (0..).zip(&self.ports).find(|(_, port)| port.due <= now);
                if let Some((number, port)) = due {
                    return Step::Map(number, port.wish());
                }
                if check <= now {
                    return Step::Check;
                }
                self.ports.iter().map(|port| port.due).fold(check, Instant::min)
            }
        };
        for (_, until) in self.ports.iter().filter_map(|port| port.granted.as_ref()) {
            next = next.min(*until);
        }
        Step::Wait(next)
    }

    /// A search found a gateway.
    pub(crate) fn handle_found(&mut self, now: Instant, by: Mechanism, seen: Seen) {
        self.stats.found += 1;
        let refused = matches!(self.place, Place::Unknown { refused, .. } if refused == Some(by));
        if !refused {
            self.ports.iter_mut().for_each(|port| port.due = now);
        }
        self.misses = 0;
        self.epoch = None;
        self.place = Place::Behind { by, check: now + self.check_every };
        self.see(now, seen);
    }

    /// A search found that nothing is between the node and the outside.
    pub(crate) fn handle_public(&mut self, now: Instant, ip: Ipv4Addr) {
        self.searches = 0;
        self.place = Place::Open { due: now + self.check_every };
        self.see(now, Seen { ip: Some(ip), epoch: None });
    }

    /// A search found nothing. `jitter`: a random number from 0 to 1, here as below.
    pub(crate) fn handle_not_found(&mut self, now: Instant, failure: NatFailure, jitter: f64) {
        self.fail(failure);
        let due = now + self.backoff.delay(self.searches, jitter);
        self.searches = self.searches.saturating_add(1);
        self.place = Place::Unknown { due, refused: None };
    }

    /// The gateway answered that it is there.
    pub(crate) fn handle_seen(&mut self, now: Instant, seen: Seen) {
        self.misses = 0;
        if let Place::Behind { check, .. } = &mut self.place {
            *check = now + self.check_every;
        }
        self.see(now, seen);
    }

    /// It did not.
    pub(crate) fn handle_unseen(&mut self, now: Instant, failure: NatFailure, jitter: f64) {
        let wait = self.backoff.delay(self.misses, jitter);
        if let Place::Behind { check, .. } = &mut self.place {
            *check = now + wait;
        }
        self.miss(now, failure, jitter);
    }

    /// The gateway made or refreshed the mapping of this number.
    pub(crate) fn handle_granted(&mut self, now: Instant, number: usize, grant: Grant) {
        (self.misses, self.searches) = (0, 0);
        // Where it has started anew, the others are gone.
        self.see(now, grant.seen);
        let Place::Behind { by, .. } = self.place else { return };
        let Some(port) = self.ports.get_mut(number) else { return };
        let lasts = grant.lifetime.unwrap_or(self.lifetime);
        // Who grants a year may be rebooted in a year.
        let refresh = (lasts / 2).clamp(self.min_refresh, self.lifetime.max(self.min_refresh));
        (port.due, port.failures, port.external) = (now + refresh, 0, grant.external);
        let (transport, internal) = (port.transport, port.internal.port());
        let mapping =
            Mapping { transport, internal, external: grant.external, by, lifetime: grant.lifetime };
        let until = now.checked_add(lasts).unwrap_or(now + self.lifetime);
        // There must be time for the refresh.
        let until = until.max(port.due + self.min_refresh);
        let before = port.granted.replace((mapping, until));
        if before.is_some_and(|(before, _)| (before.external, before.by) == (grant.external, by)) {
            self.stats.refreshed += 1;
        } else {
            self.stats.mapped += 1;
            self.events.push_back(NatEvent::Mapped(mapping));
        }
    }

    /// The gateway did not. What it granted before holds until it lapses.
    pub(crate) fn handle_failed(
        &mut self,
        now: Instant,
        number: usize,
        failure: NatFailure,
        jitter: f64,
    ) {
        if let Some(port) = self.ports.get_mut(number) {
            port.due = now + self.backoff.delay(port.failures, jitter);
            port.failures = port.failures.saturating_add(1);
        }
        self.miss(now, failure, jitter);
    }

    /// What happened, in order.
    pub(crate) fn poll_event(&mut self) -> Option<NatEvent> {
        self.events.pop_front()
    }

    /// What was counted.
    pub(crate) const fn stats(&self) -> &NatStats {
        &self.stats
    }

    /// Where the node can be reached, as far as a gateway makes it so.
    pub(crate) fn external(&self) -> External {
        let mapped = || self.ports.iter().filter_map(|port| port.granted.as_ref());
        let is_open = matches!(self.place, Place::Open { .. });
        let ip = self.ip.filter(|ip| is_reachable(*ip) && (is_open || mapped().next().is_some()));
        let port = |(mapping, _): &(Mapping, Instant)| {
            (mapping.transport, mapping.internal, mapping.external)
        };
        // Outside a second NAT other ports lead here, if any do.
        let ports =
            if ip.is_some() && !is_open { mapped().map(port).collect() } else { Vec::new() };
        External { ip, ports }
    }

    /// What the gateway is to remove when the server stops.
    pub(crate) fn granted(&self) -> Vec<Wish> {
        self.ports.iter().filter(|port| port.granted.is_some()).map(Port::wish).collect()
    }

    fn lapse(&mut self, now: Instant) {
        for port in &mut self.ports {
            if let Some((mapping, _)) = port.granted.take_if(|(_, until)| *until <= now) {
                self.stats.lost += 1;
                self.events.push_back(NatEvent::Lost(mapping));
            }
        }
    }

    /// Takes in what the gateway says of itself.
    fn see(&mut self, now: Instant, seen: Seen) {
        if let Some(ip) = seen.ip.filter(|ip| self.ip != Some(*ip)) {
            self.ip = Some(ip);
            self.stats.addresses += 1;
            self.events.push_back(NatEvent::Address { ip, announced: is_reachable(ip) });
        }
        let Some(seconds) = seen.epoch else { return };
        if self.epoch.is_some_and(|epoch| epoch.has_restarted(now, seconds)) {
            self.stats.reboots += 1;
            self.ports.iter_mut().for_each(|port| port.due = now);
        }
        self.epoch = Some(Epoch::new(now, seconds));
    }

    fn fail(&mut self, failure: NatFailure) {
        self.stats.count(failure);
        self.events.push_back(NatEvent::Failed(failure));
    }

    /// Something failed; too often, and the gateway is looked for anew: it may have moved, and where
    /// it refuses there may be another way to speak to it.
    fn miss(&mut self, now: Instant, failure: NatFailure, jitter: f64) {
        self.fail(failure);
        self.misses += 1;
        let Place::Behind { by, .. } = self.place else { return };
        if self.misses < MISSES {
            return;
        }
        self.place = match failure {
            NatFailure::Silent | NatFailure::Unreachable(_) => {
                Place::Unknown { due: now, refused: None }
            }
            _ => {
                let due = now + self.backoff.delay(self.searches, jitter);
                self.searches = self.searches.saturating_add(1);
                Place::Unknown { due, refused: Some(by) }
            }
        };
    }
}

impl Port {
    const fn wish(&self) -> Wish {
        Wish { transport: self.transport, internal: self.internal, external: self.external }
    }
}
