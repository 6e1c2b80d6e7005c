//! The relays of all dialects.
//!
//! Decoding, hashing and proof of work need no lock; what is to be done after a change, such as sending and opening, is
//! returned as [`Effects`].

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use p2p_identity::NodeId;
use p2p_mux::MemoryCharge;
use p2p_world::HashState;
use whisper_envelope::{Bloom, Dialect, Envelope, Topic, Unhashed};
use whisper_pow::{Policy, Rule, Work};

use crate::{
    config::Config,
    delivery::backfill::{PoolReader, Scan, ScanLimits},
    peers::peer_rule::PeerRuleState,
    relay::admission::{EnvelopeOutcome, Origin, Requirements},
    relay::feed::bundle::Bundle,
    relay::peer_slot::PeerSlot,
    relay::pool::{PoolEntry, Ticket},
    relay::reject_reason::RejectReason,
    relay::trace::{DepartedTrace, PooledTrace},
    relay::unsent_reason::UnsentReason,
    relay::{Effects, Relay, Transmit, Unsent},
    stats::RelayStats,
    wire::status::Status,
    wire::{self, Wire},
};

/// The result of [`Relays::process`].
#[derive(Debug)]
pub(crate) struct Processed<'a> {
    /// One for each envelope, in order.
    pub(crate) outcomes: Vec<EnvelopeOutcome>,
    /// The new envelopes with their work.
    pub(crate) new: Vec<(&'a Envelope, Work)>,
    pub(crate) effects: Effects,
}

/// One value for each dialect.
#[derive(Debug)]
struct ByDialect<T> {
    v5: T,
    v6: T,
}

impl<T> ByDialect<T> {
    fn new(make: impl Fn(Dialect) -> T) -> Self {
        Self { v5: make(Dialect::V5), v6: make(Dialect::V6) }
    }

    fn get(&self, dialect: Dialect) -> &T {
        match dialect {
            Dialect::V5 => &self.v5,
            Dialect::V6 => &self.v6,
        }
    }

    /// Both values, that of the newer dialect first.
    fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.v6, &self.v5].into_iter()
    }
}

/// The relays of all dialects. Envelopes are not translated between dialects. It has no tasks and no clock: `now` is in
/// seconds since 1970.
#[derive(Debug)]
pub(crate) struct Relays {
    relays: ByDialect<Relay>,
    policies: ByDialect<Policy>,
}

impl Relays {
    /// `table_keys` must be random.
    pub(crate) fn new(config: &Config, table_keys: &HashState) -> Self {
        let relay = |dialect| Relay::new(dialect, config, table_keys.clone());
        Self {
            relays: ByDialect::new(relay),
            policies: ByDialect::new(|dialect| Wire::of(dialect).policy(&config.work.policy)),
        }
    }

    /// Removes the envelopes that are in the pool, before they are hashed: most of what arrives is known. The peer that sent
    /// them is not sent them back.
    pub(crate) fn handle_known(&self, from: PeerSlot, envelopes: &mut Vec<Unhashed>) {
        self.relay(from.dialect()).handle_known(from, envelopes);
    }

