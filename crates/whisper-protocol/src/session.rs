//! One peer's session: the exchange of status packets, then packets in and bundles out, independently of each other.
//!
//! It is the `run` function of the sub-protocol "shh". A violation of the protocol ends the session and its connection
//! with "subprotocol error"; everything else that is wrong with a peer's packets is counted and ignored.

mod connected;
pub(crate) mod context;
mod extensions;
mod inbound;
mod kept;

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use p2p_identity::causes;
use p2p_mux::{Channel, Exit, MemoryCharge, Receiver, SendError};
use p2p_world::{race, when_woken};
use tokio::{sync::Notify, task::yield_now, time::timeout};

use crate::{
    drops::Occurrence,
    peers::peer_sender::{PeerLink, PeerSender},
    peers::remote::Remote,
    receipts::unconfirmed::UnconfirmedBundles,
    relay::Transmit,
    relay::peer_slot::PeerSlot,
    session::connected::ConnectedPeer,
    session::context::SessionContext,
    session::kept::{KeptEnvelopes, Wanted},
    stats::{Counter, Reason, counters::Counters},
    wire::fault::Fault,
    wire::status::Status,
    wire::{self, PacketKind, Wire},
};

/// Longest wait for `lazy/1` to start on a connection that has it: both begin at the same time.
const LAZY_START: Duration = Duration::from_secs(1);

/// One session.
struct Session {
    context: Arc<SessionContext>,
    wire: &'static Wire,
    remote: Remote,
    sender: Arc<PeerSender>,
    wake: Arc<Notify>,
    /// The bundles that the peer has not acknowledged.
    unconfirmed: Mutex<UnconfirmedBundles>,
    /// The envelopes that were rejected and may be admitted later.
    kept: KeptEnvelopes,
    /// Notified when `lazy/1` has started on the connection.
    lazy_started: Arc<Notify>,
}

/// Runs a session until the channel closes, the node stops, or the peer violates the protocol.
pub(crate) async fn run(
    context: Arc<SessionContext>,
    remote: Remote,
    channel: Channel,
) -> Result<(), Exit> {
    context.counters.one(Counter::SessionsOpened);
    let _ended = CountOnDrop(&context.counters);
    let (kept, known) = (channel.memory_charge(), channel.memory_charge());
    let (sender, receiver) = channel.split();
    let (wire, id) = (Wire::of(remote.dialect), remote.id);
    let session = Session {
        context: Arc::clone(&context),
        wire,
        remote,
        sender: Arc::new(PeerSender::new(sender)),
        wake: Arc::default(),
        unconfirmed: Mutex::default(),
        kept: KeptEnvelopes::new(kept),
        lazy_started: Arc::default(),
    };
    // In a box, as what it runs: otherwise this future would contain a copy at each level of `async`.
    let exchange = Box::pin(session.exchange(receiver, known));
    let ended = tokio::select! {
        biased;
        // Seldom woken, unlike the session.
        () = when_woken(context.stop.cancelled()) => Ok(()),
        ended = exchange => ended,
    };
    match ended {
        Ok(()) | Err(Ended::Send(SendError::Closed)) => Ok(()),
        Err(Ended::Send(error)) => Err(error.into()),
        Err(Ended::Fault(fault)) => {
            session.record(Reason::from(&fault));
            let error = causes(&fault).to_string();
            tracing::debug!(peer = %id, error, "whisper session ended by a fault");
            Err(Fault::EXIT)
        }
    }
}

