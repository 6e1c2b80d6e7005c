//! The relay of one dialect: the pool and the peers it is sent to. A pure machine without sockets, tasks or a clock.
//!
//! A new envelope is queued at once for each peer that wants it; there is no tick and no scan. Each peer's session
//! takes its bundles out with [`Relay::poll_transmit`].

pub(crate) mod admission;
pub(crate) mod driver;
mod lookup;
pub(crate) mod peer_slot;
pub(crate) mod peer_state;
pub(crate) mod pool;
pub(crate) mod reject_reason;
pub(crate) mod relays;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod trace;
pub(crate) mod unsent_reason;

use std::collections::VecDeque;

use p2p_identity::NodeId;
use p2p_mux::MemoryCharge;
use p2p_world::HashState;
use whisper_envelope::{Bloom, Dialect, Envelope};
use whisper_pow::{Rule, Work};

use crate::{
    config::Config,
    peers::peer_rule::PeerRuleState,
    relay::admission::{EnvelopeOutcome, Proven, Requirements},
    relay::peer_slot::PeerSlot,
    relay::peer_state::{PeerState, sample_of},
    relay::pool::history::{ArrivalStamp, LostEnvelope},
    relay::pool::{Admitted, Pool},
    relay::reject_reason::RejectReason,
    stats::RelayStats,
    wire::PackedEnvelopes,
    wire::packet::Rates,
    wire::status::Status,
};

/// What to send to a peer next.
#[derive(Debug)]
pub(crate) enum Transmit {
    /// The node's work requirement changed.
    MinWork(Work),
    /// The node's bloom changed.
    Bloom(Bloom),
    /// Envelopes, highest work first, together below the peer's packet limit; and the hashes of the node's own
    /// envelopes among them.
    Envelopes(PackedEnvelopes, Vec<[u8; 32]>),
    /// Nothing was found yet: let other tasks run, then ask again.
    Again,
    /// As [`Idle`](Self::Idle), but for at most this number of seconds.
    Later(u32),
    /// Nothing to do until [`Relay::poll_wake`] returns the peer's slot.
    Idle,
}

/// Number of former peers that are remembered.
const MAX_FORMER_PEERS: usize = 1024;

/// Maximum number of oversized envelopes that wait to be reported.
const MAX_UNSENT: usize = 64;

/// An envelope that is not sent to a peer because it alone exceeds the largest packet that every peer accepts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsent {
    pub(crate) hash: [u8; 32],
    pub(crate) to: NodeId,
}

/// Which peer had a slot, and which arrivals fell into that time.
#[derive(Debug, Clone, Copy)]
struct FormerPeer {
    id: NodeId,
    index: usize,
    /// The last arrival before the peer joined.
    after: u64,
    /// The last arrival before it left.
    until: u64,
}

impl FormerPeer {
    /// Whether this peer sent the envelope with this stamp.
    fn covers(&self, stamp: ArrivalStamp) -> bool {
        stamp.from.is_some_and(|from| from as usize == self.index)
            && self.after < stamp.arrival
            && stamp.arrival <= self.until
    }
}

/// A connected peer, and what it was told about this node.
#[derive(Debug)]
struct OccupiedSlot {
    peer: PeerState,
    told: Status,
    idle: bool,
    id: NodeId,
    /// The last arrival before the peer joined.
    after: u64,
}

/// The pool of one dialect, the peers that speak it, and what the node requires of envelopes.
#[derive(Debug)]
pub(crate) struct Relay {
    dialect: Dialect,
    pool: Pool,
    requirements: Requirements,
    slots: Vec<Option<OccupiedSlot>>,
    wakes: Vec<PeerSlot>,
    /// The node's status. Work requirement, bloom and light mode are filled in from the other fields.
    status: Status,
    /// Whether the node is a light client: only its own envelopes are sent.
    light: bool,
    /// The peers that left most recently, so that the source of an envelope can be named later.
    former_peers: VecDeque<FormerPeer>,
    unsent: Vec<Unsent>,
    stats: RelayStats,
}