    /// Processes envelopes of one dialect: requirements are checked, new ones are admitted and queued for the peers. This is
    /// the path of every envelope that is not [known](Self::handle_known). `from`: the peer that sent them.
    pub(crate) fn process<'a>(
        &self,
        now: u32,
        uptime: Duration,
        dialect: Dialect,
        from: Option<PeerSlot>,
        envelopes: &'a [Envelope],
    ) -> Processed<'a> {
        let origin = if from.is_some() { Origin::Remote } else { Origin::Local };
        let relay = self.relay(dialect);
        let checked = relay.requirements().check(now, self.policy(dialect), envelopes, origin);
        let bad = envelopes.iter().zip(&checked).filter(|(_, checked)| checked.is_err());
        relay.exchange().handle_rejected(now, bad.map(|(envelope, _)| envelope));
        let good = envelopes.iter().zip(&checked);
        let good: Vec<_> =
            good.filter_map(|(envelope, checked)| Some((envelope, checked.ok()?))).collect();
        let (admitted, effects) = relay.admit(now, uptime, from, &good);
        let (wakes, lazy_wakes) = (relay.take_wakes(), relay.exchange().take_lazy_wakes());
        let effects = Effects { wakes, lazy_wakes, ..effects };
        let new = good.iter().zip(&admitted);
        let new = new.filter(|(_, outcome)| **outcome == EnvelopeOutcome::New);
        let new = new.map(|((envelope, proven), _)| (*envelope, proven.work)).collect();
        let mut admitted = admitted.into_iter();
        let outcome = |checked| match checked {
            Err(reason) => EnvelopeOutcome::Rejected(reason),
            Ok(_) => admitted.next().unwrap_or(EnvelopeOutcome::Known),
        };
        let outcomes = checked.into_iter().map(outcome).collect();
        Processed { outcomes, new, effects }
    }

    /// Checks the size of a direct message, the only requirement that applies to it. Returns its work.
    pub(crate) fn check_direct(&self, envelope: &Envelope) -> Result<Work, RejectReason> {
        self.relay(envelope.dialect()).requirements().check_size(envelope)?;
        Ok(self.policy(envelope.dialect()).work(envelope).unwrap_or_default())
    }

    /// Adds a peer after the exchange of status packets. `told`: the status that this node sent.
    pub(crate) fn join(
        &self,
        dialect: Dialect,
        id: NodeId,
        theirs: Status,
        told: Status,
        rule: PeerRuleState,
    ) -> PeerSlot {
        self.relay(dialect).join(id, theirs, told, rule)
    }

    /// Counts the memory of what is known about a peer.
    pub(crate) fn count_memory(&self, slot: PeerSlot, memory: MemoryCharge) {
        self.relay(slot.dialect()).count_memory(slot, memory);
    }

    /// Removes a peer and everything that was queued for it.
    pub(crate) fn leave(&self, slot: PeerSlot) {
        self.relay(slot.dialect()).leave(slot);
    }

    /// What to send to this peer next, and the oversized envelopes that were skipped.
    /// `queued`: bytes in the queue to this peer.
    pub(crate) fn poll_transmit(
        &self,
        now: u32,
        slot: PeerSlot,
        queued: usize,
    ) -> (Transmit, Vec<Unsent>) {
        self.relay(slot.dialect()).poll_transmit(now, slot, queued)
    }

    /// Calls `each` with the time since the arrival of envelopes of a bundle, and their number. Left out are envelopes that
    /// were made here, that waited for a peer, or that arrived long ago.
    pub(crate) fn ages(
        &self,
        dialect: Dialect,
        uptime: Duration,
        bundle: &Bundle,
        mut each: impl FnMut(Duration, u64),
    ) {
        let arrivals = self.relay(dialect).arrivals();
        let ages = bundle.live_numbers().filter_map(|number| arrivals.age(number, uptime));
        // Envelopes of one packet have the same age.
        let mut last: Option<(Duration, u64)> = None;
        for age in ages {
            match &mut last {
                Some((same, count)) if *same == age => *count += 1,
                _ => {
                    if let Some((age, count)) = last.replace((age, 1)) {
                        each(age, count);
                    }
                }
            }
        }
        if let Some((age, count)) = last {
            each(age, count);
        }
    }

    /// Removes some of the expired envelopes of a dialect. Returns the second after which the next one expires; if that
    /// has passed, there are more.
    pub(crate) fn handle_timeout(&self, now: u32, dialect: Dialect) -> (Option<u32>, Effects) {
        self.relay(dialect).handle_timeout(now)
    }

    /// Changes the relay of a dialect.
    pub(crate) fn change(&self, dialect: Dialect, change: impl FnOnce(&Relay)) -> Effects {
        let relay = self.relay(dialect);
        change(relay);
        let (wakes, lazy_wakes) = (relay.take_wakes(), relay.exchange().take_lazy_wakes());
        Effects { wakes, lazy_wakes, ..Effects::default() }
    }

    /// The status that this node sends to a new peer.
    pub(crate) fn status(&self, dialect: Dialect) -> Status {
        self.relay(dialect).status()
    }

    /// What the node requires of envelopes. The values are the same in all dialects; shh/5 ignores the bloom.
    pub(crate) fn requirements(&self) -> Requirements {
        self.relay(Dialect::V6).requirements()
    }

    /// The topics that the node wants, as it announces them in shh/6.
    pub(crate) fn bloom(&self) -> Bloom {
        *self.relay(Dialect::V6).requirements().bloom()
    }

    /// Whether the node is a light client.
    pub(crate) fn is_light(&self) -> bool {
        self.relay(Dialect::V6).is_light()
    }

    /// The sum of the relays' counters.
    pub(crate) fn stats(&self) -> RelayStats {
        let stats = self.relays.iter().map(Relay::stats);
        stats.fold(RelayStats::default(), RelayStats::plus)
    }

    /// Bytes and number of envelopes of all pools together.
    pub(crate) fn pool_size(&self) -> (usize, usize) {
        let size = |relay: &Relay| {
            let pool = relay.pool();
            (pool.bytes(), pool.len())
        };
        let sizes = self.relays.iter().map(size);
        sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
    }

    /// Maximum bytes of all pools together.
    pub(crate) fn pool_budget(&self) -> usize {
        let budgets = self.relays.iter().map(|relay| relay.pool().budget());
        budgets.fold(0, usize::saturating_add)
    }

    /// Calls `read` with each pooled envelope, highest work first in each dialect, and collects the results. Each pool is
    /// locked meanwhile.
    pub(crate) fn collect<T>(
        &self,
        read: impl Fn(Dialect, &Arc<PoolEntry>) -> Option<T>,
    ) -> Vec<T> {
        let mut found = Vec::new();
        for relay in self.relays.iter() {
            let pool = relay.pool();
            found.extend(pool.iter().filter_map(|entry| read(relay.dialect(), entry)));
        }
        found
    }

    /// The last status of a peer, and which rule it applies to work.
    pub(crate) fn peer(&self, slot: PeerSlot) -> Option<(Status, PeerRuleState)> {
        self.relay(slot.dialect()).peer(slot)
    }

    /// The rules that the connected peers that require work need.
    pub(crate) fn peer_rules(&self, dialect: Dialect) -> Vec<Rule> {
        self.relay(dialect).peer_rules(&self.policy(dialect).accept)
    }

    /// An envelope that was made here, while it is in the pool of its dialect.
    pub(crate) fn own_envelope(&self, dialect: Dialect, hash: &[u8; 32]) -> Option<Envelope> {
        let entry = self.relay(dialect).pool().find(hash).cloned()?;
        entry.is_own().then(|| decode(dialect, &entry))?
    }

    /// A pooled envelope with its dialect, and what each peer has to do with it. `post`: the hashes of all envelopes of its
    /// post. A peer that has another one of these has this message.
    pub(crate) fn trace(
        &self,
        hash: &[u8; 32],
        post: &[[u8; 32]],
    ) -> Option<(Dialect, PooledTrace)> {
        self.find_in(|relay| Some((relay.dialect(), relay.trace(hash, post)?)))
    }

    /// An envelope that left the pool and is still remembered.
    pub(crate) fn departed(&self, hash: &[u8; 32]) -> Option<DepartedTrace> {
        self.find_in(|relay| relay.departed(hash))
    }

    /// Why no envelope of a post was sent to any peer; `None` if none of them is pooled, or if a peer has one.
    pub(crate) fn unsent_reason(&self, hashes: &[[u8; 32]]) -> Option<UnsentReason> {
        self.find_in(|relay| relay.unsent_reason(hashes))
    }

    /// Asks the relays of all dialects, that of the newest first, until one has a result.
    fn find_in<T>(&self, find: impl Fn(&Relay) -> Option<T>) -> Option<T> {
        self.relays.iter().find_map(find)
    }

    /// The relay of a dialect.
    pub(crate) fn relay(&self, dialect: Dialect) -> &Relay {
        self.relays.get(dialect)
    }

    fn policy(&self, dialect: Dialect) -> &Policy {
        self.policies.get(dialect)
    }
}

