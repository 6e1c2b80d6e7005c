//! The relay of one dialect: the pool and the peers it is sent to. A machine without sockets, tasks or a clock.
//!
//! A new envelope enters the pool and the [`Feed`]; there is no tick and no scan. Each peer reads the feed at its own
//! pace: its session takes its bundles out with [`Relay::poll_transmit`]. The policy of what a peer is sent of the feed
//! is in one place, [`PeerState`].
//!
//! Many sessions use the relay at once, so each part has a lock of its own: the pool, the feed, each peer, and the bundles
//! that peers share. They are locked in the order peer, pool, feed; the others are locked alone. No lock is held while an
//! envelope is copied, hashed or freed.

pub(crate) mod admission;
pub(crate) mod driver;
pub(crate) mod feed;
pub(crate) mod lazy;
pub(crate) mod peer_slot;
pub(crate) mod peer_state;
pub(crate) mod pool;
pub(crate) mod reject_reason;
pub(crate) mod relays;
mod roster;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod trace;
mod transmit;
pub(crate) mod unsent_reason;

use std::sync::{
    Arc, Mutex, MutexGuard, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use std::time::Duration;

use p2p_identity::NodeId;
use p2p_mux::MemoryCharge;
use p2p_world::{
    HashState,
    planted::{self, Bug},
};
use whisper_envelope::{Bloom, Dialect, Envelope, Unhashed};
use whisper_pow::{Rule, Work};

use crate::{
    config::Config,
    lock::{lock, read, write},
    peers::peer_rule::PeerRuleState,
    relay::admission::{EnvelopeOutcome, Proven, Requirements},
    relay::feed::Feed,
    relay::feed::arrivals::Arrivals,
    relay::feed::bundle::RecentBundles,
    relay::lazy::exchange::{Arrival, Exchange, LazyRelay},
    relay::peer_slot::PeerSlot,
    relay::peer_state::PeerState,
    relay::pool::history::LostEnvelope,
    relay::pool::shared_pool::SharedPool,
    relay::pool::{Admitted, Pool, PoolEntry, TableKeys},
    relay::reject_reason::RejectReason,
    relay::roster::{RelayPeer, Roster},
    relay::transmit::SentCounts,
    stats::RelayStats,
    wire::packet::Rates,
    wire::status::Status,
};

pub(crate) use transmit::{Transmit, Unsent};

/// Number of envelopes that are admitted, or removed at their expiry, while the pool is locked.
const MAX_LOCKED: usize = 32;

/// Number of expired envelopes to remove before others get the pool.
const MAX_EXPIRED: usize = 512;

/// What to do after a change of a relay.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Effects {
    /// The peers that waited and now have something to be sent.
    pub(crate) wakes: Vec<PeerSlot>,
    /// What left the pool and is to be reported.
    pub(crate) lost: Vec<LostEnvelope>,
    /// Whether the earliest expiry moved forward.
    pub(crate) expires_earlier: bool,
    /// The peers to which there is something to be sent over `lazy/1`.
    pub(crate) lazy_wakes: Vec<PeerSlot>,
}

/// What changes while the node runs and is read without a lock.
#[derive(Debug)]
struct Changes {
    /// Changes whenever the peers are to be told something about the node.
    version: AtomicU64,
    /// Whether the node is a light client: only its own envelopes are sent.
    light: AtomicBool,
}

/// The pool of one dialect, the peers that speak it, and what the node requires of envelopes.
#[derive(Debug)]
pub(crate) struct Relay {
    dialect: Dialect,
    pool: SharedPool,
    feed: Mutex<Feed>,
    bundles: Mutex<RecentBundles>,
    roster: RwLock<Roster>,
    requirements: Mutex<Requirements>,
    changes: Changes,
    /// The node's status. Work requirement, bloom and light mode are filled in from the other fields.
    status: Mutex<Status>,
    counts: SentCounts,
    /// `None` if the node does not use `lazy/1`.
    lazy: Option<LazyRelay>,
}

