//! What the sessions, the API and the timer share: a relay for each dialect, each behind a lock of
//! its own, and everything around them.
//!
//! A lock is held for the relay's arithmetic alone. Decoding, hashing and work are done before it
//! is taken, sending and opening after it is released.

use std::{
    iter,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use p2p_identity::NodeId;
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;
use whisper_envelope::{Bloom, Dialect, Envelope};
use whisper_pow::{Policy, Work};

use crate::{
    by_dialect::ByDialect,
    clock::skewing::Corrector,
    delivery::Delivery,
    delivery::filter::Filter,
    delivery::interest::Interest,
    delivery::queue::Arrival,
    drops::Occurrence,
    drops::reason::Reason,
    historic::Historic,
    keys::id::FilterId,
    lock::lock,
    receipts::receipt::Refusal,
    receipts::tracker::Tracker,
    relay::admission::{Origin, Proven, Rejection, Requirements, Verdict},
    relay::gauge::Gauge,
    relay::{Relay, Seat, Transmit},
    session::limit::Excess,
    session::outlet::Outlet,
    session::peers::{Link, Peers},
    session::remote::Remote,
    settings::Settings,
    stats::{Counters, RelayStats, Stats},
    wire::packet::{Rates, RefusedEnvelope},
    wire::status::Status,
    wire::{self, Wire},
};

/// How many envelopes are taken in one go, so that nobody else waits long for the lock.
pub(crate) const BATCH: usize = 128;

/// The node's Whisper, shared by all of its tasks.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) settings: Settings,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) stop: CancellationToken,
    /// Envelopes do not translate between dialects.
    relays: ByDialect<Mutex<Relay>>,
    policies: ByDialect<Policy>,
    pub(crate) peers: Peers,
    /// Where the clock of the settings gets the time from.
    pub(crate) corrector: Corrector,
    /// Who reads requests for old envelopes.
    pub(crate) historic: Historic,
    /// Rung when something is to expire earlier than all before.
    timer: Notify,
}

impl Hub {
    pub(crate) fn new(settings: Settings, stop: CancellationToken) -> Self {
        let counters = Arc::new(Counters::default());
        let corrector = Corrector::new(settings.clock.clone(), settings.peers.clock_correction);
        let settings = Settings { clock: corrector.corrected(), ..settings };
        Self {
            delivery: Arc::new(Delivery::new(&settings, Arc::clone(&counters))),
            tracker: Arc::new(Tracker::new(settings.receipts, Arc::clone(&counters))),
            counters,
            stop,
            relays: ByDialect::new(|dialect| Mutex::new(Relay::new(dialect, &settings))),
            policies: ByDialect::new(|dialect| Wire::of(dialect).policy(&settings.rules.policy)),
            peers: Peers::default(),
            corrector,
            historic: Historic::default(),
            timer: Notify::new(),
            settings,
        }
    }

    /// Reads from the relay of a dialect.
    pub(crate) fn with_relay<T>(&self, dialect: Dialect, read: impl FnOnce(&Relay) -> T) -> T {
        read(&self.relay(dialect))
    }

    /// Reads from the relays of all dialects, that of the newest first.
    pub(crate) fn with_relays<T>(&self, read: impl Fn(&Relay) -> T) -> Vec<T> {
        self.relays.iter().map(|relay| read(&lock(relay))).collect()
    }

    /// Asks the relays of all dialects, that of the newest first, until one has an answer.
    pub(crate) fn find_in_relays<T>(&self, find: impl Fn(&Relay) -> Option<T>) -> Option<T> {
        self.relays.iter().find_map(|relay| find(&lock(relay)))
    }

