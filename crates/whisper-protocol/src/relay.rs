//! The pool and the peers that share it: one pure machine, without sockets, tasks or a clock.
//!
//! A new envelope is pushed to the peers that want it at once; there is no tick and no scan.
//! Bundles are taken out with [`Relay::poll_transmit`], one peer at a time, by that peer's session.

pub(crate) mod admission;
pub(crate) mod gauge;
pub(crate) mod gauging;
pub(crate) mod known;
pub(crate) mod peer;
pub(crate) mod pool;
pub(crate) mod rules;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::VecDeque;

use p2p_identity::NodeId;
use whisper_envelope::{Bloom, Dialect, Envelope};
use whisper_pow::{Rule, Work};

use crate::{
    drops::history::{Lost, Source},
    relay::admission::{Proven, Rejection, Requirements, Verdict},
    relay::gauge::Gauge,
    relay::peer::{Peer, sample_of},
    relay::pool::{Admitted, Pool},
    settings::Settings,
    stats::RelayStats,
    wire::Packed,
    wire::packet::Rates,
    wire::status::Status,
};

/// The place of a connected peer in the relay of its dialect. Used again after the peer has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seat {
    dialect: Dialect,
    index: usize,
}

impl Seat {
    /// The dialect that the peer speaks.
    pub(crate) fn dialect(self) -> Dialect {
        self.dialect
    }
}

/// What is to be sent to a peer next.
#[derive(Debug)]
pub(crate) enum Transmit {
    /// The node's requirement changed.
    MinWork(Work),
    /// The node's bloom changed.
    Bloom(Bloom),
    /// Envelopes, highest work first, together below the peer's packet limit; and the hashes of those
    /// that were made here.
    Envelopes(Packed, Vec<[u8; 32]>),
    /// Nothing was found yet: ask again soon, and let others have the machine meanwhile.
    Again,
    /// As [`Idle`](Self::Idle), but for so many seconds at most.
    Later(u32),
    /// Nothing to do until [`Relay::poll_wake`] names the peer.
    Idle,
}

mod tracing;

/// How many stays are remembered after they ended.
const DEPARTED: usize = 1024;

/// How many envelopes that could not be sent wait to be asked for.
const UNSENT: usize = 64;

/// An envelope that a peer will not be sent, because it alone is beyond what any peer takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsent {
    pub(crate) hash: [u8; 32],
    pub(crate) to: NodeId,
}

/// Who sat on a seat, and which arrivals fell into that time.
#[derive(Debug, Clone, Copy)]
struct Stay {
    id: NodeId,
    index: usize,
    after: u64,
    until: u64,
}

impl Stay {
    fn covers(&self, source: Source) -> bool {
        source.from.is_some_and(|from| from as usize == self.index)
            && self.after < source.arrival
            && source.arrival <= self.until
    }
}

/// A peer and what it was told of this node.
#[derive(Debug)]
struct Seated {
    peer: Peer,
    told: Status,
    idle: bool,
    id: NodeId,
    /// The last arrival before it came.
    after: u64,
}

/// The pool of one dialect, the peers that speak it, and what the node requires.
#[derive(Debug)]
pub(crate) struct Relay {
    dialect: Dialect,
    pool: Pool,
    requirements: Requirements,
    seats: Vec<Option<Seated>>,
    wakes: Vec<Seat>,
    /// Nothing that others made is sent.
    light: bool,
    /// Who left last, so that it is known later who brought an envelope.
    departed: VecDeque<Stay>,
    unsent: Vec<Unsent>,
    stats: RelayStats,
}

