//! Runs `lazy/1` on one connection: carries messages between the relay and the peer.
//!
//! A violation of the protocol by the peer ends it. The session of shh goes on, and sends everything as to any other peer.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use p2p_identity::{NodeId, causes};
use p2p_mux::{Channel, Exit, MemoryCharge, Message, Receiver, Sender};
use p2p_world::{race, when_woken};
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use crate::{
    drops::Occurrence,
    lock::lock,
    peers::remote::Remote,
    relay::Relay,
    relay::lazy::fault::LazyFault,
    relay::lazy::meetings::Meetings,
    relay::lazy::short_id::Salt,
    relay::lazy::wire::{Announced, LazyMessage},
    relay::peer_slot::PeerSlot,
    session::context::SessionContext,
};

/// One connection.
struct Session {
    context: Arc<SessionContext>,
    remote: Remote,
    slot: PeerSlot,
    wake: Arc<Notify>,
    /// Counts what the peer has announced.
    memory: Mutex<MemoryCharge>,
}

/// Runs until the connection or the session of shh ends, the node stops or the peer violates the protocol.
pub(crate) async fn run(
    context: Arc<SessionContext>,
    remote: Remote,
    channel: Channel,
) -> Result<(), Exit> {
    let (stop, id) = (context.stop.clone(), remote.id);
    let ended = stop.run_until_cancelled(Box::pin(exchange(context, remote, channel))).await;
    match ended {
        None | Some(Ok(())) => Ok(()),
        Some(Err(Ended::Exit(exit))) => Err(exit),
        Some(Err(Ended::Fault(fault))) => {
            tracing::debug!(peer = %id, error = %causes(&fault), "lazy/1 ends: the peer violated it");
            Err(Exit::from(fault))
        }
    }
}

/// Why a session ended before its channel closed.
enum Ended {
    Fault(LazyFault),
    Exit(Exit),
}

