//! How it comes to be known by which rules the peers count work, and what follows for what is made here.

use std::collections::HashSet;

use whisper_envelope::Dialect;
use whisper_pow::Rule;

use crate::{
    hub::Hub,
    relay::Seat,
    relay::gauge::Gauge,
    relay::rules::{PeerRule, Sealing},
    session::remote::Remote,
    wire::Wire,
};

impl Hub {
    /// By which rule a peer counts work: as the operator says, as its name says, or as was learned.
    pub(crate) fn gauge(&self, remote: &Remote) -> Gauge {
        if Wire::of(remote.dialect).rule.is_some() {
            return Gauge::ANY;
        }
        let rules = &self.settings.rules;
        let named = || match PeerRule::of_client(&remote.client) {
            PeerRule::Unknown => rules.otherwise,
            named => named,
        };
        match rules.peers.get(&remote.id).copied().unwrap_or_else(named) {
            PeerRule::Any => Gauge::ANY,
            PeerRule::Only(rule) => Gauge::only(rule),
            PeerRule::Unknown => Gauge::learning(self.peers.learned(&remote.id)),
        }
    }

    /// A peer left, perhaps over something that it was sent. If that tells by which rule it counts
    /// work, it is remembered for the next time.
    pub(crate) fn handle_left(&self, seat: Seat, remote: &Remote) {
        let now = self.settings.clock.now();
        let gauge = self.with_relay(seat.dialect(), |relay| relay.peer_gauge(seat).copied());
        if let Some(rule) = gauge.and_then(|gauge| gauge.learn(now))
            && self.peers.learn(remote, rule)
        {
            self.counters.work.learned.one();
            tracing::info!(peer = %remote.id, ?rule, "peer left over work; its rule was learned");
        }
    }

    /// The rules that an envelope made here is to satisfy; the first of them in any case.
    pub(crate) fn seal_rules(&self, dialect: Dialect) -> Vec<Rule> {
        let policy = self.policy(dialect);
        let mut rules = vec![policy.seal];
        match self.settings.rules.seal {
            Sealing::Own => {}
            Sealing::All => rules.extend(&policy.accept),
            Sealing::Peers => self.with_relay(dialect, |relay| rules.extend(relay.peer_rules())),
        }
        let mut seen = HashSet::new();
        rules.retain(|rule| seen.insert(*rule));
        rules
    }
}
