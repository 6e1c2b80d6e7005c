//! Which nodes are connected only over `sec/1`.
//!
//! A node that was connected over `sec/1` once is pinned: from then on it is neither dialed nor accepted over plain RLPx.
//! So an attacker who stands between two nodes can only keep them from their first such connection.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use p2p_mux::{
    identity::NodeId,
    transport::{ConnectError, Link, SecLibrary, SecPolicy},
};

use p2p_world::HashMap;

use super::pins::{Pin, Pins};
use crate::error::DialError;

/// Handshakes with an offer of `sec/1` that must break in a row, before one without it is tried.
const BROKEN_BEFORE_FALLBACK: u32 = 2;

/// For how long broken handshakes are remembered.
const BROKEN_KEEP: Duration = Duration::from_secs(24 * 3600);

/// Maximum number of nodes whose broken handshakes are remembered.
const MAX_BROKEN: usize = 1024;

/// A change of a pin is written again only if it was seen this much later, in seconds.
const PIN_STEP_SECS: u64 = 24 * 3600;

/// How connections are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct LinkSettings {
    /// When to use `sec/1`. Default [`SecPolicy::Prefer`], or [`SecPolicy::Off`] in a build without it.
    pub sec: SecPolicy,
    /// The nodes with another policy, in both directions. Default: none.
    pub nodes: BTreeMap<NodeId, SecPolicy>,
}

/// A changed pin, to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PinChange {
    pub(crate) pin: Pin,
    /// The node that has lost its pin for it.
    pub(crate) displaced: Option<NodeId>,
}

/// How to dial a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DialLink {
    pub(crate) policy: SecPolicy,
    /// Whether `sec/1` is left out only because earlier handshakes broke.
    pub(crate) is_fallback: bool,
}

/// The policies and pins of a node.
#[derive(Debug)]
pub(crate) struct LinkRules {
    settings: LinkSettings,
    pins: Pins,
    /// Handshakes in a row that broke, and when the last one did.
    broken: HashMap<NodeId, (u32, Instant)>,
}

impl LinkRules {
    pub(crate) fn new(settings: &LinkSettings) -> Self {
        Self { settings: settings.clone(), pins: Pins::default(), broken: HashMap::default() }
    }

    /// Whether plain RLPx is refused for some node, though this build has no `sec/1`.
    pub(crate) fn is_unsupported(settings: &LinkSettings) -> bool {
        let mut policies = settings.nodes.values().chain([&settings.sec]);
        SecLibrary::best().is_none() && policies.any(|policy| *policy == SecPolicy::Require)
    }

    /// The policy for a connection of this node, in either direction.
    ///
    /// A pin counts unless the operator has turned `sec/1` off.
    pub(crate) fn policy(&self, id: &NodeId) -> SecPolicy {
        match self.configured(id) {
            SecPolicy::Prefer if self.is_pinned(id) => SecPolicy::Require,
            policy => policy,
        }
    }

    /// The policy for the next attempt to dial a node. A fallback is for one attempt.
    pub(crate) fn next_dial(&mut self, id: &NodeId, now: Instant) -> DialLink {
        let policy = self.policy(id);
        let broken = self.broken.get(id).is_some_and(|&(times, last)| {
            times >= BROKEN_BEFORE_FALLBACK && now.saturating_duration_since(last) < BROKEN_KEEP
        });
        if policy == SecPolicy::Prefer && broken {
            self.broken.remove(id);
            return DialLink { policy: SecPolicy::Off, is_fallback: true };
        }
        DialLink { policy, is_fallback: false }
    }