impl From<LazyFault> for Ended {
    fn from(fault: LazyFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<p2p_mux::SendError> for Ended {
    fn from(error: p2p_mux::SendError) -> Self {
        Self::Exit(error.into())
    }
}

/// Exchanges the salts, waits for the session of shh, then reads and writes.
async fn exchange(
    context: Arc<SessionContext>,
    remote: Remote,
    channel: Channel,
) -> Result<(), Ended> {
    let memory = [channel.memory_charge(), channel.memory_charge()];
    let of_announced = channel.memory_charge();
    let (sender, mut receiver) = channel.split();
    let relay = context.relays.relays().relay(remote.dialect);
    let Some(salt) = relay.exchange().lazy_salt() else {
        return Ok(());
    };
    send(&sender, &LazyMessage::Start(salt)).await?;
    let limit = context.status_timeout();
    let theirs = timeout(limit, read_start(&mut receiver)).await;
    let Some(theirs) = theirs.map_err(|_| LazyFault::NoStart)?? else { return Ok(()) };
    let mut meeting = Meeting::new(context.relays.meetings(), remote.id);
    // Without a session of shh there is nothing to announce.
    let Ok(Some(slot)) = timeout(limit, meeting.joined()).await else { return Ok(()) };
    let Some(link) = context.links.get(slot) else { return Ok(()) };
    let (wake, started) = (link.lazy_wake, link.lazy_started);
    let relay = context.relays.relays().relay(slot.dialect());
    let Some(session) = relay.exchange().start_lazy(slot, theirs, memory) else { return Ok(()) };
    started.notify_one();
    let _started = Started { context: &context, slot, session };
    let memory = Mutex::new(of_announced);
    let session = Session { context: Arc::clone(&context), remote, slot, wake, memory };
    let reading = Box::pin(session.read(&mut receiver));
    let writing = Box::pin(session.write(&sender));
    let exchanging = race(when_woken(reading), when_woken(writing));
    tokio::select! {
        biased;
        () = meeting.left(slot) => Ok(()),
        ended = exchanging => ended,
    }
}

/// Reads the first message; `None` if the channel closed before it.
async fn read_start(receiver: &mut Receiver) -> Result<Option<Salt>, LazyFault> {
    let Some(message) = receiver.recv().await else { return Ok(None) };
    match LazyMessage::decode(message.code, &message.payload)? {
        LazyMessage::Start(salt) => Ok(Some(salt)),
        _ => Err(LazyFault::NotStart { code: message.code }),
    }
}

async fn send(sender: &Sender, message: &LazyMessage) -> Result<(), p2p_mux::SendError> {
    let (code, payload) = message.encode();
    sender.send_raw(code, payload).await
}

impl Session {
    async fn read(&self, receiver: &mut Receiver) -> Result<(), Ended> {
        while let Some(message) = receiver.recv().await {
            self.handle_message(&message)?;
            lock(&self.memory).set(self.relay().exchange().lazy_memory(self.slot));
        }
        Ok(())
    }

    fn handle_message(&self, message: &Message) -> Result<(), LazyFault> {
        let relays = &self.context.relays;
        let (slot, uptime) = (self.slot, self.context.delivery.uptime());
        let is_read = self.is_within_limits(message)?;
        match LazyMessage::decode(message.code, &message.payload)? {
            LazyMessage::Start(_) => return Err(LazyFault::SecondStart),
            LazyMessage::Have(_) if !is_read => {
                relays.change_peer(slot, |it| it.exchange().handle_unread(slot));
            }
            LazyMessage::Have(announced) => self.handle_have(&announced),
            LazyMessage::Want(ids) if is_read => {
                relays.change_peer(slot, |relay| relay.exchange().handle_want(uptime, slot, &ids));
            }
            LazyMessage::Again if is_read => {
                relays.change_peer(slot, |relay| relay.exchange().handle_again(slot));
            }
            // Without it the node would have a wrong picture of the peer.
            LazyMessage::Push(limit) => {
                relays.change_peer(slot, |relay| relay.exchange().handle_push(slot, limit));
            }
            LazyMessage::Want(_) | LazyMessage::Again | LazyMessage::Reserved(_) => {}
        }
        Ok(())
    }

    /// A peer that announces an own post has it.
    fn handle_have(&self, announced: &[Announced]) {
        let mut here = Vec::new();
        let relays = &self.context.relays;
        relays.change_peer(self.slot, |relay| {
            here = relay.exchange().handle_have(self.slot, announced);
        });
        if !here.is_empty() && !self.context.tracker.is_idle() {
            let own = self.relay().exchange().own_hashes(&here);
            self.context.tracker.handle_handed(&self.remote.id, false, &own);
        }
    }

    /// Whether a message is within the limits of the peer, which are those of shh.
    fn is_within_limits(&self, message: &Message) -> Result<bool, LazyFault> {
        let (uptime, bytes) = (self.context.delivery.uptime(), message.payload.len());
        let limiter = &self.context.limiter;
        let Err(excess) = limiter.handle_packet(uptime, &self.remote.id, self.remote.ip, bytes)
        else {
            return Ok(true);
        };
        if excess.intolerable {
            return Err(LazyFault::OverLimit);
        }
        let occurrence = Occurrence::at(self.context.corrector.now()).by(self.remote.id);
        self.context.counters.record(excess.scope.into(), occurrence);
        Ok(false)
    }

    /// Sends what there is for the peer. Never returns without an error.
    async fn write(&self, sender: &Sender) -> Result<(), Ended> {
        loop {
            let uptime = self.context.delivery.uptime();
            let (message, next) = self.context.relays.poll_lazy(uptime, self.slot);
            if let Some(message) = message {
                send(sender, &message).await?;
                continue;
            }
            let wait = next.map(|next| next.saturating_sub(uptime));
            tokio::select! {
                biased;
                () = self.wake.notified() => {}
                () = async { match wait {
                    Some(wait) => sleep(wait).await,
                    None => pending().await,
                }} => {}
            }
        }
    }

    fn relay(&self) -> &Relay {
        self.context.relays.relays().relay(self.slot.dialect())
    }
}

/// The session in the relay. It is removed on drop, however the session ended.
struct Started<'a> {
    context: &'a SessionContext,
    slot: PeerSlot,
    session: u64,
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        let Self { context, slot, session } = self;
        context.relays.change_peer(*slot, |relay| relay.exchange().stop_lazy(*slot, *session));
    }
}

/// Where the session of shh is found.
struct Meeting<'a> {
    meetings: &'a Meetings,
    id: NodeId,
    slot: Option<watch::Receiver<Option<PeerSlot>>>,
}

impl<'a> Meeting<'a> {
    fn new(meetings: &'a Meetings, id: NodeId) -> Self {
        Self { meetings, id, slot: Some(meetings.subscribe(&id)) }
    }

    /// The slot of the peer, once it has one.
    async fn joined(&mut self) -> Option<PeerSlot> {
        let slot = self.slot.as_mut()?.wait_for(Option::is_some).await.ok()?;
        *slot
    }

    /// Waits until the peer has left this slot.
    async fn left(&mut self, slot: PeerSlot) {
        if let Some(current) = &mut self.slot {
            // An error means that there is no such peer any more.
            let _ = current.wait_for(|current| *current != Some(slot)).await;
        }
    }
}

impl Drop for Meeting<'_> {
    fn drop(&mut self) {
        self.slot = None;
        self.meetings.forget_unused(&self.id);
    }
}
