//! One peer's session: the exchange of status, then packets in and bundles out, each half as fast
//! as it can go.
//!
//! It is the `run` function of the sub-protocol "shh". A breach of the protocol ends this session
//! and its connection with "subprotocol error"; everything else that is wrong with what a peer
//! sends is counted and passed over.

pub(crate) mod limit;
pub(crate) mod outlet;
pub(crate) mod peers;
pub(crate) mod remote;

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use p2p_mux::{Channel, Exit, Message, Receiver, SendError};
use tokio::{
    sync::Notify,
    task::yield_now,
    time::{Instant, timeout},
};
use whisper_envelope::{Envelope, EnvelopeError, Unhashed};

use crate::{
    delivery::PATIENCE,
    drops::Count,
    drops::reason::Reason,
    hub::{BATCH, Hub},
    receipts::unconfirmed::Unconfirmed,
    relay::{Seat, Transmit},
    session::outlet::Outlet,
    session::remote::Remote,
    settings::MAX_MESSAGE_SIZE,
    wire::fault::Fault,
    wire::status::Status,
    wire::{self, Envelopes, Kind, Wire},
};

mod early;
mod extensions;
mod limits;

use early::Early;
use extensions::{MAX_ANSWERED, Refused};

/// How many bytes of envelopes are decoded and checked before other tasks get their turn, where
/// these are large: else [`BATCH`] of them. One alone may be larger.
const BATCH_BYTES: usize = 128 * 1024;

/// The largest packet that is read. Generous: go-ethereum puts all it has into one packet, whatever
/// its size, and a node that comes back after a while should get it.
const MAX_PACKET: usize = MAX_MESSAGE_SIZE as usize;

/// What the session keeps hold of.
struct Session {
    hub: Arc<Hub>,
    wire: &'static Wire,
    remote: Remote,
    outlet: Arc<Outlet>,
    wake: Arc<Notify>,
    /// There are limits on what this peer may send.
    limited: bool,
    /// What it was sent and has still to acknowledge.
    unconfirmed: Mutex<Unconfirmed>,
    /// What it sent before its time.
    early: Mutex<Early>,
}

/// Runs a session until the channel closes, the node stops, or the peer breaks the protocol.
pub(crate) async fn run(hub: Arc<Hub>, remote: Remote, channel: Channel) -> Result<(), Exit> {
    let stop = hub.stop.clone();
    hub.counters.sessions.opened.one();
    let _ended = CountOnDrop(&hub.counters.sessions.ended);
    let (sender, receiver) = channel.split();
    let (wire, id) = (Wire::of(remote.dialect), remote.id);
    let session = Session {
        hub: Arc::clone(&hub),
        wire,
        limited: hub.settings.peers.rates.apply_to(&id, remote.ip),
        remote,
        outlet: Arc::new(Outlet::new(sender)),
        wake: Arc::default(),
        unconfirmed: Mutex::default(),
        early: Mutex::default(),
    };
    let ended = stop.run_until_cancelled(session.talk(receiver)).await.unwrap_or(Ok(()));
    match ended {
        Ok(()) | Err(Ended::Send(SendError::Closed)) => Ok(()),
        Err(Ended::Send(error)) => Err(error.into()),
        Err(Ended::Fault(fault)) => {
            hub.note(Reason::from(&fault), id);
            tracing::debug!(peer = %id, %fault, "whisper session cut");
            Err(Exit::from(&fault))
        }
    }
}

