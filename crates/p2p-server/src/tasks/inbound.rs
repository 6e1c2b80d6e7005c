//! Inbound connections, from the accepted stream to their end.

use std::{error::Error, net::SocketAddr, pin::Pin, sync::Arc};

use p2p_mux::identity::{Enode, NodeId, causes};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};

use super::admit::{AdmitError, AdmittedPeer, Connection, admit};
use crate::{
    access::RefuseReason,
    clock::now,
    context::{Context, RoundTripHook},
    observed::{InboundFailReason, Occurrence},
    slots::Direction,
};

/// Starts the task of an accepted stream, unless its address is refused.
pub(crate) fn accept<Io>(
    context: &Arc<Context>,
    io: Io,
    local_addr: SocketAddr,
    remote_addr: SocketAddr,
    on_round_trip: Option<RoundTripHook<Io>>,
) where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut state = context.state();
    state.observed.accepted();
    if let Err(reason) = state.peering.check_inbound(remote_addr.ip(), now()) {
        drop(state);
        return refused(context, reason, remote_addr);
    }
    let (number, evicted) = state.begin_handshake(remote_addr.ip());
    drop(state);
    // Boxed, so that the large state of the handshake is freed before the peer runs.
    let addrs = [local_addr, remote_addr];
    let handshake = Box::pin(handshake(Arc::clone(context), io, addrs, on_round_trip, number));
    context.lifecycle.spawn(run(Arc::clone(context), handshake, remote_addr, number, evicted));
}

async fn run(
    context: Arc<Context>,
    handshake: Pin<Box<impl Future<Output = Result<Box<AdmittedPeer>, HandshakeError>>>>,
    remote_addr: SocketAddr,
    number: u64,
    evicted: oneshot::Receiver<RefuseReason>,
) {
    let outcome = tokio::select! {
        biased;
        outcome = handshake => outcome,
        Ok(reason) = evicted => Err(HandshakeError::Evicted(reason)),
        () = context.lifecycle.stopping() => Err(HandshakeError::Evicted(RefuseReason::Stopping)),
    };
    context.state().end_handshake(number);
    match outcome {
        Ok(peer) => peer.run().await,
        Err(HandshakeError::Failed(reason, error)) => {
            let error = causes(&*error);
            let count = context.state().observed.inbound_failed(reason, remote_addr, &error);
            // Anyone can connect, so the log gets each time less of the same.
            if count.is_power_of_two() {
                tracing::info!(%remote_addr, %error, "inbound connection failed ({count} so far): {reason}");
            } else {
                tracing::debug!(%remote_addr, %error, "inbound connection failed: {reason}");
            }
        }
        Err(HandshakeError::Evicted(reason)) => refused(&context, reason, remote_addr),
        Err(HandshakeError::Refused(id, reason)) => {
            tracing::debug!(%id, %remote_addr, %reason, "connection refused");
            let mut state = context.state();
            let event = state.observed.peer_refused(id, remote_addr, reason);
            state.subscribers.send(event);
        }
    }
}

/// A connection was refused before the other end had proved its identity.
fn refused(context: &Context, reason: RefuseReason, remote_addr: SocketAddr) {
    let occurrence = Occurrence::at(context.unix_time()).from(remote_addr);
    let count = context.state().observed.refused(reason, occurrence);
    if reason != RefuseReason::Stopping && count.is_power_of_two() {
        tracing::info!(%remote_addr, "inbound connection refused ({count} so far): {reason}");
    }
}

/// Why an inbound connection did not become a peer.
enum HandshakeError {
    /// The handshake or the Hello exchange failed.
    Failed(InboundFailReason, Box<dyn Error + Send + Sync>),
    /// A node with a proven identity was refused.
    Refused(NodeId, RefuseReason),
    /// The handshake was evicted, or the server stops.
    Evicted(RefuseReason),
}

async fn handshake<Io>(
    context: Arc<Context>,
    io: Io,
    [local_addr, remote_addr]: [SocketAddr; 2],
    on_round_trip: Option<RoundTripHook<Io>>,
    number: u64,
) -> Result<Box<AdmittedPeer>, HandshakeError>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let policy = |id: &NodeId| context.state().peering.links.policy(id);
    let accepted = context.connections.accept(io, policy).await;
    let stream =
        accepted.map_err(|error| HandshakeError::Failed((&error).into(), Box::new(error)))?;
    context.state().peering.set_key_proven(number);
    let id = stream.remote();
    let enode = Enode::new(id, remote_addr);
    let direction = Direction::Inbound;
    let connection = Connection { direction, local_addr, remote_addr, enode, on_round_trip };
    admit(&context, stream, connection).await.map_err(|error| match error {
        AdmitError::Hello(error) => HandshakeError::Failed((&error).into(), Box::new(error)),
        AdmitError::Refused(reason) => HandshakeError::Refused(id, reason),
    })
}