impl Relay {
    /// `table_keys` must be random.
    pub(crate) fn new(dialect: Dialect, config: &Config, table_keys: HashState) -> Self {
        Self {
            dialect,
            pool: SharedPool::new(config.pool_bytes, TableKeys::new(table_keys)),
            feed: Mutex::default(),
            bundles: Mutex::default(),
            roster: RwLock::default(),
            requirements: Mutex::new(Requirements::new(dialect, config)),
            changes: Changes { version: AtomicU64::new(0), light: AtomicBool::new(config.light) },
            status: Mutex::new(Status {
                confirmations: config.receipts.confirmations,
                rates: config.peers.rates.announced(),
                ..Status::default()
            }),
            counts: SentCounts::default(),
            lazy: config.peers.lazy.then(LazyRelay::default),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// When the last envelopes arrived.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.counts.arrivals
    }

    /// The pool, locked.
    pub(crate) fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock()
    }

    pub(crate) fn requirements(&self) -> Requirements {
        lock(&self.requirements).clone()
    }

    /// The status that this node sends to a new peer.
    pub(crate) fn status(&self) -> Status {
        let requirements = lock(&self.requirements);
        Status {
            min_work: requirements.min_work(),
            bloom: *requirements.bloom(),
            light: self.is_light(),
            ..*lock(&self.status)
        }
    }

    pub(crate) fn stats(&self) -> RelayStats {
        let (announced, fetched) = self.lazy.as_ref().map(LazyRelay::counts).unwrap_or_default();
        let peers: Vec<_> = read(&self.roster).iter().cloned().collect();
        let deferred = peers.iter().map(|peer| lock(&peer.state).deferred()).sum::<u64>();
        let counts = self.pool().counts();
        let sent = self.counts.stats();
        RelayStats {
            deferred: sent.deferred + deferred,
            expired: counts.expired,
            evicted: counts.evicted,
            announced,
            asked: fetched.asked,
            unanswered: fetched.unanswered,
            ..sent
        }
    }

    /// Adds a peer after the exchange of status packets. `told`: the status that this node sent.
    pub(crate) fn join(
        &self,
        id: NodeId,
        theirs: Status,
        told: Status,
        rule: PeerRuleState,
    ) -> PeerSlot {
        let mut roster = write(&self.roster);
        let mut feed = lock(&self.feed);
        let state = PeerState::new(theirs, told, rule, feed.next());
        let demand = state.demand();
        let index =
            roster.insert(RelayPeer { id, joined_at: feed.next(), state: Mutex::new(state) });
        feed.join(index, &demand);
        self.slot(index)
    }

    fn slot(&self, index: usize) -> PeerSlot {
        PeerSlot { dialect: self.dialect, index }
    }

    /// Removes a peer and everything that was queued for it.
    pub(crate) fn leave(&self, slot: PeerSlot) {
        let peer = {
            let mut roster = write(&self.roster);
            let mut feed = lock(&self.feed);
            feed.leave(slot.index);
            roster.remove(slot.index, feed.next())
        };
        self.lazy.iter().for_each(|lazy| lazy.leave(slot.index));
        if let Some(peer) = peer {
            self.counts.add_deferred(lock(&peer.state).deferred());
        }
    }

    /// The peer's last status, and which rule it applies to work.
    pub(crate) fn peer(&self, slot: PeerSlot) -> Option<(Status, PeerRuleState)> {
        let peer = self.find_peer(slot)?;
        let state = lock(&peer.state);
        Some((*state.status(), *state.rule()))
    }

    /// The rules that the peers that require work need. `accepted`: those that a peer with an unknown rule may need.
    pub(crate) fn peer_rules(&self, accepted: &[Rule]) -> Vec<Rule> {
        let peers: Vec<_> = read(&self.roster).iter().cloned().collect();
        let needed = |peer: Arc<RelayPeer>| {
            let state = lock(&peer.state);
            let demands = state.status().min_work > Work::ZERO;
            let needed = demands.then(|| state.rule().needed(accepted).collect::<Vec<_>>());
            needed.unwrap_or_default()
        };
        peers.into_iter().flat_map(needed).collect()
    }