/// Why a session ended before its channel was seen to close.
enum Ended {
    Fault(Fault),
    Send(SendError),
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Session {
    async fn talk(&self, mut receiver: Receiver) -> Result<(), Ended> {
        let ours = self.hub.status(self.wire.dialect);
        self.send(Kind::Status, (self.wire.encode_status)(&ours)).await?;
        let limit = self.hub.settings.peers.status_timeout;
        let Some(theirs) = timeout(limit, self.read_status(&mut receiver))
            .await
            .map_err(|_| Fault::StatusTimeout)??
        else {
            return Ok(());
        };
        if ours.light && theirs.light && self.hub.settings.peers.restrict_light {
            return Err(Fault::BothLight.into());
        }
        if let Some(rates) = &theirs.rates {
            self.outlet.set_rates(rates);
        }
        let (outlet, wake) = (Arc::clone(&self.outlet), Arc::clone(&self.wake));
        let seated = self.hub.join(&self.remote, theirs, ours, outlet, wake);
        self.hub.counters.sessions.established.one();
        let ended = tokio::select! {
            ended = self.read(seated.seat(), &theirs, &mut receiver) => ended,
            ended = self.write(seated.seat(), theirs.confirmations && ours.confirmations) => ended,
        };
        if self.remote.has_cut_us() || self.remote.has_vanished() {
            self.hub.handle_left(seated.seat(), &self.remote);
        }
        ended
    }

    /// The first packet has to be a status; `None` if the channel closed before it.
    async fn read_status(&self, receiver: &mut Receiver) -> Result<Option<Status>, Fault> {
        let Some(message) = receiver.recv().await else { return Ok(None) };
        if self.wire.kind(message.code) != Some(Kind::Status) {
            return Err(Fault::NotStatus { code: message.code });
        }
        (self.wire.decode_status)(&message.payload).map(Some)
    }

    async fn read(
        &self,
        seat: Seat,
        theirs: &Status,
        receiver: &mut Receiver,
    ) -> Result<(), Ended> {
        loop {
            let message = tokio::select! {
                message = receiver.recv() => message,
                () = self.due() => {
                    self.handle_due(seat).await;
                    continue;
                }
            };
            let Some(message) = message else { return Ok(()) };
            let length = message.payload.len();
            if length > MAX_PACKET {
                return Err(Fault::PacketTooLarge { length, limit: MAX_PACKET }.into());
            }
            if self.limited && !self.is_within_limits(&message)? {
                continue;
            }
            self.handle_packet(seat, theirs, message).await?;
        }
    }

    async fn handle_packet(
        &self,
        seat: Seat,
        theirs: &Status,
        Message { code, payload }: Message,
    ) -> Result<(), Fault> {
        match self.wire.kind(code) {
            Some(Kind::Envelopes) => {
                let refused = self.handle_envelopes(seat, code, &payload).await?;
                if theirs.confirmations {
                    self.acknowledge(&payload, &refused);
                }
            }
            Some(Kind::MinWork) => {
                self.hub.handle_min_work(seat, wire::decode_min_work(code, &payload)?);
            }
            Some(Kind::Bloom) => self.hub.handle_bloom(seat, wire::decode_bloom(code, &payload)?),
            Some(Kind::Direct) if self.hub.peers.is_trusted(&self.remote.id) => {
                self.handle_direct(code, &payload)?;
            }
            Some(Kind::Direct) => self.note(Reason::DirectUntrusted),
            Some(Kind::Status) => self.note(Reason::SecondStatus),
            Some(kind) => self.handle_extension(seat, kind, &payload),
            None => self.note(Reason::UnknownCode),
        }
        Ok(())
    }

    /// The well-formed envelopes before a malformed one count; what comes after it does not. Gives
    /// what was refused of them, as far as that is worth an answer.
    async fn handle_envelopes(
        &self,
        seat: Seat,
        code: u64,
        payload: &Bytes,
    ) -> Result<Vec<Refused>, Fault> {
        let malformed = |error| Fault::MalformedPacket { code, error };
        let mut envelopes = (self.wire.envelopes)(payload).map_err(malformed)?;
        let mut refused = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.hub.delivery.room(deadline).await;
            let (batch, rest) = next_batch(&mut envelopes);
            let verdicts = self.hub.receive(seat, &batch);
            self.keep_early(&batch, &verdicts);
            let room = MAX_ANSWERED.saturating_sub(refused.len());
            refused.extend(extensions::refused(&batch, &verdicts).take(room));
            if let ControlFlow::Break(end) = rest {
                return end.map(|()| refused).map_err(Fault::MalformedEnvelope);
            }
            yield_now().await;
        }
    }

    fn handle_direct(&self, code: u64, payload: &Bytes) -> Result<(), Fault> {
        let malformed = |error| Fault::MalformedPacket { code, error };
        for envelope in self.wire.direct(payload).map_err(malformed)? {
            self.hub.receive_direct(
                self.remote.id,
                &envelope.map_err(Fault::MalformedEnvelope)?.into_envelope(),
            );
        }
        Ok(())
    }

    /// Woken by what is pending for this peer; the highest work goes first.
    /// `confirmed`: the peer acknowledges its bundles.
    async fn write(&self, seat: Seat, confirmed: bool) -> Result<(), Ended> {
        loop {
            // Before the bundle is made, so that what comes meanwhile goes in its place by work.
            if self.outlet.room().await {
                self.hub.counters.limits.waits.one();
            }
            match self.hub.poll_transmit(seat) {
                Transmit::MinWork(min_work) => {
                    self.send(Kind::MinWork, wire::encode_min_work(min_work)).await?;
                }
                Transmit::Bloom(bloom) => {
                    self.send(Kind::Bloom, wire::encode_bloom(&bloom)).await?;
                }
                Transmit::Envelopes(envelopes, own) => {
                    let hashes = if confirmed { envelopes.hashes() } else { Vec::new() };
                    for packet in (self.wire.encode_envelopes)(envelopes) {
                        if confirmed {
                            self.expect_ack(&packet, hashes.clone());
                        }
                        self.send(Kind::Envelopes, packet).await?;
                    }
                    self.hub.tracker.handle_handed(&self.remote.id, confirmed, &own);
                }
                Transmit::Again => yield_now().await,
                Transmit::Later(seconds) => {
                    let longest = Duration::from_secs(seconds.max(1).into());
                    // Whichever of the two it was, look again.
                    let _ = timeout(longest, self.wake.notified()).await;
                }
                Transmit::Idle => self.wake.notified().await,
            }
        }
    }

    /// Something of this peer was put aside.
    fn note(&self, reason: Reason) {
        self.hub.note(reason, self.remote.id);
    }

    /// Sends nothing where the dialect has no such packet.
    async fn send(&self, kind: Kind, payload: Bytes) -> Result<(), Ended> {
        if let Some(code) = self.wire.code(kind) {
            self.outlet.send(code, payload).await.map_err(Ended::Send)?;
        }
        Ok(())
    }
}

/// Decodes the next few envelopes, and hashes them together. Breaks where they end, or at a
/// malformed one.
fn next_batch(
    envelopes: &mut Envelopes<'_>,
) -> (Vec<Envelope>, ControlFlow<Result<(), EnvelopeError>>) {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let rest = loop {
        if batch.len() >= BATCH || bytes >= BATCH_BYTES {
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
    (Unhashed::into_envelopes(batch), rest)
}

/// Counts when a session is over, also when its future is dropped.
struct CountOnDrop<'a>(&'a Count);

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.one();
    }
}
