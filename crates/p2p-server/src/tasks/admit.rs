//! From a finished handshake to a peer, and until it leaves. The same for both directions.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, MutexGuard},
    time::Duration,
};

use p2p_mux::{
    CloseReason, DisconnectReason, HelloExchangeError, NegotiatedConnection, Origin, Peer,
    identity::{Enode, NodeId, causes},
    refuse,
    transport::Stream,
};
use p2p_world::{rng, when_woken};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    access::RefuseReason,
    clock::now,
    context::{ConnectedPeer, Context, RoundTripHook, ServerState},
    peering::Candidate,
    slots::{Admission, Direction},
};

/// Time to send the reason to a peer that must leave, and for its sub-protocols to return. The peer must be
/// gone within a second even if it does not read.
const LEAVE_LIMIT: Duration = Duration::from_millis(500);

/// Handshakes to prepare ahead when a peer is added: the one that it used, and one that failed.
const STOCK_REFILL_KEYS: usize = 4;

/// A connection whose other end has proved its identity.
pub(super) struct Connection<Io> {
    pub(super) direction: Direction,
    /// [`UNSPECIFIED`](super::UNSPECIFIED) if it is unknown, like the next one.
    pub(super) local_addr: SocketAddr,
    pub(super) remote_addr: SocketAddr,
    pub(super) enode: Enode,
    /// What is to be told the round trip.
    pub(super) on_round_trip: Option<RoundTripHook<Io>>,
}

/// Why a connection with a proven identity did not become a peer.
pub(super) enum AdmitError {
    Hello(HelloExchangeError),
    Refused(RefuseReason),
}

/// Checks whether the connection may become a peer, exchanges Hello, checks again and takes a slot. The
/// other end of a refused connection is told the reason.
///
/// Taking the slot is the last step: if the future is dropped before it is ready, no slot is taken.
pub(super) async fn admit<Io>(
    context: &Arc<Context>,
    stream: Stream<Io>,
    connection: Connection<Io>,
) -> Result<Box<AdmittedPeer>, AdmitError>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let candidate = Candidate {
        id: connection.enode.id,
        ip: connection.remote_addr.ip(),
        direction: connection.direction,
    };
    let checked = check(context, &mut context.state(), &candidate);
    if let Err(reason) = checked {
        refuse(stream, reason.disconnect_reason()).await;
        return Err(AdmitError::Refused(reason));
    }
    let (local, policy) = {
        let state = context.state();
        (state.announced.local().clone(), state.peering.links.policy(&candidate.id))
    };
    let negotiated = context.connections.exchange_hello(stream, &local, policy).await;
    if let Err(HelloExchangeError::Downgraded) = &negotiated {
        context.handle_downgrade(&candidate);
    }
    let negotiated = negotiated.map_err(AdmitError::Hello)?;
    context.handle_link(&candidate, negotiated.link());
    let reason = {
        let mut state = context.state();
        let checked = check(context, &mut state, &candidate);
        match checked.and_then(|()| state.peering.admit(&candidate, now())) {
            Ok(admission) => return Ok(settle(context, state, admission, negotiated, connection)),
            Err(reason) => reason,
        }
    };
    negotiated.refuse(reason.disconnect_reason()).await;
    Err(AdmitError::Refused(reason))
}

fn check(
    context: &Context,
    state: &mut ServerState,
    candidate: &Candidate,
) -> Result<(), RefuseReason> {
    if context.lifecycle.is_stopping() {
        return Err(RefuseReason::Stopping);
    }
    state.update_proven();
    state.peering.check(candidate, now())
}