    /// Removes envelopes that are in the pool; see [`SharedPool::remove_known`]. The peer that sent them is not sent them back.
    pub(crate) fn handle_known(&self, from: PeerSlot, envelopes: &mut Vec<Unhashed>) {
        let known = self.pool.remove_known(envelopes);
        self.handle_received(Some(from), known);
    }

    /// Admits envelopes that meet the [`Requirements`] to the pool and the feed. Returns one outcome for each. The peers to
    /// wake are left for [`take_wakes`](Self::take_wakes).
    pub(crate) fn admit(
        &self,
        now: u32,
        uptime: Duration,
        from: Option<PeerSlot>,
        envelopes: &[(&Envelope, Proven)],
    ) -> (Vec<EnvelopeOutcome>, Effects) {
        let source = from.and_then(|slot| u32::try_from(slot.index).ok());
        let mut outcomes = Vec::with_capacity(envelopes.len());
        let mut received = Vec::new();
        let mut effects = Effects::default();
        for envelopes in envelopes.chunks(MAX_LOCKED) {
            let entry = |(envelope, proven): &(&Envelope, Proven)| {
                self.pool.table_keys().entry(envelope, *proven, source)
            };
            let entries: Vec<PoolEntry> = envelopes.iter().map(entry).collect();
            let lazy = self.lazy.as_ref();
            let announcers =
                lazy.map(|lazy| lazy.handle_arrived(from, envelopes)).unwrap_or_default();
            let arrival = Arrival { uptime, from, announcers: &announcers };
            let admitted = self.admit_entries(now, arrival, entries, &mut effects);
            self.exchange().handle_admitted(now, from, envelopes, &admitted, &announcers);
            for admitted in admitted {
                let (number, outcome) = match admitted {
                    Admitted::New(entry) => (Some(entry.number()), EnvelopeOutcome::New),
                    Admitted::Known(ticket) => (Some(ticket.number()), EnvelopeOutcome::Known),
                    Admitted::Full => (None, EnvelopeOutcome::Rejected(RejectReason::PoolFull)),
                };
                received.extend(number);
                outcomes.push(outcome);
            }
        }
        self.handle_received(from, received);
        (outcomes, effects)
    }

    fn admit_entries(
        &self,
        now: u32,
        Arrival { uptime, from, announcers }: Arrival<'_>,
        entries: Vec<PoolEntry>,
        effects: &mut Effects,
    ) -> Vec<Admitted> {
        let from = from.map(|slot| slot.index);
        let mut pool = self.pool();
        let before = pool.next_expiry();
        let admitted: Vec<_> = entries.into_iter().map(|entry| pool.admit(now, entry)).collect();
        let new = admitted.iter().filter_map(|admitted| match admitted {
            Admitted::New(entry) => Some(Arc::clone(entry)),
            Admitted::Known(_) | Admitted::Full => None,
        });
        let new: Vec<_> = new.collect();
        for entry in &new {
            self.arrivals().insert(entry.number(), uptime);
            self.pool.handle_new(entry);
        }
        self.lazy.iter().for_each(|lazy| lazy.handle_new(&admitted, from, announcers));
        effects.lost.extend(pool.take_lost());
        let after = pool.next_expiry();
        effects.expires_earlier |=
            after.is_some_and(|after| before.is_none_or(|before| after < before));
        // Before the pool is released, so that the feed has the order of the pool's numbers.
        let mut feed = lock(&self.feed);
        let removed = self.pool.release(pool);
        feed.append(&new, from, from.is_none() || !self.is_light());
        drop(feed);
        drop(removed);
        admitted
    }

    /// The peer sent these envelopes, which are in the pool.
    fn handle_received(&self, from: Option<PeerSlot>, numbers: impl IntoIterator<Item = u64>) {
        if let Some(peer) = from.and_then(|slot| self.find_peer(slot)) {
            lock(&peer.state).handle_received(numbers);
        }
    }

    /// The peer announced another work requirement.
    pub(crate) fn handle_min_work(&self, slot: PeerSlot, min_work: Work) {
        self.change(slot, |peer| peer.handle_min_work(min_work));
    }