    fn relay(&self, dialect: Dialect) -> MutexGuard<'_, Relay> {
        lock(self.relays.get(dialect))
    }

    /// Which rules of work hold in a dialect.
    pub(crate) fn policy(&self, dialect: Dialect) -> &Policy {
        self.policies.get(dialect)
    }

    /// What this node says of itself to a new peer.
    pub(crate) fn status(&self, dialect: Dialect) -> Status {
        let confirmations = self.settings.receipts.confirmations;
        let rates = self.settings.peers.rates.announced();
        Status { confirmations, rates, ..self.with_relay(dialect, Relay::status) }
    }

    pub(crate) fn stats(&self) -> Stats {
        let relays = self.with_relays(Relay::stats);
        self.counters.snapshot(relays.into_iter().fold(RelayStats::default(), RelayStats::plus))
    }

    /// Seats a peer until the returned guard is dropped.
    pub(crate) fn join(
        self: &Arc<Self>,
        remote: &Remote,
        theirs: Status,
        ours: Status,
        outlet: Arc<Outlet>,
        wake: Arc<Notify>,
    ) -> Seated {
        let gauge = self.gauge(remote);
        let seat = self.relay(remote.dialect).join(remote.id, theirs, ours, gauge);
        self.peers.insert(seat, Link { id: remote.id, outlet, wake });
        self.compare_clocks(seat, remote);
        Seated { hub: Arc::clone(self), seat, remote: remote.clone() }
    }

    /// Takes a batch of envelopes from a peer. One verdict for each, in order.
    pub(crate) fn receive(&self, from: Seat, envelopes: &[Envelope]) -> Vec<Verdict> {
        self.counters.envelopes.received.add(envelopes.len());
        self.look_at_clock(from, envelopes);
        self.take(from.dialect(), Some(from), Origin::Remote, envelopes)
    }

    /// Takes envelopes that a peer sent before their time, and whose time has come.
    pub(crate) fn receive_due(&self, from: Seat, envelopes: &[Envelope]) {
        let verdicts = self.take(from.dialect(), Some(from), Origin::Remote, envelopes);
        let new = verdicts.iter().filter(|verdict| **verdict == Verdict::New);
        self.counters.envelopes.late.add(new.count());
    }

    /// Takes envelopes made here.
    pub(crate) fn inject(&self, envelopes: &[Envelope]) -> Vec<Verdict> {
        let of_one_dialect = envelopes.chunk_by(|one, next| one.dialect() == next.dialect());
        let batches = of_one_dialect.flat_map(|envelopes| envelopes.chunks(BATCH));
        let verdicts: Vec<Verdict> = batches
            .flat_map(|batch| self.take(batch[0].dialect(), None, Origin::Local, batch))
            .collect();
        let new = verdicts.iter().filter(|verdict| **verdict == Verdict::New);
        self.counters.envelopes.posted.add(new.count());
        verdicts
    }

    /// Takes a direct message of a trusted peer: the network's rules do not apply, but for the
    /// limit on size, and it goes nowhere but to the filters that allow it.
    pub(crate) fn receive_direct(&self, from: NodeId, envelope: &Envelope) {
        self.counters.sessions.direct_received.one();
        let dialect = envelope.dialect();
        if self.with_relay(dialect, |relay| relay.requirements().check_size(envelope)).is_err() {
            let now = Occurrence::at(self.settings.clock.now());
            return self
                .counters
                .drops
                .note(Reason::DirectTooLarge, now.by(from).of(envelope.hash()));
        }
        let work = self.policy(dialect).work(envelope).unwrap_or_default().get();
        self.delivery.offer(Arrival { envelope: envelope.detached(), work, direct: true });
    }

    /// The path of every envelope: is it known, is it acceptable, into the pool, on to peers and
    /// filters. One verdict for each, in order.
    fn take(
        &self,
        dialect: Dialect,
        from: Option<Seat>,
        origin: Origin,
        envelopes: &[Envelope],
    ) -> Vec<Verdict> {
        let now = self.settings.clock.now();
        let (known, requirements): (Vec<bool>, _) = {
            let mut relay = self.relay(dialect);
            let known = envelopes.iter().map(|envelope| relay.handle_known(from, envelope));
            (known.collect(), relay.requirements().clone())
        };
        let fresh = envelopes.iter().zip(&known).filter(|(_, known)| !**known);
        let fresh: Vec<&Envelope> = fresh.map(|(envelope, _)| envelope).collect();
        let checked = requirements.check(now, self.policy(dialect), &fresh, origin);
        let mut admitted = self.admit(now, dialect, from, &fresh, checked).into_iter();
        let verdict = |known| if known { None } else { admitted.next() };
        let verdicts: Vec<Verdict> =
            known.into_iter().map(verdict).map(|it| it.unwrap_or(Verdict::Known)).collect();
        verdicts.iter().for_each(|verdict| self.count(verdict));
        verdicts
    }

    /// Into the pool, and what is new there on to the peers and the filters.
    fn admit(
        &self,
        now: u32,
        dialect: Dialect,
        from: Option<Seat>,
        envelopes: &[&Envelope],
        checked: Vec<Result<Proven, Rejection>>,
    ) -> Vec<Verdict> {
        if envelopes.is_empty() {
            return Vec::new();
        }
        let mut verdicts = Vec::with_capacity(envelopes.len());
        let mut new = Vec::new();
        self.with_wakes(dialect, |relay| {
            let before = relay.pool().next_expiry();
            for (&envelope, checked) in envelopes.iter().zip(checked) {
                let verdict = match checked {
                    Ok(proven) => relay.admit(now, from, envelope, proven),
                    Err(rejection) => Verdict::Rejected(rejection),
                };
                verdicts.push(verdict);
                if let (Verdict::New, Ok(proven)) = (verdict, checked) {
                    new.push((envelope, proven.work));
                }
            }
            let after = relay.pool().next_expiry();
            if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
                self.timer.notify_one();
            }
        });
        self.delivery.offer_new(new);
        self.note_refused(now, from, envelopes, &verdicts);
        verdicts
    }

    fn count(&self, verdict: &Verdict) {
        match verdict {
            Verdict::New => self.counters.envelopes.new.one(),
            Verdict::Known => self.counters.envelopes.known.one(),
            Verdict::Rejected(_) => {} // with its reason
        }
    }

    pub(crate) fn handle_min_work(&self, seat: Seat, min_work: Work) {
        self.with_wakes(seat.dialect(), |relay| relay.handle_min_work(seat, min_work));
    }

    pub(crate) fn handle_bloom(&self, seat: Seat, bloom: Bloom) {
        self.with_wakes(seat.dialect(), |relay| relay.handle_bloom(seat, bloom));
    }

    pub(crate) fn handle_rates(&self, seat: Seat, rates: Rates) {
        self.with_wakes(seat.dialect(), |relay| relay.handle_rates(seat, rates));
    }

    /// A peer acknowledged that it took these envelopes. The one place where all of that arrives.
    pub(crate) fn handle_acknowledged(&self, peer: &NodeId, envelopes: &[[u8; 32]]) {
        self.counters.extensions.acks.one();
        self.tracker.handle_acknowledged(peer, envelopes);
        tracing::trace!(%peer, envelopes = envelopes.len(), "bundle acknowledged");
    }

    /// A peer said that it refused an envelope which it had been sent. The one place where all of that
    /// arrives.
    pub(crate) fn handle_refused(&self, peer: &NodeId, refused: &RefusedEnvelope) {
        self.counters.extensions.refused.one();
        if refused.may_be_the_clock() {
            self.counters.extensions.refused_for_the_clock.one();
        }
        tracing::debug!(%peer, code = refused.code, text = ?refused.text, "envelope refused");
        let why = Refusal::Answered { code: refused.code, text: refused.text.clone() };
        self.tracker.handle_refused(peer, &refused.hash, why);
    }

    /// A packet came in of a peer that is limited. An error says that it is beyond its limit.
    pub(crate) fn handle_packet(&self, remote: &Remote, bytes: usize) -> Result<(), Excess> {
        let limits = &self.settings.peers.rates;
        let now = self.delivery.now();
        self.peers.handle_packet(now, limits, remote, bytes)
    }

    /// Changes what the node requires, in all dialects; the sessions tell their peers.
    pub(crate) fn require(&self, change: impl Fn(u32, &mut Requirements)) {
        let now = self.settings.clock.now();
        for wire in wire::ALL {
            self.with_wakes(wire.dialect, |relay| {
                relay.require(|requirements| change(now, requirements));
            });
        }
    }

    /// Makes the node a light client, or one that relays.
    pub(crate) fn set_light(&self, light: bool) {
        for wire in wire::ALL {
            self.with_wakes(wire.dialect, |relay| relay.set_light(light));
        }
    }

    /// Adds a filter; the bloom follows.
    pub(crate) fn insert_filter(&self, filter: Arc<Filter>, lasting: bool) -> FilterId {
        let id = self.delivery.insert(filter, lasting);
        self.follow_filters();
        id
    }

    /// Removes a filter; the bloom follows. False if there was none of this id.
    pub(crate) fn remove_filter(&self, id: &FilterId) -> bool {
        let removed = self.delivery.remove(id);
        self.follow_filters();
        removed
    }

    /// Removes filters that nobody asks for their messages, for ever.
    pub(crate) async fn remove_idle_filters(self: Arc<Self>) {
        loop {
            self.delivery.remove_idle().await;
            self.follow_filters();
        }
    }

    /// Changes which topics the node asks its peers for.
    pub(crate) fn set_interest(&self, interest: Interest) {
        self.delivery.set_interest(interest);
        self.follow_filters();
    }

    /// Announces the bloom that the interest and the filters make, if it is another than before.
    /// Both are looked at inside the lock, so that of two changes at once the last one counts.
    fn follow_filters(&self) {
        let now = self.settings.clock.now();
        for wire in wire::ALL {
            self.with_wakes(wire.dialect, |relay| {
                relay.set_bloom(now, self.delivery.bloom());
            });
        }
    }

    pub(crate) fn poll_transmit(&self, seat: Seat) -> Transmit {
        let now = self.settings.clock.now();
        let (transmit, unsent) = {
            let mut relay = self.relay(seat.dialect());
            (relay.poll_transmit(now, seat), relay.take_unsent())
        };
        self.note_unsent(now, &unsent);
        transmit
    }

    /// What a connected peer said of itself last, the dialect it speaks, and how it counts work.
    pub(crate) fn peer_status(&self, id: &NodeId) -> Option<(Dialect, Status, Gauge)> {
        let (seat, _) = self.peers.link(id)?;
        let dialect = seat.dialect();
        self.with_relay(dialect, |relay| {
            Some((dialect, *relay.peer_status(seat)?, *relay.peer_gauge(seat)?))
        })
    }

    /// Removes envelopes as they expire: sleeps until the earliest expiry, or until an earlier one
    /// comes in. Not for long, though: the clock may be set meanwhile.
    pub(crate) async fn expire(self: Arc<Self>) {
        const LONGEST: u32 = 60;
        loop {
            let now = self.settings.clock.now();
            self.end_posts(now);
            let next = wire::ALL.iter().filter_map(|wire| {
                let mut next = None;
                self.with_wakes(wire.dialect, |relay| next = relay.handle_timeout(now));
                next
            });
            let next = next.chain(self.tracker.next_expiry()).min();
            let Some(expiry) = next else {
                self.timer.notified().await;
                continue;
            };
            let wait = expiry.saturating_sub(now).saturating_add(1).min(LONGEST);
            // Whichever of the two it was, look again.
            let _ = timeout(Duration::from_secs(wait.into()), self.timer.notified()).await;
        }
    }

    /// Something may be due earlier than all before.
    pub(crate) fn ring(&self) {
        self.timer.notify_one();
    }

    /// Changes a relay, and wakes the sessions that have something to send afterwards.
    fn with_wakes(&self, dialect: Dialect, change: impl FnOnce(&mut Relay)) {
        let mut seats = Vec::new();
        let lost = {
            let mut relay = self.relay(dialect);
            change(&mut relay);
            seats.extend(iter::from_fn(|| relay.poll_wake()));
            relay.take_lost()
        };
        self.handle_lost(&lost);
        self.peers.wake(&seats);
    }
}

/// What a peer says that ends the connection over something that it was sent.
const CUT: Refusal = Refusal::Disconnected(p2p_mux::DisconnectReason::Subprotocol);

/// A peer's seat, given up when this is dropped, however its session ended.
#[derive(Debug)]
pub(crate) struct Seated {
    hub: Arc<Hub>,
    seat: Seat,
    remote: Remote,
}

impl Seated {
    pub(crate) fn seat(&self) -> Seat {
        self.seat
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        // In this order: a seat is given to another only when nothing of this peer is left on it.
        self.hub.peers.remove(self.seat);
        self.hub.stop_comparing(self.seat);
        self.hub.relay(self.seat.dialect()).leave(self.seat);
        let why = self.remote.has_cut_us().then_some(CUT);
        self.hub.tracker.handle_left(&self.remote.id, why.as_ref());
    }
}
