//! A connection that someone opened to us, from its socket to its end.

use std::{fmt, net::SocketAddr, sync::Arc};

use p2p_mux::{
    identity::{Enode, NodeId},
    transport::{HANDSHAKE_LIMIT, accept_with},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::{
    place::{self, Arrival, Place, Rejected},
    server::Server,
    shared::Shared,
    slots::{Direction, Refusal},
    way::NOWHERE,
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
    if !shared.allows(remote_addr) {
        state.stats.refused.count(Refusal::Restricted);
        return;
    }
    let token = shared.quit.child_token();
    let number = state.half_open.insert(token.clone());
    drop(state);
    let arrived = arrive(Arc::clone(shared), io, local_addr, remote_addr);
    shared.tasks.spawn(run(Arc::clone(shared), arrived, remote_addr, token, number));
}

async fn run(
    shared: Arc<Shared>,
    arrived: impl Future<Output = Result<Place, Failure>>,
    remote_addr: SocketAddr,
    token: CancellationToken,
    number: u64,
) {
    let arrived = tokio::select! {
        arrived = arrived => Some(arrived),
        () = token.cancelled() => None,
    };
    shared.state().half_open.remove(number);
    match arrived {
        Some(Ok(place)) => place.stay().await,
        Some(Err(Failure::Refused(id, refusal))) => shared.refused(id, remote_addr, refusal),
        Some(Err(Failure::Handshake)) => shared.state().stats.inbound_failed += 1,
        None if shared.quit.is_cancelled() => shared.state().stats.refused.count(Refusal::Stopping),
        None => shared.state().stats.refused.count(Refusal::TooManyPending),
    }
}

enum Failure {
    Handshake,
    Refused(NodeId, Refusal),
}

async fn arrive<Io>(
    shared: Arc<Shared>,
    io: Io,
    local_addr: SocketAddr,
    remote_addr: SocketAddr,
) -> Result<Place, Failure>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let failed = |error: &dyn fmt::Display| {
        tracing::debug!(%remote_addr, %error, "inbound connection failed");
        Failure::Handshake
    };
    let stream =
        accept_with(io, &shared.stock, HANDSHAKE_LIMIT).await.map_err(|error| failed(&error))?;
    let id = stream.remote();
    let enode = Enode::new(id, remote_addr);
    let arrival = Arrival { direction: Direction::Inbound, local_addr, remote_addr, enode };
    place::take(&shared, stream, arrival).await.map_err(|rejected| match rejected {
        Rejected::Greet(error) => failed(&error),
        Rejected::Refused(refusal) => Failure::Refused(id, refusal),
    })
}