impl Relay {
    pub(crate) fn new(dialect: Dialect, settings: &Settings) -> Self {
        Self {
            dialect,
            pool: Pool::new(settings.pool_bytes),
            requirements: Requirements::new(dialect, settings),
            seats: Vec::new(),
            wakes: Vec::new(),
            light: settings.light,
            departed: VecDeque::new(),
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

    /// What this node says of itself to a new peer.
    pub(crate) fn status(&self) -> Status {
        Status {
            min_work: self.requirements.min_work(),
            bloom: *self.requirements.bloom(),
            light: self.light,
            ..Status::default()
        }
    }

    pub(crate) fn stats(&self) -> RelayStats {
        let deferred =
            self.seats.iter().flatten().map(|seated| seated.peer.deferred()).sum::<u64>();
        RelayStats {
            deferred: self.stats.deferred + deferred,
            expired: self.pool.expired(),
            evicted: self.pool.evicted(),
            ..self.stats
        }
    }

    /// Seats a peer after the exchange of status packets. `told`: what this node said in its own.
    pub(crate) fn join(&mut self, id: NodeId, theirs: Status, told: Status, gauge: Gauge) -> Seat {
        let after = self.pool.last_arrival();
        let peer = Peer::new(theirs, gauge);
        let seated = Some(Seated { peer, told, idle: false, id, after });
        if let Some(index) = self.seats.iter().position(Option::is_none) {
            self.seats[index] = seated;
            return self.seat(index);
        }
        self.seats.push(seated);
        self.seat(self.seats.len() - 1)
    }

    fn seat(&self, index: usize) -> Seat {
        Seat { dialect: self.dialect, index }
    }

    /// The peer is gone, and what was pending for it.
    pub(crate) fn leave(&mut self, seat: Seat) {
        if let Some(seated) = self.seats.get_mut(seat.index).and_then(Option::take) {
            self.stats.deferred += seated.peer.deferred();
            if self.departed.len() >= DEPARTED {
                self.departed.pop_front();
            }
            let (id, after, until) = (seated.id, seated.after, self.pool.last_arrival());
            self.departed.push_back(Stay { id, index: seat.index, after, until });
        }
        self.wakes.retain(|woken| *woken != seat);
    }

    /// What the peer said of itself last.
    pub(crate) fn peer_status(&self, seat: Seat) -> Option<&Status> {
        Some(self.seats.get(seat.index)?.as_ref()?.peer.status())
    }

    /// By which rule the peer counts work.
    pub(crate) fn peer_gauge(&self, seat: Seat) -> Option<&Gauge> {
        Some(self.seats.get(seat.index)?.as_ref()?.peer.gauge())
    }

    /// The rules of the peers that require work, as far as is known.
    pub(crate) fn peer_rules(&self) -> impl Iterator<Item = Rule> {
        let peers = self.seats.iter().flatten().map(|seated| &seated.peer);
        let demanding = peers.filter(|peer| peer.status().min_work > Work::ZERO);
        demanding.filter_map(|peer| peer.gauge().rule())
    }

    /// Whether the envelope is pooled; if so, the peer that sent it need not be sent it.
    pub(crate) fn handle_known(&mut self, from: Option<Seat>, envelope: &Envelope) -> bool {
        let Some(ticket) = self.pool.find_same(envelope) else { return false };
        if let Some(peer) = from.and_then(|seat| self.peer_mut(seat)) {
            peer.handle_known(ticket);
        }
        true
    }

    /// Takes in an envelope that met the [`Requirements`], and offers it to all peers but the one
    /// it came from.
    pub(crate) fn admit(
        &mut self,
        now: u32,
        from: Option<Seat>,
        envelope: &Envelope,
        proven: Proven,
    ) -> Verdict {
        let number = from.and_then(|seat| u32::try_from(seat.index).ok());
        let ticket = match self.pool.admit(now, envelope, proven, number) {
            Admitted::New(ticket) => ticket,
            Admitted::Known(ticket) => {
                if let Some(peer) = from.and_then(|seat| self.peer_mut(seat)) {
                    peer.handle_known(ticket);
                }
                return Verdict::Known;
            }
            Admitted::Full => return Verdict::Rejected(Rejection::PoolFull),
        };
        let offered = !self.light || from.is_none();
        if let Some(entry) = self.pool.get(ticket) {
            let sample = sample_of(entry.topic());
            for (index, seated) in self.seats.iter_mut().enumerate() {
                let Some(seated) = seated else { continue };
                let seat = Seat { dialect: self.dialect, index };
                let from_it = from == Some(seat);
                if !offered {
                    seated.peer.handle_withheld(ticket, from_it);
                } else if seated.peer.handle_new(ticket, entry, &sample, from_it) {
                    wake(&mut self.wakes, seat, seated);
                }
            }
        }
        Verdict::New
    }

    /// The peer announced another work requirement.
    pub(crate) fn handle_min_work(&mut self, seat: Seat, min_work: Work) {
        self.change(seat, |peer| peer.handle_min_work(min_work));
    }

    /// The peer announced another bloom.
    pub(crate) fn handle_bloom(&mut self, seat: Seat, bloom: Bloom) {
        self.change(seat, |peer| peer.handle_bloom(bloom));
    }

    /// The peer announced how much it takes.
    pub(crate) fn handle_rates(&mut self, seat: Seat, rates: Rates) {
        self.change(seat, |peer| peer.handle_rates(rates));
    }

    /// Changes what this node requires and tells all peers.
    pub(crate) fn require(&mut self, change: impl FnOnce(&mut Requirements)) {
        change(&mut self.requirements);
        for (index, seated) in self.seats.iter_mut().enumerate() {
            if let Some(seated) = seated {
                wake(&mut self.wakes, Seat { dialect: self.dialect, index }, seated);
            }
        }
    }

    /// Changes the topics that this node wants, and tells all peers if they are others than before.
    pub(crate) fn set_bloom(&mut self, now: u32, bloom: Bloom) {
        if *self.requirements.bloom() != bloom {
            self.require(|requirements| requirements.set_bloom(now, bloom));
        }
    }

    /// Whether the node is a light client, which sends nothing but what was made here.
    pub(crate) fn is_light(&self) -> bool {
        self.light
    }

    /// Makes the node a light client, or one that relays: then everybody is sent what is alive. There
    /// are no words to tell the peers that it is another than when they met.
    pub(crate) fn set_light(&mut self, light: bool) {
        let relays_again = self.light && !light;
        self.light = light;
        for (index, seated) in self.seats.iter_mut().enumerate() {
            if relays_again && let Some(seated) = seated {
                seated.peer.start_over();
                wake(&mut self.wakes, Seat { dialect: self.dialect, index }, seated);
            }
        }
    }

    /// Removes expired envelopes; returns when the next one expires.
    pub(crate) fn handle_timeout(&mut self, now: u32) -> Option<u32> {
        self.pool.expire(now);
        self.pool.next_expiry()
    }

    /// A peer that was idle and has something to send now.
    pub(crate) fn poll_wake(&mut self) -> Option<Seat> {
        self.wakes.pop()
    }

    /// What left the pool since the last time this was asked: all that was evicted, and some of what
    /// expired.
    pub(crate) fn take_lost(&mut self) -> Vec<Lost> {
        self.pool.take_lost()
    }

    /// Which envelopes were skipped for good since the last time this was asked, or the first few
    /// of many.
    pub(crate) fn take_unsent(&mut self) -> Vec<Unsent> {
        std::mem::take(&mut self.unsent)
    }

    /// What to send to this peer next.
    pub(crate) fn poll_transmit(&mut self, now: u32, seat: Seat) -> Transmit {
        let ours = self.status();
        let Some(seated) = self.seats.get_mut(seat.index).and_then(Option::as_mut) else {
            return Transmit::Idle;
        };
        if seated.told.min_work != ours.min_work {
            seated.told.min_work = ours.min_work;
            return Transmit::MinWork(ours.min_work);
        }
        if seated.told.bloom != ours.bloom {
            seated.told.bloom = ours.bloom;
            return Transmit::Bloom(ours.bloom);
        }
        let bundle = seated.peer.take_bundle(now, &self.pool, self.light);
        if !bundle.oversized.is_empty() {
            self.stats.oversized += bundle.oversized.len() as u64;
            let room = UNSENT.saturating_sub(self.unsent.len());
            let unsent = bundle.oversized.iter().take(room);
            self.unsent.extend(unsent.map(|hash| Unsent { hash: *hash, to: seated.id }));
        }
        if !bundle.envelopes.is_empty() {
            self.stats.sent += bundle.envelopes.len() as u64;
            self.stats.bundles += 1;
            return Transmit::Envelopes(bundle.envelopes, bundle.own);
        }
        seated.idle = !bundle.more;
        match bundle.later {
            _ if bundle.more => Transmit::Again,
            Some(seconds) => Transmit::Later(seconds),
            None => Transmit::Idle,
        }
    }

    fn peer_mut(&mut self, seat: Seat) -> Option<&mut Peer> {
        Some(&mut self.seats.get_mut(seat.index)?.as_mut()?.peer)
    }

    fn change(&mut self, seat: Seat, change: impl FnOnce(&mut Peer)) {
        if let Some(seated) = self.seats.get_mut(seat.index).and_then(Option::as_mut) {
            change(&mut seated.peer);
            wake(&mut self.wakes, seat, seated);
        }
    }
}

fn wake(wakes: &mut Vec<Seat>, seat: Seat, seated: &mut Seated) {
    if seated.idle {
        seated.idle = false;
        wakes.push(seat);
    }
}

#[cfg(test)]
mod tests;