/// All dialects, the newest first.
pub(crate) fn dialects() -> impl Iterator<Item = Dialect> {
    wire::ALL.iter().map(|wire| wire.dialect)
}

/// A copy of a pooled envelope.
fn decode(dialect: Dialect, entry: &PoolEntry) -> Option<Envelope> {
    Envelope::decode(dialect, Bytes::copy_from_slice(entry.raw())).ok()
}

impl PoolReader for Relays {
    fn find(&self, hash: &[u8; 32]) -> Option<(Envelope, Work)> {
        let find = |relay: &Relay| Some((relay.dialect(), relay.pool().find(hash).cloned()?));
        let (dialect, entry) = self.find_in(find)?;
        Some((decode(dialect, &entry)?, entry.work()))
    }

    fn scan(
        &self,
        dialect: Dialect,
        after: Option<Ticket>,
        limits: ScanLimits,
        wanted: &dyn Fn(Topic, Work) -> bool,
    ) -> Scan {
        let mut found = Vec::new();
        let mut last = None;
        {
            let pool = self.relay(dialect).pool();
            let mut rest = pool.descend(after.map_or(Bound::Unbounded, Bound::Excluded));
            for _ in 0..limits.scanned {
                let entry = rest.next();
                last = entry.map(|entry| entry.ticket());
                let Some(entry) = entry else { break };
                if wanted(entry.topic(), entry.work()) {
                    found.push(Arc::clone(entry));
                    if found.len() == limits.found {
                        break;
                    }
                }
            }
        }
        let decode = |entry: &Arc<PoolEntry>| Some((decode(dialect, entry)?, entry.work()));
        Scan { found: found.iter().filter_map(decode).collect(), last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::testing::{NOW, eager, envelope, envelope_until};

    fn relays() -> Relays {
        let config = Config { min_work: Work::ZERO, ..Config::default() };
        Relays::new(&config, &HashState::default())
    }

    fn process(relays: &Relays, envelopes: &[Envelope]) -> (Vec<EnvelopeOutcome>, usize, Effects) {
        let Processed { outcomes, new, effects } =
            relays.process(NOW, Duration::ZERO, Dialect::V6, None, envelopes);
        (outcomes, new.len(), effects)
    }

    #[test]
    fn outcomes_are_in_the_order_of_the_envelopes() {
        let relays = relays();
        let (outcomes, _, _) = process(&relays, &[envelope(1)]);
        assert_eq!(outcomes, [EnvelopeOutcome::New]);
        let batch = [envelope_until(NOW - 1, 2), envelope(1), envelope(3), envelope(3)];
        let (outcomes, new, _) = process(&relays, &batch);
        let expired = EnvelopeOutcome::Rejected(RejectReason::Expired);
        let (known, new_one) = (EnvelopeOutcome::Known, EnvelopeOutcome::New);
        assert_eq!(outcomes, [expired, known, new_one, known]);
        assert_eq!((new, relays.pool_size().1), (1, 2));
    }

    #[test]
    fn effects_name_idle_peers_and_an_earlier_expiry() {
        let relays = relays();
        let rule = PeerRuleState::ANY;
        let slot = relays.join(Dialect::V6, NodeId([0; 64]), eager(), eager(), rule);
        while !matches!(relays.poll_transmit(NOW, slot, 0).0, Transmit::Idle) {}
        let (_, _, effects) = process(&relays, &[envelope_until(NOW + 20, 1)]);
        assert_eq!((effects.wakes, effects.expires_earlier), (vec![slot], true));
        let (_, _, effects) = process(&relays, &[envelope_until(NOW + 30, 2)]);
        assert_eq!((effects.wakes, effects.expires_earlier), (vec![], false));
        let (next, effects) = relays.handle_timeout(NOW + 21, Dialect::V6);
        assert_eq!((next, effects.lost.len()), (Some(NOW + 30), 1));
    }

    #[test]
    fn a_hop_is_measured_from_the_arrival_if_the_envelope_did_not_wait_for_the_peer() {
        let relays = relays();
        let second = Duration::from_secs(1);
        let join =
            || relays.join(Dialect::V6, NodeId([0; 64]), eager(), eager(), PeerRuleState::ANY);
        let ages = |slot| loop {
            match relays.poll_transmit(NOW, slot, 0).0 {
                Transmit::Envelopes(bundle) => {
                    let mut ages = Vec::new();
                    relays.ages(Dialect::V6, 5 * second, &bundle, |age, count| {
                        ages.push((age, count));
                    });
                    return ages;
                }
                Transmit::Again => {}
                other => panic!("no envelopes: {other:?}"),
            }
        };
        let (from, to) = (join(), join());
        while !matches!(relays.poll_transmit(NOW, to, 0).0, Transmit::Idle) {}
        let _ = relays.process(NOW, second, Dialect::V6, Some(from), &[envelope(1), envelope(2)]);
        let _ = relays.process(NOW, 3 * second, Dialect::V6, None, &[envelope(3)]);
        assert_eq!(ages(to), [(4 * second, 2)], "the third one is from here");
        assert_eq!(ages(join()), [], "the peer came later");
    }

    #[test]
    fn a_direct_message_is_checked_for_its_size_only() {
        let config = Config { max_message_size: 84, ..Config::default() };
        let small = Relays::new(&config, &HashState::default());
        let expired = envelope_until(NOW - 1000, 1);
        assert!(small.check_direct(&expired).is_ok());
        let _ = small.change(Dialect::V6, |relay| {
            relay.require(|requirements| requirements.set_max_message_size(83));
        });
        let too_large = Err(RejectReason::TooLarge { size: 84, limit: 83 });
        assert_eq!(small.check_direct(&expired), too_large);
    }
}
