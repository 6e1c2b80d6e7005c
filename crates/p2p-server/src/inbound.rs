//! A connection that someone opened to us, from its socket to its end.

use std::{fmt, net::SocketAddr, sync::Arc};

use p2p_mux::{
    identity::{Enode, NodeId},
    transport::{HANDSHAKE_LIMIT, accept_with},
};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::{
    place::{self, Arrival, Place, Rejected},
    shared::Shared,
    slots::{Direction, Refusal},
    socket::prepare_or_log,
};

/// Starts the task of a socket just accepted, unless its address is not allowed.
pub(crate) fn handle_accepted(shared: &Arc<Shared>, socket: TcpStream, remote_addr: SocketAddr) {
    let mut state = shared.state();
    state.stats.accepted += 1;
    if !shared.allows(remote_addr) {
        state.stats.refused.count(Refusal::Restricted);
        return;
    }
    let token = shared.quit.child_token();
    let number = state.half_open.insert(token.clone());
    drop(state);
    shared.tasks.spawn(run(Arc::clone(shared), socket, remote_addr, token, number));
}

async fn run(
    shared: Arc<Shared>,
    socket: TcpStream,
    remote_addr: SocketAddr,
    token: CancellationToken,
    number: u64,
) {
    let arrived = tokio::select! {
        arrived = arrive(&shared, socket, remote_addr) => Some(arrived),
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

async fn arrive(
    shared: &Arc<Shared>,
    socket: TcpStream,
    remote_addr: SocketAddr,
) -> Result<Place, Failure> {
    let failed = |error: &dyn fmt::Display| {
        tracing::debug!(%remote_addr, %error, "inbound connection failed");
        Failure::Handshake
    };
    prepare_or_log(&socket, shared.receive_buffer);
    let local_addr = socket.local_addr().map_err(|error| failed(&error))?;
    let stream = accept_with(socket, &shared.stock, HANDSHAKE_LIMIT)
        .await
        .map_err(|error| failed(&error))?;
    let id = stream.remote();
    let enode = Enode::new(id, remote_addr);
    let arrival = Arrival { direction: Direction::Inbound, local_addr, remote_addr, enode };
    place::take(shared, stream, arrival).await.map_err(|rejected| match rejected {
        Rejected::Greet(error) => failed(&error),
        Rejected::Refused(refusal) => Failure::Refused(id, refusal),
    })
}
