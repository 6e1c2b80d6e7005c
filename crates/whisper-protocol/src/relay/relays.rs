//! The relays of all dialects, each behind its own lock.
//!
//! A lock is held only for the relay's computations. Decoding, hashing and proof of work are done before it is taken,
//! sending and opening after it is released: what is to be done then is returned as [`Effects`].

use std::{
    iter,
    sync::{Mutex, MutexGuard},
};

use bytes::Bytes;
use p2p_identity::NodeId;
use p2p_mux::MemoryCharge;
use p2p_world::HashState;
use whisper_envelope::{Bloom, Dialect, Envelope, Topic};
use whisper_pow::{Policy, Rule, Work};

use crate::{
    config::Config,
    delivery::backfill::{PoolReader, Scan, ScanLimits},
    lock::lock,
    peers::peer_rule::PeerRuleState,
    relay::admission::{EnvelopeOutcome, Origin, Proven, Requirements},
    relay::peer_slot::PeerSlot,
    relay::pool::history::LostEnvelope,
    relay::pool::{Pool, PoolEntry, Ticket},
    relay::reject_reason::RejectReason,
    relay::trace::{DepartedTrace, PooledTrace},
    relay::unsent_reason::UnsentReason,
    relay::{Relay, Transmit, Unsent},
    stats::RelayStats,
    wire::status::Status,
    wire::{self, Wire},
};

/// What to do after a change of a relay, when its lock is released.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Effects {
    /// The idle peers that now have something to be sent.
    pub(crate) wakes: Vec<PeerSlot>,
    /// What left the pool and is to be reported.
    pub(crate) lost: Vec<LostEnvelope>,
    /// Whether the earliest expiry moved forward.
    pub(crate) expires_earlier: bool,
}

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
    relays: ByDialect<Mutex<Relay>>,
    policies: ByDialect<Policy>,
}

impl Relays {
    /// `table_keys` must be random.
    pub(crate) fn new(config: &Config, table_keys: &HashState) -> Self {
        let relay = |dialect| Mutex::new(Relay::new(dialect, config, table_keys.clone()));
        Self {
            relays: ByDialect::new(relay),
            policies: ByDialect::new(|dialect| Wire::of(dialect).policy(&config.work.policy)),
        }
    }

    /// Processes arriving envelopes of one dialect: known ones are recognized, requirements are checked, new ones are
    /// admitted and queued for the peers. This is the path of every envelope. `from`: the peer that sent them.
    pub(crate) fn process<'a>(
        &self,
        now: u32,
        dialect: Dialect,
        from: Option<PeerSlot>,
        envelopes: &'a [Envelope],
    ) -> Processed<'a> {
        let origin = if from.is_some() { Origin::Remote } else { Origin::Local };
        let (known, requirements): (Vec<bool>, _) = {
            let mut relay = self.relay(dialect);
            let known = envelopes.iter().map(|envelope| relay.handle_known(from, envelope));
            (known.collect(), relay.requirements().clone())
        };
        let unknown = envelopes.iter().zip(&known).filter(|(_, known)| !**known);
        let unknown: Vec<&Envelope> = unknown.map(|(envelope, _)| envelope).collect();
        let checked = requirements.check(now, self.policy(dialect), &unknown, origin);
        let Processed { outcomes, new, effects } =
            self.admit(now, dialect, from, &unknown, checked);
        let mut admitted = outcomes.into_iter();
        let outcome = |known| if known { None } else { admitted.next() };
        let outcomes = known.into_iter().map(outcome);
        let outcomes = outcomes.map(|it| it.unwrap_or(EnvelopeOutcome::Known)).collect();
        Processed { outcomes, new, effects }
    }

    /// Admits envelopes that were checked.
    fn admit<'a>(
        &self,
        now: u32,
        dialect: Dialect,
        from: Option<PeerSlot>,
        envelopes: &[&'a Envelope],
        checked: Vec<Result<Proven, RejectReason>>,
    ) -> Processed<'a> {
        let mut outcomes = Vec::with_capacity(envelopes.len());
        let mut new = Vec::new();
        if envelopes.is_empty() {
            return Processed { outcomes, new, effects: Effects::default() };
        }
        let ((), effects) = self.change(dialect, |relay| {
            for (&envelope, checked) in envelopes.iter().zip(checked) {
                let outcome = match checked {
                    Ok(proven) => relay.admit(now, from, envelope, proven),
                    Err(reason) => EnvelopeOutcome::Rejected(reason),
                };
                outcomes.push(outcome);
                if let (EnvelopeOutcome::New, Ok(proven)) = (outcome, checked) {
                    new.push((envelope, proven.work));
                }
            }
        });
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
    pub(crate) fn poll_transmit(&self, now: u32, slot: PeerSlot) -> (Transmit, Vec<Unsent>) {
        let mut relay = self.relay(slot.dialect());
        (relay.poll_transmit(now, slot), relay.take_unsent())
    }

    /// Removes expired envelopes of a dialect. Returns when the next one expires.
    pub(crate) fn handle_timeout(&self, now: u32, dialect: Dialect) -> (Option<u32>, Effects) {
        self.change(dialect, |relay| relay.handle_timeout(now))
    }

    /// Changes the relay of a dialect.
    pub(crate) fn change<T>(
        &self,
        dialect: Dialect,
        change: impl FnOnce(&mut Relay) -> T,
    ) -> (T, Effects) {
        let mut relay = self.relay(dialect);
        let before = relay.pool().next_expiry();
        let changed = change(&mut relay);
        let wakes = iter::from_fn(|| relay.poll_wake()).collect();
        let after = relay.pool().next_expiry();
        let expires_earlier = after.is_some_and(|after| before.is_none_or(|before| after < before));
        (changed, Effects { wakes, lost: relay.take_lost(), expires_earlier })
    }

    /// The status that this node sends to a new peer.
    pub(crate) fn status(&self, dialect: Dialect) -> Status {
        self.relay(dialect).status()
    }

    /// What the node requires of envelopes. The values are the same in all dialects; shh/5 ignores the bloom.
    pub(crate) fn requirements(&self) -> Requirements {
        self.relay(Dialect::V6).requirements().clone()
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
        let stats = self.relays.iter().map(|relay| lock(relay).stats());
        stats.fold(RelayStats::default(), RelayStats::plus)
    }

    /// Bytes and number of envelopes of all pools together.
    pub(crate) fn pool_size(&self) -> (usize, usize) {
        let size = |pool: &Pool| (pool.bytes(), pool.len());
        let sizes = self.relays.iter().map(|relay| size(lock(relay).pool()));
        sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
    }

    /// Calls `read` with each pooled envelope, highest work first in each dialect, and collects the results. Each pool is
    /// locked meanwhile.
    pub(crate) fn collect<T>(&self, read: impl Fn(Dialect, &PoolEntry) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        for relay in self.relays.iter() {
            let relay = lock(relay);
            let entries = relay.pool().iter();
            found.extend(entries.filter_map(|entry| read(relay.dialect(), entry)));
        }
        found
    }

    /// The last status of a peer, and which rule it applies to work.
    pub(crate) fn peer(&self, slot: PeerSlot) -> Option<(Status, PeerRuleState)> {
        let relay = self.relay(slot.dialect());
        Some((*relay.peer_status(slot)?, *relay.peer_rule(slot)?))
    }

    /// The rules that the connected peers that require work need.
    pub(crate) fn peer_rules(&self, dialect: Dialect) -> Vec<Rule> {
        self.relay(dialect).peer_rules(&self.policy(dialect).accept)
    }

    /// An envelope that was made here, while it is in the pool of its dialect.
    pub(crate) fn own_envelope(&self, dialect: Dialect, hash: &[u8; 32]) -> Option<Envelope> {
        let raw = {
            let relay = self.relay(dialect);
            let entry = relay.pool().get(relay.pool().find(hash)?)?;
            entry.is_own().then(|| Bytes::copy_from_slice(entry.raw()))?
        };
        Envelope::decode(dialect, raw).ok()
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
        self.relays.iter().find_map(|relay| find(&lock(relay)))
    }

    fn relay(&self, dialect: Dialect) -> MutexGuard<'_, Relay> {
        lock(self.relays.get(dialect))
    }

    fn policy(&self, dialect: Dialect) -> &Policy {
        self.policies.get(dialect)
    }
}