/// Why a session ended before its channel closed.
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
    /// Exchanges status packets. Returns ours and that of the peer; `None` if the channel closed before it.
    async fn greet(&self, receiver: &mut Receiver) -> Result<Option<(Status, Status)>, Ended> {
        let ours = self.context.relays.relays().status(self.wire.dialect);
        self.kept.handle_told(Wanted::of(&ours));
        self.send(PacketKind::Status, (self.wire.encode_status)(&ours)).await?;
        let limit = self.context.status_timeout();
        let theirs = timeout(limit, self.read_status(receiver)).await;
        let Some(theirs) = theirs.map_err(|_| Fault::StatusTimeout)?? else { return Ok(None) };
        if ours.light && theirs.light && self.context.restricts_light() {
            return Err(Fault::BothLight.into());
        }
        if ours.light && theirs.light {
            self.context.counters.one(Counter::SessionsBothLight);
            tracing::warn!(
                peer = %self.remote.id,
                "the peer and this node are both light clients: neither relays, so only their own posts pass"
            );
        }
        if let Some(rates) = &theirs.rates {
            self.sender.set_rates(rates);
        }
        Ok(Some((ours, theirs)))
    }

    /// Exchanges status packets, then reads and writes.
    async fn exchange(&self, mut receiver: Receiver, known: MemoryCharge) -> Result<(), Ended> {
        // In a box, which is freed before the session goes on.
        let greeted = Box::pin(self.greet(&mut receiver)).await?;
        let Some((ours, theirs)) = greeted else { return Ok(()) };
        let link = PeerLink {
            sender: Arc::clone(&self.sender),
            wake: Arc::clone(&self.wake),
            lazy_wake: Arc::default(),
            lazy_started: Arc::clone(&self.lazy_started),
            client: self.remote.client.as_str().into(),
        };
        let peer = ConnectedPeer::join(&self.context, &self.remote, theirs, ours, link, known);
        self.context.counters.one(Counter::SessionsEstablished);
        let confirmed = theirs.confirmations && ours.confirmations;
        let reading = Box::pin(self.read(peer.slot(), theirs.confirmations, &mut receiver));
        let writing = Box::pin(async {
            match self.write(peer.slot(), confirmed).await {
                // The channel has ended, but reading may not be done with what came before: reading ends the session.
                Err(Ended::Send(SendError::Closed)) => pending().await,
                ended => ended,
            }
        });
        let ended = race(when_woken(reading), when_woken(writing)).await;
        peer.learn_rule();
        ended
    }

    /// Reads the first packet, which must be a status; `None` if the channel closed before it.
    async fn read_status(&self, receiver: &mut Receiver) -> Result<Option<Status>, Fault> {
        let Some(message) = receiver.recv().await else { return Ok(None) };
        if self.wire.kind(message.code) != Some(PacketKind::Status) {
            return Err(Fault::NotStatus { code: message.code });
        }
        (self.wire.decode_status)(&message.payload).map(Some)
    }

    /// Sends what the relay has for this peer, the highest work first. `confirmed`: the peer acknowledges its bundles.
    async fn write(&self, slot: PeerSlot, confirmed: bool) -> Result<(), Ended> {
        if self.remote.has_lazy() || self.context.relays.meetings().is_awaited(&self.remote.id) {
            // What is in the pool is announced, not sent. If it does not start, it is sent.
            let _ = timeout(LAZY_START, self.lazy_started.notified()).await;
        }
        loop {
            // Before the bundle is made, so that envelopes that arrive meanwhile are sorted in by work.
            if self.sender.wait_for_room().await {
                self.context.counters.one(Counter::LimitWaits);
            }
            match self.context.relays.poll_transmit(slot, self.sender.queued()) {
                Transmit::MinWork(min_work) => {
                    self.kept.handle_told(Wanted { min_work, ..self.wanted() });
                    self.send(PacketKind::MinWork, wire::encode_min_work(min_work)).await?;
                }
                Transmit::Bloom(bloom) => {
                    self.kept.handle_told(Wanted { bloom, ..self.wanted() });
                    self.send(PacketKind::Bloom, wire::encode_bloom(&bloom)).await?;
                }
                Transmit::Envelopes(bundle) => {
                    for packet in bundle.packets(self.wire) {
                        if confirmed {
                            self.expect_ack(packet, bundle.hashes().to_vec());
                        }
                        self.send(PacketKind::Envelopes, packet.clone()).await?;
                    }
                    self.context.relays.handle_handed(slot, &bundle);
                    self.context.tracker.handle_handed(&self.remote.id, confirmed, bundle.own());
                }
                Transmit::Again => yield_now().await,
                Transmit::Later(seconds) => {
                    let longest = Duration::from_secs(seconds.max(1).into());
                    // Notified or not, check again.
                    let _ = timeout(longest, self.wake.notified()).await;
                }
                Transmit::Idle => self.wake.notified().await,
            }
        }
    }

    /// Records that something of this peer was dropped.
    fn record(&self, reason: Reason) {
        let occurrence = Occurrence::at(self.context.corrector.now()).by(self.remote.id);
        self.context.counters.record(reason, occurrence);
    }

    /// Sends a packet. Does nothing if the dialect has no such packet.
    async fn send(&self, kind: PacketKind, payload: Bytes) -> Result<(), Ended> {
        if let Some(code) = self.wire.code(kind) {
            self.sender.send(code, payload).await.map_err(Ended::Send)?;
        }
        Ok(())
    }
}

/// Counts the end of a session, also when its future is dropped.
struct CountOnDrop<'a>(&'a Counters);

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.one(Counter::SessionsEnded);
    }
}
