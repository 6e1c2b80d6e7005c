//! Runs the relays: passes envelopes on to the delivery, wakes the sessions, and removes envelopes as they expire.

use std::{sync::Arc, time::Duration};

use p2p_identity::NodeId;
use p2p_world::planted::{self, Bug};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use whisper_envelope::{Bloom, Envelope, Unhashed};

use crate::{
    archive::recorder::Recorder,
    clock::{Clock, corrector::ClockCorrector},
    delivery::arrival::{Arrival, Source},
    delivery::driver::DeliveryDriver,
    drops::Occurrence,
    peers::links::Links,
    peers::peer_sender::PeerLink,
    receipts::tracker::PostTracker,
    relay::admission::{EnvelopeOutcome, Requirements},
    relay::feed::bundle::Bundle,
    relay::lazy::meetings::Meetings,
    relay::lazy::wire::LazyMessage,
    relay::peer_slot::PeerSlot,
    relay::pool::history::LostEnvelope,
    relay::relays::{Processed, Relays, dialects},
    relay::{Effects, Relay, Transmit, Unsent},
    stats::{Counter, Reason, counters::Counters},
    wire::packet::Rates,
};

/// Maximum number of envelopes to process at once, so that others do not wait long for the lock.
pub(crate) const MAX_BATCH: usize = 128;

/// Longest wait for an expiry in seconds: the clock may be set meanwhile.
const MAX_EXPIRY_WAIT_SECS: u32 = 60;

/// Pause while more expired envelopes are to be removed than at once, so that others get the pool: a lock is not fair.
const EXPIRY_PAUSE: Duration = Duration::from_millis(1);

/// The relays, and everything that follows from a change of them.
#[derive(Debug)]
pub(crate) struct RelayDriver {
    relays: Arc<Relays>,
    clock: Clock,
    corrector: Arc<ClockCorrector>,
    links: Arc<Links<PeerLink>>,
    delivery: Arc<DeliveryDriver>,
    tracker: Arc<PostTracker>,
    counters: Arc<Counters>,
    recorder: Arc<Recorder>,
    /// Notified when the earliest expiry moves forward.
    expiry: Notify,
    /// Where sessions of `lazy/1` find those of shh.
    meetings: Meetings,
}

impl RelayDriver {
    pub(crate) fn new(
        relays: Arc<Relays>,
        corrector: Arc<ClockCorrector>,
        links: Arc<Links<PeerLink>>,
        delivery: Arc<DeliveryDriver>,
        tracker: Arc<PostTracker>,
        counters: Arc<Counters>,
    ) -> Self {
        let (clock, expiry) = (corrector.corrected(), Notify::new());
        let meetings = Meetings::default();
        let recorder = Arc::new(Recorder::new(clock.clone(), Arc::clone(&counters)));
        Self {
            relays,
            clock,
            corrector,
            links,
            delivery,
            tracker,
            counters,
            recorder,
            expiry,
            meetings,
        }
    }

    pub(crate) fn relays(&self) -> &Relays {
        &self.relays
    }

    pub(crate) fn meetings(&self) -> &Meetings {
        &self.meetings
    }

    pub(crate) fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// Processes a batch of envelopes from a peer. Returns those that were not known, hashed, and one outcome for each of
    /// them, in order.
    pub(crate) fn receive(
        &self,
        from: PeerSlot,
        mut envelopes: Vec<Unhashed>,
    ) -> (Vec<Envelope>, Vec<EnvelopeOutcome>) {
        let received = envelopes.len();
        self.counters.add(Counter::EnvelopesReceived, received);
        if self.corrector.handle_envelopes(from, envelopes.iter().map(Unhashed::unsealed)) {
            self.notify_expiry(); // an expiry may have come
        }
        self.relays.handle_known(from, &mut envelopes);
        self.counters.add(Counter::EnvelopesKnown, received - envelopes.len());
        let envelopes = Unhashed::into_envelopes(envelopes);
        let outcomes = self.process(Some(from), &envelopes);
        (envelopes, outcomes)
    }

    /// Processes envelopes that a peer sent before their time, and whose time has come.
    pub(crate) fn receive_due(
        &self,
        from: PeerSlot,
        envelopes: &[Envelope],
    ) -> Vec<EnvelopeOutcome> {
        let outcomes = self.process(Some(from), envelopes);
        self.counters.add(Counter::EnvelopesLate, count_new(&outcomes));
        outcomes
    }