    /// An attempt to dial a node with this policy has failed.
    pub(crate) fn handle_failed(
        &mut self,
        id: &NodeId,
        policy: SecPolicy,
        error: &DialError,
        now: Instant,
    ) {
        if policy == SecPolicy::Off || !is_broken(error) {
            return;
        }
        if self.broken.len() >= MAX_BROKEN && !self.broken.contains_key(id) {
            let oldest = self.broken.iter().min_by_key(|(_, (_, last))| *last).map(|(id, _)| *id);
            oldest.map(|id| self.broken.remove(&id));
        }
        let (times, last) = self.broken.entry(*id).or_insert((0, now));
        (*times, *last) = (times.saturating_add(1), now);
    }

    /// A node has proved its identity over this link. `pin`: what pins it, if that is `sec/1`. Returns what must be written:
    /// not every time at which it was seen.
    pub(crate) fn handle_connected(&mut self, pin: Pin, link: Link) -> Option<PinChange> {
        if link.is_sec() { self.pin(pin) } else { None }
    }

    /// A node without `sec/1` in its handshake says in its Hello that it has it: it was taken out. See
    /// [`handle_connected`](Self::handle_connected).
    pub(crate) fn pin(&mut self, pin: Pin) -> Option<PinChange> {
        self.broken.remove(&pin.id);
        let before = self.pins.get(&pin.id).copied();
        let pin = Pin { rank: before.map_or(pin.rank, |before| before.rank.max(pin.rank)), ..pin };
        if before.is_some_and(|before| {
            before.rank == pin.rank && pin.seen.saturating_sub(before.seen) < PIN_STEP_SECS
        }) {
            return None;
        }
        let displaced = self.pins.insert(pin);
        (displaced != Some(pin.id)).then_some(PinChange { pin, displaced })
    }

    /// Removes a pin. Returns whether there was one.
    pub(crate) fn unpin(&mut self, id: &NodeId) -> bool {
        self.broken.remove(id);
        self.pins.remove(id)
    }

    pub(crate) fn is_pinned(&self, id: &NodeId) -> bool {
        self.pins.get(id).is_some()
    }

    /// Number of pinned nodes.
    pub(crate) fn pinned(&self) -> usize {
        self.pins.len()
    }

    fn configured(&self, id: &NodeId) -> SecPolicy {
        self.settings.nodes.get(id).copied().unwrap_or(self.settings.sec)
    }
}

