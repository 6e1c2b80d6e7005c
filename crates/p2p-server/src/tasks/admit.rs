//! From a finished handshake to a place among the peers, and the stay there. The same for both
//! directions.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, MutexGuard},
    time::Duration,
};

use p2p_mux::{
    CloseReason, DisconnectReason, HelloExchangeError, NegotiatedConnection, Origin, Peer,
    exchange_hello,
    identity::{Enode, NodeId},
    refuse,
    transport::Stream,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    context::{Live, Shared, State, now},
    observed::events::Event,
    observed::last_outcomes::Ending,
    slots::{Admission, Direction, Refusal},
};

/// How long a peer that must leave has to hear why, and its sub-protocols to return, before they are
/// dropped: it shall be gone within a second, even if it does not read.
const LEAVE_LIMIT: Duration = Duration::from_millis(500);

/// Where a connection comes from.
pub(crate) struct Arrival {
    pub(crate) direction: Direction,
    /// Nowhere (`0.0.0.0:0`) where it is not known; so the other.
    pub(crate) local_addr: SocketAddr,
    pub(crate) remote_addr: SocketAddr,
    pub(crate) enode: Enode,
}

/// Why a connection with a proven identity did not become a peer.
pub(crate) enum Rejected {
    Greet(HelloExchangeError),
    Refused(Refusal),
}

/// Asks whether the peer may stay, exchanges Hello, asks again and takes the place. A peer that is
/// refused is told why.
///
/// Taking the place is the last step: when the future is dropped before it is ready, nothing was
/// taken.
pub(crate) async fn take<Io>(
    shared: &Arc<Shared>,
    stream: Stream<Io>,
    arrival: Arrival,
) -> Result<Box<Place>, Rejected>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let verdict = shared.state().check(shared, &arrival);
    if let Err(refusal) = verdict {
        refuse(stream, refusal.reason()).await;
        return Err(Rejected::Refused(refusal));
    }
    let local = shared.state().local.clone();
    let greeted =
        exchange_hello(stream, &local, &shared.connection).await.map_err(Rejected::Greet)?;
    let refusal = {
        let mut state = shared.state();
        match state.admit(shared, &arrival) {
            Ok(admission) => return Ok(settle(shared, state, admission, greeted, arrival)),
            Err(refusal) => refusal,
        }
    };
    greeted.refuse(refusal.reason()).await;
    Err(Rejected::Refused(refusal))
}

impl State {
    /// Whether the connection may stay as things stand.
    fn check(&self, shared: &Shared, arrival: &Arrival) -> Result<(), Refusal> {
        let id = &arrival.enode.id;
        if shared.quit.is_cancelled() {
            Err(Refusal::Stopping)
        } else if arrival.direction == Direction::Outbound && self.dialer.get(id).is_none() {
            Err(Refusal::Unwanted)
        } else {
            self.access.check(id, arrival.remote_addr.ip(), now())?;
            self.slots.check(id, arrival.direction)
        }
    }

    /// The same, and takes the place.
    fn admit(&mut self, shared: &Shared, arrival: &Arrival) -> Result<Admission, Refusal> {
        self.check(shared, arrival)?;
        self.slots.admit(arrival.enode.id, arrival.direction)
    }
}

/// Makes a peer of the connection that was admitted, before anyone else sees the state.
fn settle<Io>(
    shared: &Arc<Shared>,
    mut state: MutexGuard<'_, State>,
    admission: Admission,
    greeted: NegotiatedConnection<Io>,
    arrival: Arrival,
) -> Box<Place>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let id = arrival.enode.id;
    let origin = Origin {
        remote_addr: Some(arrival.remote_addr),
        local_addr: Some(arrival.local_addr),
        inbound: arrival.direction == Direction::Inbound,
        is_static: state.slots.is_static(&id),
        trusted: state.slots.is_trusted(&id),
    };
    let (peer, run) = greeted.with_memory(&shared.memory).run(origin, shared.quit.child_token());
    for capability in peer.shared() {
        // It was removed while the Hello was under way.
        if !state.runs(capability) {
            peer.remove(capability);
        }
    }
    let (leave, ended) = (CancellationToken::new(), CancellationToken::new());
    let live = Live {
        peer: peer.clone(),
        enode: arrival.enode,
        leave: leave.clone(),
        ended: ended.clone(),
    };
    let replaced = state.live.insert(id, live);
    state.dialer.handle_connected(id, arrival.direction == Direction::Outbound, now());
    drop(state);
    let added = Event::Added {
        id,
        direction: arrival.direction,
        remote_addr: arrival.remote_addr,
        client: peer.client().to_owned(),
    };
    let (shared, number) = (Arc::clone(shared), admission.number);
    let seat = Seat { shared, id, number, peer, ended, closed: None };
    Box::new(Place { seat, replaced, added, leave, run: Box::pin(run) })
}

/// A place among the peers, with the connection that has it.
pub(crate) struct Place {
    seat: Seat,
    replaced: Option<Live>,
    added: Event,
    leave: CancellationToken,
    run: Pin<Box<dyn Future<Output = CloseReason> + Send>>,
}

impl Place {
    /// Runs the connection to its end.
    pub(crate) async fn stay(self: Box<Self>) {
        let Self { mut seat, replaced, added, leave, run } = *self;
        let shared = Arc::clone(&seat.shared);
        if let Some(replaced) = replaced {
            // No sub-protocol ever sees two connections with the same peer at once.
            replaced.peer.disconnect(DisconnectReason::AlreadyConnected);
            tokio::select! {
                () = replaced.ended.cancelled() => {}
                () = leave.cancelled() => return,
                () = shared.kill.cancelled() => return,
            }
        }
        seat.announce(added);
        // What its handshake has taken, and as much for one that failed.
        shared.prepare_handshakes(4);
        seat.closed = Some(tokio::select! {
            closed = run => closed,
            () = overdue(&leave) => CloseReason::ByUs(DisconnectReason::Requested),
            () = shared.kill.cancelled() => CloseReason::ByUs(DisconnectReason::Quitting),
        });
    }
}

/// Until a peer that must leave has had its moment.
async fn overdue(leave: &CancellationToken) {
    leave.cancelled().await;
    sleep(LEAVE_LIMIT).await;
}

/// Gives the place back when it is dropped, whatever the cause.
struct Seat {
    shared: Arc<Shared>,
    id: NodeId,
    number: u64,
    peer: Peer,
    ended: CancellationToken,
    /// How the connection ended; only an announced peer has that.
    closed: Option<CloseReason>,
}

impl Seat {
    fn announce(&mut self, added: Event) {
        tracing::debug!(id = %self.id, "peer added");
        // What is said if the connection ends in no other way: its task was dropped with the
        // runtime.
        self.closed = Some(CloseReason::ByUs(DisconnectReason::Quitting));
        let mut state = self.shared.state();
        state.stats.added += 1;
        state.emit(added);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut stats = self.peer.stats();
        stats.clear_queues();
        let mut state = self.shared.state();
        state.past.add(&stats);
        if state.slots.release(&self.id, self.number) {
            state.live.remove(&self.id);
            state.dialer.handle_disconnected(&self.id, now(), rand::random());
        }
        if let Some(closed) = self.closed.take() {
            tracing::debug!(id = %self.id, %closed, "peer dropped");
            state.stats.dropped += 1;
            state.ledger.note(self.id, Ending::Dropped(closed.clone()));
            state.emit(Event::Dropped { id: self.id, closed });
        }
        drop(state);
        self.ended.cancel();
        self.shared.replan();
    }
}