    /// Processes envelopes that were made here.
    pub(crate) fn inject(&self, envelopes: &[Envelope]) -> Vec<EnvelopeOutcome> {
        let of_one_dialect = envelopes.chunk_by(|one, next| one.dialect() == next.dialect());
        let batches = of_one_dialect.flat_map(|envelopes| envelopes.chunks(MAX_BATCH));
        let outcomes: Vec<_> = batches.flat_map(|batch| self.process(None, batch)).collect();
        self.counters.add(Counter::EnvelopesPosted, count_new(&outcomes));
        outcomes
    }

    /// Processes a direct message of a trusted peer. Only the size limit applies to it, and it goes only to the filters
    /// that allow it.
    pub(crate) fn receive_direct(&self, from: NodeId, envelope: &Envelope) {
        self.counters.one(Counter::DirectReceived);
        let Ok(work) = self.relays.check_direct(envelope) else {
            let occurrence = Occurrence::at(self.clock.now()).by(from).of(envelope.hash());
            return self.counters.record(Reason::DirectTooLarge, occurrence);
        };
        let source = Source::Direct(from);
        let arrived = Some(self.delivery.uptime());
        self.delivery.offer(&Arrival { envelope: envelope.detached(), work, source, arrived });
    }

    /// Processes envelopes of one dialect. Returns one outcome for each, in order.
    fn process(&self, from: Option<PeerSlot>, envelopes: &[Envelope]) -> Vec<EnvelopeOutcome> {
        let Some(first) = envelopes.first() else { return Vec::new() };
        let of_peer = from.is_some();
        let _span = tracing::trace_span!("relay", envelopes = envelopes.len(), of_peer).entered();
        let now = self.clock.now();
        // Before the checks: they are a part of the time that a hop takes.
        let uptime = self.delivery.uptime();
        let Processed { outcomes, new, effects } =
            self.relays.process(now, uptime, first.dialect(), from, envelopes);
        self.apply(effects);
        self.delivery.offer_new(from.into(), &new);
        let new = new.iter().map(|(envelope, _)| *envelope);
        self.record_unarchived(now, self.recorder.offer(from.into(), new));
        self.record_rejected(now, from, envelopes, &outcomes);
        let known = outcomes.iter().filter(|outcome| **outcome == EnvelopeOutcome::Known);
        self.counters.add(Counter::EnvelopesNew, count_new(&outcomes));
        self.counters.add(Counter::EnvelopesKnown, known.count());
        outcomes
    }

    /// Records envelopes that the archive does not get, with the peers that sent them.
    fn record_unarchived(&self, now: u32, lost: Vec<(Source, [u8; 32])>) {
        for (source, hash) in lost {
            let peer = match source {
                Source::Peer(slot) => self.links.id(slot),
                Source::Direct(id) => Some(id),
                Source::Own | Source::Pool => None,
            };
            self.counters.record(Reason::Unarchived, Occurrence::at(now).by(peer).of(&hash));
        }
    }

    fn record_rejected(
        &self,
        now: u32,
        from: Option<PeerSlot>,
        envelopes: &[Envelope],
        outcomes: &[EnvelopeOutcome],
    ) {
        let rejected = |(envelope, outcome)| match outcome {
            &EnvelopeOutcome::Rejected(reason) => Some((envelope, reason)),
            EnvelopeOutcome::New | EnvelopeOutcome::Known => None,
        };
        let mut rejected = envelopes.iter().zip(outcomes).filter_map(rejected).peekable();
        if rejected.peek().is_none() {
            return;
        }
        let peer = from.and_then(|slot| self.links.id(slot));
        for (envelope, reason) in rejected {
            let occurrence = Occurrence {
                rejected: Some(reason),
                ..Occurrence::at(now).by(peer).of(envelope.hash())
            };
            self.counters.record(Reason::from(&reason), occurrence);
        }
    }

    /// Changes the state of one peer.
    pub(crate) fn change_peer(&self, slot: PeerSlot, change: impl FnOnce(&Relay)) {
        self.apply(self.relays.change(slot.dialect(), change));
    }

    /// Changes what the node requires, in all dialects. The sessions tell their peers.
    pub(crate) fn require(&self, change: impl Fn(u32, &mut Requirements)) {
        let now = self.clock.now();
        self.change_all(|relay| relay.require(|requirements| change(now, requirements)));
    }

    /// Announces these limits to new peers.
    pub(crate) fn set_rates(&self, rates: Option<Rates>) {
        self.change_all(|relay| relay.set_rates(rates));
    }