/// Whether a handshake ended as with a node that cannot read a longer auth packet: without an answer.
fn is_broken(error: &DialError) -> bool {
    matches!(
        error,
        DialError::Handshake(
            ConnectError::Unanswered
                | ConnectError::Closed
                | ConnectError::Io(_)
                | ConnectError::TimedOut(_)
        )
    )
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use p2p_mux::transport::Suite;

    use super::{super::pins::PinRank, *};
    use SecPolicy::{Off, Prefer, Require};

    const SEC: Link = Link::Sec(Suite::Aes256Gcm);

    fn id(byte: u8) -> NodeId {
        NodeId([byte; 64])
    }

    fn rules(sec: SecPolicy) -> LinkRules {
        LinkRules::new(&LinkSettings { sec, nodes: BTreeMap::from([(id(9), Require)]) })
    }

    fn pin(byte: u8, seen: u64) -> Pin {
        let network = Ipv4Addr::LOCALHOST.into();
        Pin { id: id(byte), rank: PinRank::Inbound, network, seen }
    }

    fn written(pin: Pin) -> Option<PinChange> {
        Some(PinChange { pin, displaced: None })
    }

    fn broken() -> DialError {
        DialError::Handshake(ConnectError::Unanswered)
    }

    #[test]
    fn a_node_that_was_connected_over_sec_is_not_connected_without_it() {
        let mut rules = rules(Prefer);
        assert_eq!(rules.policy(&id(1)), Prefer);
        assert_eq!(rules.handle_connected(pin(1, 5), Link::Rlpx), None);
        assert_eq!(rules.policy(&id(1)), Prefer);
        assert_eq!(rules.handle_connected(pin(1, 5), SEC), written(pin(1, 5)));
        assert_eq!(rules.handle_connected(pin(1, 6), SEC), None, "it is written already");
        assert_eq!((rules.policy(&id(1)), rules.policy(&id(2))), (Require, Prefer));
        let later = pin(1, 5 + PIN_STEP_SECS);
        assert_eq!(rules.handle_connected(later, SEC), written(later));
        assert!(rules.unpin(&id(1)) && !rules.unpin(&id(1)));
        assert_eq!(rules.policy(&id(1)), Prefer);
    }

    #[test]
    fn the_policy_of_a_node_takes_precedence() {
        for sec in [Require, Prefer, Off] {
            let mut rules = rules(sec);
            assert_eq!((rules.policy(&id(9)), rules.policy(&id(1))), (Require, sec));
            rules.pin(pin(1, 1));
            let pinned = if sec == Off { Off } else { Require };
            assert_eq!(rules.policy(&id(1)), pinned);
        }
    }

    #[test]
    fn two_broken_handshakes_allow_one_attempt_without() {
        let now = Instant::now();
        let mut rules = rules(Prefer);
        let offered = DialLink { policy: Prefer, is_fallback: false };
        for _ in 0..3 {
            for _ in 0..BROKEN_BEFORE_FALLBACK {
                assert_eq!(rules.next_dial(&id(1), now), offered);
                rules.handle_failed(&id(1), Prefer, &broken(), now);
            }
            let fallback = DialLink { policy: Off, is_fallback: true };
            assert_eq!(rules.next_dial(&id(1), now), fallback);
            rules.handle_failed(&id(1), Off, &broken(), now);
        }
        // Other failures do not count, and a connection ends the count.
        for _ in 0..9 {
            rules.handle_failed(&id(2), Prefer, &DialError::Timeout, now);
        }
        assert_eq!(rules.next_dial(&id(2), now), offered);
        rules.handle_failed(&id(1), Prefer, &broken(), now);
        rules.handle_connected(pin(1, 1), SEC);
        rules.unpin(&id(1));
        rules.handle_failed(&id(1), Prefer, &broken(), now);
        assert_eq!(rules.next_dial(&id(1), now), offered);
    }

    #[test]
    fn there_is_no_fallback_for_a_pinned_node_or_where_sec_is_required() {
        let now = Instant::now();
        let mut rules = rules(Prefer);
        rules.pin(pin(1, 1));
        for node in [id(1), id(9)] {
            for _ in 0..9 {
                rules.handle_failed(&node, Require, &broken(), now);
            }
            let required = DialLink { policy: Require, is_fallback: false };
            assert_eq!(rules.next_dial(&node, now), required);
        }
    }

    #[test]
    fn broken_handshakes_are_forgotten_after_a_day_and_bounded() {
        let now = Instant::now();
        let mut rules = rules(Prefer);
        for _ in 0..2 {
            rules.handle_failed(&id(1), Prefer, &broken(), now);
        }
        let tomorrow = now + BROKEN_KEEP;
        assert!(!rules.next_dial(&id(1), tomorrow).is_fallback);
        for node in 0..2 * MAX_BROKEN as u64 {
            let mut bytes = [0; 64];
            bytes[..8].copy_from_slice(&node.to_be_bytes());
            rules.handle_failed(&NodeId(bytes), Prefer, &broken(), now);
        }
        assert_eq!(rules.broken.len(), MAX_BROKEN);
    }

    #[test]
    fn a_pin_keeps_its_highest_rank() {
        let mut rules = rules(Prefer);
        let dialed = Pin { rank: PinRank::Dialed, ..pin(1, 6) };
        assert_eq!(rules.handle_connected(pin(1, 5), SEC), written(pin(1, 5)));
        assert_eq!(rules.handle_connected(dialed, SEC), written(dialed), "it is written at once");
        let later = 6 + PIN_STEP_SECS;
        let expected = Pin { seen: later, ..dialed };
        assert_eq!(rules.handle_connected(pin(1, later), SEC), written(expected));
    }
}
