//! A connection that someone opened to us, from its socket to its end.

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use p2p_mux::{
    identity::{Enode, NodeId, causes},
    transport::{HANDSHAKE_LIMIT, accept_with},
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    access::pending_handshakes::Ticket,
    context::{Shared, State, now},
    server::Server,
    slots::{Direction, Refusal},
    tasks::admit::{self, Arrival, Place, Rejected},
    tasks::open::NOWHERE,
};

impl Server {
    /// Takes a stream that somebody opened to this node in a way of their own
    /// ([`NodeDialer`](crate::NodeDialer)), as if it had come to an address listened on: the same
    /// limits hold, and the same is counted. `remote_addr` is where it comes from as far as that
    /// matters: what [`Settings::net_restrict`](crate::Settings::net_restrict) allows, and what
    /// [`PeerInfo`](crate::PeerInfo) shows. Returns at once; on a server that has stopped the stream is
    /// closed.
    pub fn accept<Io>(&self, io: Io, remote_addr: SocketAddr)
    where
        Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        handle_accepted(&self.shared, io, NOWHERE, remote_addr);
    }
}

/// Starts the task of a stream just accepted, unless its address is not allowed.
pub(crate) fn handle_accepted<Io>(
    shared: &Arc<Shared>,
    io: Io,
    local_addr: SocketAddr,
    remote_addr: SocketAddr,
) where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut state = shared.state();
    state.stats.accepted += 1;
    if let Err(refusal) = state.knock(remote_addr.ip()) {
        state.stats.refused.count(refusal);
        return;
    }
    let ticket = state.half_open.insert(remote_addr.ip());
    drop(state);
    // What it takes to arrive is much, and is given back before the stay.
    let arriving = arrive(Arc::clone(shared), io, (local_addr, remote_addr), ticket.number);
    shared.tasks.spawn(run(Arc::clone(shared), Box::pin(arriving), remote_addr, ticket));
}

impl State {
    /// Whether the address may try, before it costs anything.
    fn knock(&mut self, ip: IpAddr) -> Result<(), Refusal> {
        let now = now();
        self.access.check_address(ip, now)?;
        if self.throttle.admit(ip, now) { Ok(()) } else { Err(Refusal::Throttled) }
    }
}

async fn run(
    shared: Arc<Shared>,
    arriving: Pin<Box<impl Future<Output = Result<Box<Place>, Failure>>>>,
    remote_addr: SocketAddr,
    Ticket { number, evicted }: Ticket,
) {
    let arrived = tokio::select! {
        arrived = arriving => arrived,
        Ok(refusal) = evicted => Err(Failure::Evicted(refusal)),
        () = shared.quit.cancelled() => Err(Failure::Evicted(Refusal::Stopping)),
    };
    shared.state().half_open.remove(number);
    match arrived {
        Ok(place) => place.stay().await,
        Err(Failure::Refused(id, refusal)) => shared.refused(id, remote_addr, refusal),
        Err(Failure::Handshake) => shared.state().stats.inbound_failed += 1,
        Err(Failure::Evicted(refusal)) => shared.state().stats.refused.count(refusal),
    }
}

enum Failure {
    Handshake,
    Refused(NodeId, Refusal),
    /// Before it was known who it is, or while that did not matter.
    Evicted(Refusal),
}

async fn arrive<Io>(
    shared: Arc<Shared>,
    io: Io,
    (local_addr, remote_addr): (SocketAddr, SocketAddr),
    number: u64,
) -> Result<Box<Place>, Failure>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let failed = |error: &(dyn Error + 'static)| {
        tracing::debug!(%remote_addr, error = %causes(error), "inbound connection failed");
        Failure::Handshake
    };
    let stream =
        accept_with(io, &shared.stock, HANDSHAKE_LIMIT).await.map_err(|error| failed(&error))?;
    shared.state().half_open.prove(number);
    let id = stream.remote();
    let enode = Enode::new(id, remote_addr);
    let arrival = Arrival { direction: Direction::Inbound, local_addr, remote_addr, enode };
    admit::take(&shared, stream, arrival).await.map_err(|rejected| match rejected {
        Rejected::Greet(error) => failed(&error),
        Rejected::Refused(refusal) => Failure::Refused(id, refusal),
    })
}