    /// Makes the node a light client, or one that relays.
    pub(crate) fn set_light(&self, light: bool) {
        self.change_all(|relay| relay.set_light(light));
    }

    /// Changes the topics that the node wants; `bloom` is called inside the lock of each relay's requirements.
    pub(crate) fn set_bloom(&self, bloom: impl Fn() -> Bloom) {
        let now = self.clock.now();
        self.change_all(|relay| relay.set_bloom(now, &bloom));
    }

    fn change_all(&self, change: impl Fn(&Relay)) {
        for dialect in dialects() {
            self.apply(self.relays.change(dialect, &change));
        }
    }

    /// What to send to this peer next.
    /// `queued`: bytes in the queue to this peer.
    pub(crate) fn poll_transmit(&self, slot: PeerSlot, queued: usize) -> Transmit {
        let now = self.clock.now();
        let (transmit, unsent) = self.relays.poll_transmit(now, slot, queued);
        self.wake_lazy(&self.relays.relay(slot.dialect()).exchange().take_lazy_wakes());
        for Unsent { hash, to } in unsent {
            self.counters.record(Reason::Oversized, Occurrence::at(now).by(to).of(&hash));
        }
        transmit
    }

    /// The next message of `lazy/1` to this peer, and when to ask again if there is none. Others may have to be asked for
    /// what this peer did not send.
    pub(crate) fn poll_lazy(
        &self,
        uptime: Duration,
        slot: PeerSlot,
    ) -> (Option<LazyMessage>, Option<Duration>) {
        let relay = self.relays.relay(slot.dialect()).exchange();
        let polled = relay.poll_lazy(uptime, slot);
        self.wake_lazy(&relay.take_lazy_wakes());
        polled
    }

    /// Wakes the sessions of `lazy/1` of these peers.
    fn wake_lazy(&self, slots: &[PeerSlot]) {
        self.links.visit(slots, |link| link.lazy_wake.notify_one());
    }

    /// A bundle is in the queue of this peer: counts how long its envelopes were on their way through this node.
    pub(crate) fn handle_handed(&self, slot: PeerSlot, bundle: &Bundle) {
        let uptime = self.delivery.uptime();
        let hop = &self.counters.timings.hop;
        self.relays.ages(slot.dialect(), uptime, bundle, |age, count| hop.record_many(age, count));
    }

    /// Ends posts and removes envelopes as they expire. Never returns.
    pub(crate) async fn run_expiry(self: Arc<Self>) {
        loop {
            let now = self.clock.now();
            self.tracker.handle_clock(now, |hash| self.relays.unsent_reason(hash));
            let next = dialects().filter_map(|dialect| {
                let (next, effects) = self.relays.handle_timeout(now, dialect);
                self.apply(effects);
                next
            });
            let next = next.min();
            if next.is_some_and(|next| next < now) {
                sleep(EXPIRY_PAUSE).await; // there is more to remove
                continue;
            }
            let Some(expiry) = next.into_iter().chain(self.tracker.next_expiry()).min() else {
                self.expiry.notified().await;
                continue;
            };
            let wait = expiry.saturating_sub(now).saturating_add(1).min(MAX_EXPIRY_WAIT_SECS);
            // Notified or not, check again.
            let _ = timeout(Duration::from_secs(wait.into()), self.expiry.notified()).await;
        }
    }

    /// Something may expire earlier than [`run_expiry`](Self::run_expiry) knows.
    pub(crate) fn notify_expiry(&self) {
        self.expiry.notify_one();
    }

    fn apply(&self, effects: Effects) {
        let Effects { wakes, lost, expires_earlier, lazy_wakes } = effects;
        self.wake_lazy(&lazy_wakes);
        if expires_earlier {
            self.notify_expiry();
        }
        for LostEnvelope { hash, at, evicted } in lost {
            let reason = if evicted { Reason::Evicted } else { Reason::EndOfLife };
            self.counters.record(reason, Occurrence::at(at).of(&hash));
            if evicted {
                self.tracker.handle_evicted(&hash);
            }
        }
        let wakes = wakes.get(usize::from(planted::is(Bug::LostWakeup))..).unwrap_or_default();
        self.links.visit(wakes, |link| link.wake.notify_one());
    }
}

fn count_new(outcomes: &[EnvelopeOutcome]) -> usize {
    outcomes.iter().filter(|outcome| **outcome == EnvelopeOutcome::New).count()
}
