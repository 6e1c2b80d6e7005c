//! What the sessions, the API and the timer share: the relay behind one lock, and everything around
//! it.
//!
//! The lock is held for the relay's arithmetic alone. Decoding, hashing and work are done before it
//! is taken, sending and opening after it is released.

use std::{
    collections::{HashMap, HashSet},
    iter,
    sync::{Arc, Mutex},
    time::Duration,
};

use p2p_identity::NodeId;
use p2p_mux::Sender;
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;
use whisper_envelope::{Bloom, Envelope};
use whisper_pow::Work;

use crate::{
    admission::{Origin, Requirements, Verdict},
    delivery::Delivery,
    lock::lock,
    peer::Status,
    queue::Arrival,
    relay::{Relay, Seat, Transmit},
    settings::Settings,
    stats::{Counters, Stats},
};

/// How to reach a seated peer.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) id: NodeId,
    pub(crate) sender: Sender,
    wake: Arc<Notify>,
}

/// The node's Whisper, shared by all of its tasks.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) settings: Settings,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) stop: CancellationToken,
    relay: Mutex<Relay>,
    links: Mutex<HashMap<Seat, Link>>,
    trusted: Mutex<HashSet<NodeId>>,
    /// Rung when something is to expire earlier than all before.
    timer: Notify,
}

