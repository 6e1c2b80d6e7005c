//! Reads the packets of one peer.

use std::{future::pending, ops::ControlFlow, time::Duration};

use bytes::Bytes;
use p2p_mux::{Message, Receiver};
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};
use whisper_envelope::{Envelope, EnvelopeError, Unhashed};

use super::{Ended, Session};
use crate::{
    config::MAX_MESSAGE_SIZE,
    delivery::arrival::Source,
    delivery::driver::MAX_QUEUE_WAIT,
    relay::admission::EnvelopeOutcome,
    relay::driver::MAX_BATCH,
    relay::feed::BUNDLE_TARGET,
    relay::peer_slot::PeerSlot,
    session::extensions::{self, MAX_REPORTED, Refused},
    session::kept::Wanted,
    stats::{Counter, Reason},
    wire::fault::Fault,
    wire::{self, Envelopes, PacketKind},
};

/// Bytes of envelopes after which a batch ends and other tasks run; a batch also ends at [`MAX_BATCH`] envelopes. A
/// single envelope may be larger.
const MAX_BATCH_BYTES: usize = 128 * 1024;

/// Bytes of packets after which other tasks run: about a bundle, so that what was read is sent on before more is read.
/// Otherwise a busy node reads all that its peers send, and its sessions find what they are to send in the pool, which
/// costs each of them several times as much.
const MAX_TURN_BYTES: usize = BUNDLE_TARGET;

/// The largest packet that is read, in bytes. go-ethereum puts all pending envelopes into one packet of any size, and a
/// node that was away for a while should be able to read it.
const MAX_PACKET: usize = MAX_MESSAGE_SIZE as usize;

/// How often to check for due envelopes within their last second. Clocks only show whole seconds.
const DUE_POLL: Duration = Duration::from_millis(50);

/// How often to check for due envelopes before that: the clock may be set, and the node may require less.
const KEPT_POLL: Duration = Duration::from_secs(1);

impl Session {
    /// Reads packets until the channel closes or the peer violates the protocol. `confirms`: the peer wants acknowledgements.
    pub(super) async fn read(
        &self,
        slot: PeerSlot,
        confirms: bool,
        receiver: &mut Receiver,
    ) -> Result<(), Ended> {
        let mut turn = 0;
        loop {
            let message = tokio::select! {
                biased;
                // First, so that a peer that sends without pause does not delay it. It cannot delay the peer: when it was
                // processed, nothing more is due until the clock goes on.
                () = self.wait_for_due() => {
                    // In a box: this is rare, and a session has no room for it while it waits.
                    Box::pin(self.process_due(slot)).await;
                    continue;
                }
                message = receiver.recv() => message,
            };
            let Some(message) = message else { return Ok(()) };
            let length = message.payload.len();
            if length > MAX_PACKET {
                return Err(Fault::PacketTooLarge { length, limit: MAX_PACKET }.into());
            }
            if self.is_within_limits(&message)? {
                self.handle_packet(slot, confirms, message).await?;
            }
            turn += length;
            if turn >= MAX_TURN_BYTES {
                turn = 0;
                yield_now().await;
            }
        }
    }

    async fn handle_packet(
        &self,
        slot: PeerSlot,
        confirms: bool,
        Message { code, payload }: Message,
    ) -> Result<(), Fault> {
        let relays = &self.context.relays;
        match self.wire.kind(code) {
            Some(PacketKind::Envelopes) => {
                let refused = self.handle_envelopes(slot, code, &payload).await?;
                if confirms {
                    self.acknowledge(&payload, &refused);
                }
            }
            Some(PacketKind::MinWork) => {
                let min_work = wire::decode_min_work(code, &payload)?;
                relays.change_peer(slot, |relay| relay.handle_min_work(slot, min_work));
            }
            Some(PacketKind::Bloom) => {
                let bloom = wire::decode_bloom(code, &payload)?;
                relays.change_peer(slot, |relay| relay.handle_bloom(slot, bloom));
            }
            Some(PacketKind::Direct) if self.is_trusted() => self.handle_direct(code, &payload)?,
            Some(PacketKind::Direct) => self.record(Reason::DirectUntrusted),
            Some(PacketKind::Status) => self.record(Reason::SecondStatus),
            Some(kind) => self.handle_extension(slot, kind, &payload),
            None => self.record(Reason::UnknownCode),
        }
        Ok(())
    }

    /// Processes the envelopes of a bundle up to the first malformed one. Returns the rejected ones, as far as they are
    /// reported to the peer.
    async fn handle_envelopes(
        &self,
        slot: PeerSlot,
        code: u64,
        payload: &Bytes,
    ) -> Result<Vec<Refused>, Fault> {
        let malformed = |source| Fault::MalformedPacket { code, source };
        let mut envelopes = (self.wire.envelopes)(payload).map_err(malformed)?;
        let mut refused = Vec::new();
        let deadline = Instant::now() + MAX_QUEUE_WAIT;
        loop {
            self.wait_for_room(slot, deadline).await;
            let (batch, rest) = next_batch(&mut envelopes);
            let (batch, outcomes) = self.context.relays.receive(slot, batch);
            self.recognize(&outcomes);
            self.keep(&batch, &outcomes);
            let room = MAX_REPORTED.saturating_sub(refused.len());
            refused.extend(extensions::refused(&batch, &outcomes).take(room));
            if let ControlFlow::Break(end) = rest {
                return end.map(|()| refused).map_err(Fault::MalformedEnvelope);
            }
            yield_now().await;
        }
    }