/// All dialects, the newest first.
pub(crate) fn dialects() -> impl Iterator<Item = Dialect> {
    wire::ALL.iter().map(|wire| wire.dialect)
}

impl PoolReader for Relays {
    fn find(&self, hash: &[u8; 32]) -> Option<(Envelope, Work)> {
        let (dialect, raw, work) = self.find_in(|relay| {
            let entry = relay.pool().get(relay.pool().find(hash)?)?;
            Some((relay.dialect(), Bytes::copy_from_slice(entry.raw()), entry.work()))
        })?;
        Some((Envelope::decode(dialect, raw).ok()?, work))
    }

    fn scan(
        &self,
        dialect: Dialect,
        after: Option<Ticket>,
        limits: ScanLimits,
        wanted: &dyn Fn(Topic, Work) -> bool,
    ) -> Scan {
        let mut raw = Vec::new();
        let mut last = None;
        {
            let relay = self.relay(dialect);
            let pool = relay.pool();
            let mut next = after.map_or_else(|| pool.highest(), |after| pool.below(after));
            for _ in 0..limits.scanned {
                last = next;
                let Some(ticket) = next else { break };
                if let Some(entry) = pool.get(ticket).filter(|it| wanted(it.topic(), it.work())) {
                    raw.push((Bytes::copy_from_slice(entry.raw()), entry.work()));
                    if raw.len() == limits.found {
                        break;
                    }
                }
                next = pool.below(ticket);
            }
        }
        let decode = |(raw, work)| Some((Envelope::decode(dialect, raw).ok()?, work));
        Scan { found: raw.into_iter().filter_map(decode).collect(), last }
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
            relays.process(NOW, Dialect::V6, None, envelopes);
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
        while !matches!(relays.poll_transmit(NOW, slot).0, Transmit::Idle) {}
        let (_, _, effects) = process(&relays, &[envelope_until(NOW + 20, 1)]);
        assert_eq!((effects.wakes, effects.expires_earlier), (vec![slot], true));
        let (_, _, effects) = process(&relays, &[envelope_until(NOW + 30, 2)]);
        assert_eq!((effects.wakes, effects.expires_earlier), (vec![], false));
        let (next, effects) = relays.handle_timeout(NOW + 21, Dialect::V6);
        assert_eq!((next, effects.lost.len()), (Some(NOW + 30), 1));
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