impl Hub {
    pub(crate) fn new(settings: Settings, stop: CancellationToken) -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            delivery: Arc::new(Delivery::new(&settings, Arc::clone(&counters))),
            counters,
            stop,
            relay: Mutex::new(Relay::new(&settings)),
            links: Mutex::default(),
            trusted: Mutex::default(),
            timer: Notify::new(),
            settings,
        }
    }

    /// Reads from the relay.
    pub(crate) fn with_relay<T>(&self, read: impl FnOnce(&Relay) -> T) -> T {
        read(&lock(&self.relay))
    }

    pub(crate) fn status(&self) -> Status {
        self.with_relay(Relay::status)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.counters.snapshot(self.with_relay(Relay::stats))
    }

    /// Seats a peer until the returned guard is dropped.
    pub(crate) fn join(
        self: &Arc<Self>,
        id: NodeId,
        theirs: Status,
        ours: Status,
        sender: Sender,
        wake: Arc<Notify>,
    ) -> Seated {
        let seat = lock(&self.relay).join(theirs, ours);
        lock(&self.links).insert(seat, Link { id, sender, wake });
        Seated { hub: Arc::clone(self), seat }
    }

    /// Takes a batch of envelopes from a peer.
    pub(crate) fn receive(&self, from: Seat, envelopes: Vec<Envelope>) {
        self.counters.envelopes.received.add(envelopes.len());
        self.take(Some(from), Origin::Remote, envelopes);
    }

    /// Takes an envelope made here.
    pub(crate) fn inject(&self, envelope: Envelope) -> Verdict {
        let verdict =
            self.take(None, Origin::Local, vec![envelope]).pop().unwrap_or(Verdict::Known);
        if verdict == Verdict::New {
            self.counters.envelopes.posted.one();
        }
        verdict
    }

    /// Takes a direct message of a trusted peer: the network's rules do not apply, but for the
    /// limit on size, and it goes nowhere but to the filters that allow it.
    pub(crate) fn receive_direct(&self, envelope: &Envelope) {
        let counters = &self.counters.sessions;
        counters.direct_received.one();
        if self.with_relay(|relay| relay.requirements().check_size(envelope)).is_err() {
            return counters.direct_too_large.one();
        }
        let work = self.settings.policy.work(envelope).unwrap_or_default().get();
        self.delivery.offer(Arrival { envelope: envelope.detached(), work, direct: true });
    }

    /// The path of every envelope: is it known, is it acceptable, into the pool, on to peers and
    /// filters.
    fn take(
        &self,
        from: Option<Seat>,
        origin: Origin,
        mut envelopes: Vec<Envelope>,
    ) -> Vec<Verdict> {
        let now = self.settings.clock.now();
        let arrived = envelopes.len();
        let requirements = {
            let mut relay = lock(&self.relay);
            envelopes.retain(|envelope| !relay.handle_known(from, envelope.hash()));
            relay.requirements().clone()
        };
        let mut verdicts = vec![Verdict::Known; arrived - envelopes.len()];
        let mut accepted = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            match requirements.check(now, &self.settings.policy, &envelope, origin) {
                // Detached: a small envelope must not keep the large packet alive that it came in.
                Ok(work) => accepted.push((envelope.detached(), work)),
                Err(rejection) => verdicts.push(Verdict::Rejected(rejection)),
            }
        }
        verdicts.extend(self.admit(now, from, accepted));
        verdicts.iter().for_each(|verdict| self.count(verdict));
        verdicts
    }

    /// Into the pool, and what is new there on to the peers and the filters.
    fn admit(
        &self,
        now: u32,
        from: Option<Seat>,
        mut accepted: Vec<(Envelope, Work)>,
    ) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(accepted.len());
        self.with_wakes(|relay| {
            let before = relay.pool().next_expiry();
            accepted.retain(|(envelope, work)| {
                let verdict = relay.admit(now, from, envelope, *work);
                verdicts.push(verdict);
                verdict == Verdict::New
            });
            let after = relay.pool().next_expiry();
            if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
                self.timer.notify_one();
            }
        });
        for (envelope, work) in accepted {
            self.delivery.offer(Arrival { envelope, work: work.get(), direct: false });
        }
        verdicts
    }

    fn count(&self, verdict: &Verdict) {
        match verdict {
            Verdict::New => self.counters.envelopes.new.one(),
            Verdict::Known => self.counters.envelopes.known.one(),
            Verdict::Rejected(rejection) => self.counters.rejected.count(rejection),
        }
    }

    pub(crate) fn handle_min_work(&self, seat: Seat, min_work: Work) {
        self.with_wakes(|relay| relay.handle_min_work(seat, min_work));
    }

    pub(crate) fn handle_bloom(&self, seat: Seat, bloom: Bloom) {
        self.with_wakes(|relay| relay.handle_bloom(seat, bloom));
    }

    /// Changes what the node requires; the sessions tell their peers.
    pub(crate) fn require(&self, change: impl FnOnce(u32, &mut Requirements)) {
        let now = self.settings.clock.now();
        self.with_wakes(|relay| relay.require(|requirements| change(now, requirements)));
    }

    pub(crate) fn poll_transmit(&self, seat: Seat) -> Transmit {
        lock(&self.relay).poll_transmit(self.settings.clock.now(), seat)
    }

    /// The way to a connected peer.
    pub(crate) fn link(&self, id: &NodeId) -> Option<Link> {
        lock(&self.links).values().find(|link| link.id == *id).cloned()
    }

    /// What a connected peer said of itself last.
    pub(crate) fn peer_status(&self, id: &NodeId) -> Option<Status> {
        let seat =
            lock(&self.links).iter().find(|(_, link)| link.id == *id).map(|(seat, _)| *seat)?;
        self.with_relay(|relay| relay.peer_status(seat).copied())
    }

    pub(crate) fn trust(&self, id: NodeId) {
        lock(&self.trusted).insert(id);
    }

    pub(crate) fn is_trusted(&self, id: &NodeId) -> bool {
        lock(&self.trusted).contains(id)
    }

    /// Removes envelopes as they expire: sleeps until the earliest expiry, or until an earlier one
    /// comes in. Not for long, though: the clock may be set meanwhile.
    pub(crate) async fn expire(self: Arc<Self>) {
        const LONGEST: u32 = 60;
        loop {
            let now = self.settings.clock.now();
            let next = lock(&self.relay).handle_timeout(now);
            let Some(expiry) = next else {
                self.timer.notified().await;
                continue;
            };
            let wait = expiry.saturating_sub(now).saturating_add(1).min(LONGEST);
            // Whichever of the two it was, look again.
            let _ = timeout(Duration::from_secs(wait.into()), self.timer.notified()).await;
        }
    }

    /// Changes the relay, and wakes the sessions that have something to send afterwards.
    fn with_wakes(&self, change: impl FnOnce(&mut Relay)) {
        let mut seats = Vec::new();
        {
            let mut relay = lock(&self.relay);
            change(&mut relay);
            seats.extend(iter::from_fn(|| relay.poll_wake()));
        }
        if !seats.is_empty() {
            let links = lock(&self.links);
            seats.iter().filter_map(|seat| links.get(seat)).for_each(|link| link.wake.notify_one());
        }
    }
}

/// A peer's seat, given up when this is dropped, however its session ended.
#[derive(Debug)]
pub(crate) struct Seated {
    hub: Arc<Hub>,
    seat: Seat,
}

impl Seated {
    pub(crate) fn seat(&self) -> Seat {
        self.seat
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        // In this order: a seat is given to another only when nothing of this peer is left on it.
        lock(&self.hub.links).remove(&self.seat);
        lock(&self.hub.relay).leave(self.seat);
    }
}