    /// Keeps what was rejected and may be admitted later.
    fn keep(&self, batch: &[Envelope], outcomes: &[EnvelopeOutcome]) {
        let (early, refused) = self.kept.keep(batch, outcomes);
        self.context.counters.add(Counter::EnvelopesEarly, early);
        self.context.counters.add(Counter::EnvelopesHeld, refused);
    }

    /// Waits for room where new envelopes go.
    async fn wait_for_room(&self, slot: PeerSlot, deadline: Instant) {
        self.context.delivery.wait_for_room(Source::Peer(slot), deadline).await;
        self.context.relays.recorder().wait_for_room(deadline).await;
    }

    /// A peer that brings a new envelope is worth its place: the envelope has cost work.
    fn recognize(&self, outcomes: &[EnvelopeOutcome]) {
        if outcomes.iter().any(|outcome| matches!(outcome, EnvelopeOutcome::New)) {
            self.remote.set_useful();
        }
    }

    fn handle_direct(&self, code: u64, payload: &Bytes) -> Result<(), Fault> {
        let malformed = |source| Fault::MalformedPacket { code, source };
        let mut received = 0;
        for envelope in self.wire.direct(payload).map_err(malformed)? {
            let envelope = envelope.map_err(Fault::MalformedEnvelope)?.into_envelope();
            self.context.relays.receive_direct(self.remote.id, &envelope);
            received += 1;
        }
        self.context.mail.awaited.handle_direct(&self.remote.id, received);
        Ok(())
    }

    /// Whether a packet is to be read. A packet beyond the limits is dropped, with two exceptions: what the peer says
    /// about itself, because without it the node would have a wrong picture of the peer, and it costs little; and answers of
    /// trusted peers: direct messages, and their end.
    fn is_within_limits(&self, message: &Message) -> Result<bool, Fault> {
        let kind = self.wire.kind(message.code);
        if matches!(kind, Some(PacketKind::Direct | PacketKind::Completion)) && self.is_trusted() {
            return Ok(true);
        }
        let (uptime, bytes) = (self.context.delivery.uptime(), message.payload.len());
        let limiter = &self.context.limiter;
        let Err(excess) = limiter.handle_packet(uptime, &self.remote.id, self.remote.ip, bytes)
        else {
            return Ok(true);
        };
        if excess.intolerable {
            return Err(Fault::OverLimit);
        }
        if kind.is_some_and(describes_the_peer) {
            self.context.counters.one(Counter::LimitSpared);
            return Ok(true);
        }
        self.record(excess.scope.into());
        if kind == Some(PacketKind::Envelopes)
            && let Ok(envelopes) = (self.wire.envelopes)(&message.payload)
        {
            let dropped = envelopes.filter(Result::is_ok).count();
            self.context.counters.add(Counter::LimitEnvelopes, dropped);
        }
        Ok(false)
    }

    fn is_trusted(&self) -> bool {
        self.context.trusted.contains(&self.remote.id)
    }

    /// Waits until a kept envelope is to be processed. Never returns while none is kept.
    async fn wait_for_due(&self) {
        while !self.kept.is_empty() {
            match self.kept.wait(self.context.corrector.now(), &self.wanted()) {
                None => break,
                Some(0) => return,
                Some(1) => sleep(DUE_POLL).await,
                Some(_) => sleep(KEPT_POLL).await,
            }
        }
        pending::<()>().await;
    }

    /// Processes the kept envelopes whose time has come, or that the node no longer refuses, as if the peer sent them now.
    async fn process_due(&self, slot: PeerSlot) {
        let deadline = Instant::now() + MAX_QUEUE_WAIT;
        loop {
            let batch = self.kept.take_due(self.context.corrector.now(), &self.wanted());
            if batch.is_empty() {
                return;
            }
            self.wait_for_room(slot, deadline).await;
            let outcomes = self.context.relays.receive_due(slot, &batch);
            self.keep(&batch, &outcomes);
            self.recognize(&outcomes);
            yield_now().await;
        }
    }

    /// What the node requires of envelopes of this dialect.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted::of(&self.context.relays.relays().status(self.wire.dialect))
    }
}

/// Whether a peer says with such packets what it wants or has.
fn describes_the_peer(kind: PacketKind) -> bool {
    match kind {
        PacketKind::Status
        | PacketKind::MinWork
        | PacketKind::Bloom
        | PacketKind::Ack
        | PacketKind::Response
        | PacketKind::Rates => true,
        PacketKind::Envelopes
        | PacketKind::Direct
        | PacketKind::SyncRequest
        | PacketKind::SyncResponse
        | PacketKind::Completion
        | PacketKind::Request => false,
    }
}

/// Decodes the next few envelopes. Breaks at the end, or at a malformed envelope.
fn next_batch(
    envelopes: &mut Envelopes<'_>,
) -> (Vec<Unhashed>, ControlFlow<Result<(), EnvelopeError>>) {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let rest = loop {
        if batch.len() >= MAX_BATCH || bytes >= MAX_BATCH_BYTES {
            break ControlFlow::Continue(());
        }
        match envelopes.next() {
            Some(Ok(envelope)) => {
                bytes += envelope.raw().len();
                batch.push(envelope);
            }
            Some(Err(error)) => break ControlFlow::Break(Err(error)),
            None => break ControlFlow::Break(Ok(())),
        }
    };
    (batch, rest)
}