/// Makes a peer of the admitted connection, in the same lock.
fn settle<Io>(
    context: &Arc<Context>,
    mut state: MutexGuard<'_, ServerState>,
    admission: Admission,
    mut negotiated: NegotiatedConnection<Io>,
    connection: Connection<Io>,
) -> Box<AdmittedPeer>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Connection { direction, local_addr, remote_addr, enode, on_round_trip } = connection;
    if let Some(hook) = on_round_trip {
        negotiated = negotiated.on_round_trip(hook);
    }
    let id = enode.id;
    let origin = Origin {
        remote_addr: Some(remote_addr),
        local_addr: Some(local_addr),
        inbound: direction == Direction::Inbound,
        is_static: state.peering.is_static(&id),
        trusted: state.peering.is_trusted(&id),
    };
    let (peer, run) = negotiated.run(origin, context.lifecycle.stop_token());
    for capability in peer.shared() {
        // It was removed during the Hello exchange.
        if !state.announced.runs(capability) {
            peer.remove(capability);
        }
    }
    let (leave, ended) = (CancellationToken::new(), CancellationToken::new());
    let connected = ConnectedPeer {
        peer: peer.clone(),
        enode,
        leave: leave.clone(),
        ended: ended.clone(),
        number: admission.number,
    };
    if let Some(number) = admission.evicts {
        state.evict(number);
    }
    let replaced = state.insert_peer(id, connected);
    drop(state);
    let context = Arc::clone(context);
    let guard = PeerGuard { context, id, number: admission.number, peer, ended, closed: None };
    Box::new(AdmittedPeer { guard, replaced, direction, remote_addr, leave, run: Box::pin(run) })
}

/// A peer that was admitted, with its connection.
pub(super) struct AdmittedPeer {
    guard: PeerGuard,
    replaced: Option<ConnectedPeer>,
    direction: Direction,
    remote_addr: SocketAddr,
    leave: CancellationToken,
    run: Pin<Box<dyn Future<Output = CloseReason> + Send>>,
}

impl AdmittedPeer {
    /// Runs the connection to its end.
    pub(super) async fn run(self: Box<Self>) {
        let Self { mut guard, replaced, direction, remote_addr, leave, run } = *self;
        let context = Arc::clone(&guard.context);
        if let Some(replaced) = replaced {
            // A sub-protocol never sees two connections with the same peer at once.
            replaced.peer.disconnect(DisconnectReason::AlreadyConnected);
            tokio::select! {
                biased;
                () = replaced.ended.cancelled() => {}
                () = leave.cancelled() => return,
                () = context.lifecycle.killed() => return,
            }
        }
        guard.announce(direction, remote_addr);
        context.connections.refill_stock(STOCK_REFILL_KEYS);
        guard.closed = Some(tokio::select! {
            biased;
            closed = run => closed,
            // Seldom woken, unlike the connection.
            reason = when_woken(cut_off(&context, &leave)) => CloseReason::ByUs(reason),
        });
    }
}

/// Completes when the connection must be dropped, with the reason.
async fn cut_off(context: &Context, leave: &CancellationToken) -> DisconnectReason {
    tokio::select! {
        biased;
        () = leave_timeout(leave) => DisconnectReason::Requested,
        () = context.lifecycle.killed() => DisconnectReason::Quitting,
    }
}

/// Completes when a peer that must leave has had its time.
async fn leave_timeout(leave: &CancellationToken) {
    leave.cancelled().await;
    sleep(LEAVE_LIMIT).await;
}

/// Frees the slot of a peer when it is dropped.
struct PeerGuard {
    context: Arc<Context>,
    id: NodeId,
    number: u64,
    peer: Peer,
    ended: CancellationToken,
    /// How the connection ended; only set for a peer that was announced.
    closed: Option<CloseReason>,
}

impl PeerGuard {
    fn announce(&mut self, direction: Direction, remote_addr: SocketAddr) {
        let link = self.peer.link();
        tracing::debug!(id = %self.id, %link, "peer added");
        // Reported if the task is dropped with the runtime.
        self.closed = Some(CloseReason::ByUs(DisconnectReason::Quitting));
        let mut state = self.context.state();
        let client = self.peer.client().to_owned();
        let event = state.observed.peer_added(self.id, direction, remote_addr, client, link);
        state.subscribers.send(event);
    }
}

impl Drop for PeerGuard {
    fn drop(&mut self) {
        let mut stats = self.peer.stats();
        stats.clear_queues();
        let mut state = self.context.state();
        state.observed.connection_ended(&stats);
        state.remove_peer(&self.id, self.number, now(), rng().fraction());
        if let Some(closed) = self.closed.take() {
            tracing::debug!(id = %self.id, closed = %causes(&closed), "peer dropped");
            let event = state.observed.peer_dropped(self.id, closed);
            state.subscribers.send(event);
        }
        drop(state);
        self.ended.cancel();
        self.context.wakers.wake_all();
    }
}