impl Relay {
    /// `table_keys` must be random.
    pub(crate) fn new(dialect: Dialect, config: &Config, table_keys: HashState) -> Self {
        Self {
            dialect,
            pool: Pool::new(config.pool_bytes, table_keys),
            requirements: Requirements::new(dialect, config),
            slots: Vec::new(),
            wakes: Vec::new(),
            status: Status {
                confirmations: config.receipts.confirmations,
                rates: config.peers.rates.announced(),
                ..Status::default()
            },
            light: config.light,
            former_peers: VecDeque::new(),
            unsent: Vec::new(),
            stats: RelayStats::default(),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// The status that this node sends to a new peer.
    pub(crate) fn status(&self) -> Status {
        Status {
            min_work: self.requirements.min_work(),
            bloom: *self.requirements.bloom(),
            light: self.light,
            ..self.status
        }
    }

    pub(crate) fn stats(&self) -> RelayStats {
        let deferred =
            self.slots.iter().flatten().map(|occupied| occupied.peer.deferred()).sum::<u64>();
        RelayStats {
            deferred: self.stats.deferred + deferred,
            expired: self.pool.expired(),
            evicted: self.pool.evicted(),
            ..self.stats
        }
    }

    /// Adds a peer after the exchange of status packets. `told`: the status that this node sent.
    pub(crate) fn join(
        &mut self,
        id: NodeId,
        theirs: Status,
        told: Status,
        rule: PeerRuleState,
    ) -> PeerSlot {
        let after = self.pool.last_arrival();
        let peer = PeerState::new(theirs, rule);
        let occupied = Some(OccupiedSlot { peer, told, idle: false, id, after });
        if let Some(index) = self.slots.iter().position(Option::is_none) {
            self.slots[index] = occupied;
            return self.slot(index);
        }
        self.slots.push(occupied);
        self.slot(self.slots.len() - 1)
    }

    fn slot(&self, index: usize) -> PeerSlot {
        PeerSlot { dialect: self.dialect, index }
    }

    /// Removes a peer and everything that was queued for it.
    pub(crate) fn leave(&mut self, slot: PeerSlot) {
        if let Some(occupied) = self.slots.get_mut(slot.index).and_then(Option::take) {
            self.stats.deferred += occupied.peer.deferred();
            if self.former_peers.len() >= MAX_FORMER_PEERS {
                self.former_peers.pop_front();
            }
            let (id, after, until) = (occupied.id, occupied.after, self.pool.last_arrival());
            self.former_peers.push_back(FormerPeer { id, index: slot.index, after, until });
        }
        self.wakes.retain(|woken| *woken != slot);
    }

    /// The peer's last status.
    pub(crate) fn peer_status(&self, slot: PeerSlot) -> Option<&Status> {
        Some(self.slots.get(slot.index)?.as_ref()?.peer.status())
    }

    /// Which rule the peer applies to work.
    pub(crate) fn peer_rule(&self, slot: PeerSlot) -> Option<&PeerRuleState> {
        Some(self.slots.get(slot.index)?.as_ref()?.peer.rule())
    }

    /// The rules that the peers that require work need. `accepted`: those that a peer with an unknown rule may need.
    pub(crate) fn peer_rules(&self, accepted: &[Rule]) -> Vec<Rule> {
        let peers = self.slots.iter().flatten().map(|occupied| &occupied.peer);
        let demanding = peers.filter(|peer| peer.status().min_work > Work::ZERO);
        demanding.flat_map(move |peer| peer.rule().needed(accepted)).collect()
    }

    /// Returns whether the envelope is in the pool. If it is, the peer that sent it is not sent it back.
    pub(crate) fn handle_known(&mut self, from: Option<PeerSlot>, envelope: &Envelope) -> bool {
        let Some(ticket) = self.pool.find_same(envelope) else { return false };
        if let Some(peer) = from.and_then(|slot| self.peer_mut(slot)) {
            peer.handle_known(ticket);
        }
        true
    }

    /// Admits an envelope that meets the [`Requirements`] to the pool, and queues it for all peers except the one
    /// that sent it.
    pub(crate) fn admit(
        &mut self,
        now: u32,
        from: Option<PeerSlot>,
        envelope: &Envelope,
        proven: Proven,
    ) -> EnvelopeOutcome {
        let number = from.and_then(|slot| u32::try_from(slot.index).ok());
        let ticket = match self.pool.admit(now, envelope, proven, number) {
            Admitted::New(ticket) => ticket,
            Admitted::Known(ticket) => {
                if let Some(peer) = from.and_then(|slot| self.peer_mut(slot)) {
                    peer.handle_known(ticket);
                }
                return EnvelopeOutcome::Known;
            }
            Admitted::Full => return EnvelopeOutcome::Rejected(RejectReason::PoolFull),
        };
        let offered = !self.light || from.is_none();
        if let Some(entry) = self.pool.get(ticket) {
            let sample = sample_of(entry.topic());
            for (index, occupied) in self.slots.iter_mut().enumerate() {
                let Some(occupied) = occupied else { continue };
                let slot = PeerSlot { dialect: self.dialect, index };
                let from_it = from == Some(slot);
                if !offered {
                    occupied.peer.handle_withheld(ticket, from_it);
                } else if occupied.peer.handle_new(ticket, entry, &sample, from_it) {
                    wake(&mut self.wakes, slot, occupied);
                }
            }
        }
        EnvelopeOutcome::New
    }

    /// The peer announced another work requirement.
    pub(crate) fn handle_min_work(&mut self, slot: PeerSlot, min_work: Work) {
        self.change(slot, |peer| peer.handle_min_work(min_work));
    }

    /// The peer announced another bloom.
    pub(crate) fn handle_bloom(&mut self, slot: PeerSlot, bloom: Bloom) {
        self.change(slot, |peer| peer.handle_bloom(bloom));
    }

    /// Counts the memory of what is known about the peer.
    pub(crate) fn count_memory(&mut self, slot: PeerSlot, memory: MemoryCharge) {
        self.change(slot, |peer| peer.count_memory(memory));
    }

    /// The peer announced its rate limits.
    pub(crate) fn handle_rates(&mut self, slot: PeerSlot, rates: Rates) {
        self.change(slot, |peer| peer.handle_rates(rates));
    }

    /// Changes the requirements of this node and tells all peers.
    pub(crate) fn require(&mut self, change: impl FnOnce(&mut Requirements)) {
        change(&mut self.requirements);
        for (index, occupied) in self.slots.iter_mut().enumerate() {
            if let Some(occupied) = occupied {
                wake(&mut self.wakes, PeerSlot { dialect: self.dialect, index }, occupied);
            }
        }
    }

    /// Changes the topics that this node wants. Tells all peers if they differ from before.
    pub(crate) fn set_bloom(&mut self, now: u32, bloom: Bloom) {
        if *self.requirements.bloom() != bloom {
            self.require(|requirements| requirements.set_bloom(now, bloom));
        }
    }

    /// Whether the node is a light client, which sends only its own envelopes.
    pub(crate) fn is_light(&self) -> bool {
        self.light
    }

    /// Makes the node a light client, or one that relays; in the latter case all peers are sent what is alive. The
    /// protocol has no message for this: connected peers are not told.
    pub(crate) fn set_light(&mut self, light: bool) {
        let relays_again = self.light && !light;
        self.light = light;
        for (index, occupied) in self.slots.iter_mut().enumerate() {
            if relays_again && let Some(occupied) = occupied {
                occupied.peer.start_over();
                wake(&mut self.wakes, PeerSlot { dialect: self.dialect, index }, occupied);
            }
        }
    }

    /// Removes expired envelopes. Returns when the next one expires.
    pub(crate) fn handle_timeout(&mut self, now: u32) -> Option<u32> {
        self.pool.expire(now);
        self.pool.next_expiry()
    }

    /// A peer that was idle and now has something to be sent.
    pub(crate) fn poll_wake(&mut self) -> Option<PeerSlot> {
        self.wakes.pop()
    }

    /// What left the pool since the last call: all that was evicted, and a sample of what expired.
    pub(crate) fn take_lost(&mut self) -> Vec<LostEnvelope> {
        self.pool.take_lost()
    }

    /// The oversized envelopes that were skipped since the last call; at most a few.
    pub(crate) fn take_unsent(&mut self) -> Vec<Unsent> {
        std::mem::take(&mut self.unsent)
    }

    /// What to send to this peer next.
    pub(crate) fn poll_transmit(&mut self, now: u32, slot: PeerSlot) -> Transmit {
        let ours = self.status();
        let Some(occupied) = self.slots.get_mut(slot.index).and_then(Option::as_mut) else {
            return Transmit::Idle;
        };
        if occupied.told.min_work != ours.min_work {
            occupied.told.min_work = ours.min_work;
            return Transmit::MinWork(ours.min_work);
        }
        if occupied.told.bloom != ours.bloom {
            occupied.told.bloom = ours.bloom;
            return Transmit::Bloom(ours.bloom);
        }
        let bundle = occupied.peer.take_bundle(now, &self.pool, self.light);
        if !bundle.oversized.is_empty() {
            self.stats.oversized += bundle.oversized.len() as u64;
            let room = MAX_UNSENT.saturating_sub(self.unsent.len());
            let unsent = bundle.oversized.iter().take(room);
            self.unsent.extend(unsent.map(|hash| Unsent { hash: *hash, to: occupied.id }));
        }
        if !bundle.envelopes.is_empty() {
            self.stats.sent += bundle.envelopes.len() as u64;
            self.stats.bundles += 1;
            return Transmit::Envelopes(bundle.envelopes, bundle.own);
        }
        occupied.idle = !bundle.more;
        match bundle.later {
            _ if bundle.more => Transmit::Again,
            Some(seconds) => Transmit::Later(seconds),
            None => Transmit::Idle,
        }
    }

    fn peer_mut(&mut self, slot: PeerSlot) -> Option<&mut PeerState> {
        Some(&mut self.slots.get_mut(slot.index)?.as_mut()?.peer)
    }

    fn change(&mut self, slot: PeerSlot, change: impl FnOnce(&mut PeerState)) {
        if let Some(occupied) = self.slots.get_mut(slot.index).and_then(Option::as_mut) {
            change(&mut occupied.peer);
            wake(&mut self.wakes, slot, occupied);
        }
    }
}

fn wake(wakes: &mut Vec<PeerSlot>, slot: PeerSlot, occupied: &mut OccupiedSlot) {
    if occupied.idle {
        occupied.idle = false;
        wakes.push(slot);
    }
}

#[cfg(test)]
mod tests;