    /// The peer announced another bloom.
    pub(crate) fn handle_bloom(&self, slot: PeerSlot, bloom: Bloom) {
        self.change(slot, |peer| peer.handle_bloom(bloom));
    }

    /// Counts the memory of what is known about the peer.
    pub(crate) fn count_memory(&self, slot: PeerSlot, memory: MemoryCharge) {
        self.change(slot, |peer| peer.count_memory(memory));
    }

    /// The peer announced its rate limits.
    pub(crate) fn handle_rates(&self, slot: PeerSlot, rates: Rates) {
        self.change(slot, |peer| peer.handle_rates(rates));
    }

    /// Changes the requirements of this node and tells all peers.
    pub(crate) fn require(&self, change: impl FnOnce(&mut Requirements)) {
        change(&mut lock(&self.requirements));
        self.handle_required();
    }

    /// Changes the topics that this node wants. Tells all peers if they differ from before.
    /// `bloom` is called while they are locked, so that the last call decides.
    pub(crate) fn set_bloom(&self, now: u32, bloom: impl FnOnce() -> Bloom) {
        {
            let mut requirements = lock(&self.requirements);
            let bloom = bloom();
            if *requirements.bloom() == bloom {
                return;
            }
            requirements.set_bloom(now, bloom);
        }
        self.handle_required();
    }

    fn handle_required(&self) {
        self.changes.version.fetch_add(1, Ordering::Release);
        lock(&self.feed).wake_all();
    }

    /// Whether the node is a light client, which sends only its own envelopes.
    pub(crate) fn is_light(&self) -> bool {
        self.changes.light.load(Ordering::Relaxed)
    }

    /// Announces these limits to new peers.
    pub(crate) fn set_rates(&self, rates: Option<Rates>) {
        lock(&self.status).rates = rates;
    }

    /// Makes the node a light client, or one that relays; in the latter case all peers are sent what is alive. The
    /// protocol has no message for this: connected peers are not told.
    pub(crate) fn set_light(&self, light: bool) {
        let was_light = self.changes.light.swap(light, Ordering::Relaxed);
        if was_light && !light && !planted::is(Bug::LightStays) {
            let peers: Vec<_> = read(&self.roster).iter().cloned().collect();
            peers.iter().for_each(|peer| lock(&peer.state).start_over());
            lock(&self.feed).wake_all();
        }
    }

    /// Removes some of the expired envelopes. Returns the second after which the next one expires; if that has passed,
    /// there are more. Let others run before the next call.
    pub(crate) fn handle_timeout(&self, now: u32) -> (Option<u32>, Effects) {
        let mut effects = Effects::default();
        lock(&self.feed).expire(now);
        lock(&self.bundles).clear();
        self.lazy.iter().for_each(|lazy| lazy.expire(now));
        let mut next = None;
        for _ in 0..MAX_EXPIRED / MAX_LOCKED {
            let mut pool = self.pool();
            let more = pool.expire(now, MAX_LOCKED);
            effects.lost.extend(pool.take_lost());
            next = pool.next_expiry();
            drop(self.pool.release(pool));
            if !more {
                break;
            }
        }
        (next, effects)
    }

    /// What concerns `lazy/1`.
    pub(crate) fn exchange(&self) -> Exchange<'_> {
        Exchange(self)
    }

    /// The peers that waited and now have something to be sent.
    pub(crate) fn take_wakes(&self) -> Vec<PeerSlot> {
        let wakes = lock(&self.feed).take_wakes();
        wakes.into_iter().map(|index| self.slot(index)).collect()
    }

    fn find_peer(&self, slot: PeerSlot) -> Option<Arc<RelayPeer>> {
        read(&self.roster).get(slot.index).cloned()
    }

    fn change(&self, slot: PeerSlot, change: impl FnOnce(&mut PeerState)) {
        let Some(peer) = self.find_peer(slot) else { return };
        let mut state = lock(&peer.state);
        change(&mut state);
        lock(&self.feed).change_demand(slot.index, &state.demand());
    }
}

#[cfg(test)]
mod tests;
