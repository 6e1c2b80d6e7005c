//! Dialing: the task that follows the dial plan, and each attempt.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use p2p_mux::identity::{Enode, NodeId};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time,
};

use super::{
    admit::{AdmitError, AdmittedPeer, Connection, admit},
    open::{NodeStream, UNSPECIFIED, open},
    resolve::resolve,
};
use crate::{
    access::RefuseReason,
    clock::now,
    context::{Context, RoundTripHook},
    dial::NodeKind,
    error::DialError,
    slots::Direction,
};

/// Follows the dial plan until the server stops.
pub(crate) async fn follow_plan(context: Arc<Context>) {
    context.connections.refill_stock(usize::MAX);
    loop {
        let timeout = start_due(&context);
        let sleep = async {
            match timeout {
                Some(at) => time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = context.lifecycle.stopping() => return,
            () = context.wakers.plan_changed() => {}
            () = sleep => {}
        }
    }
}

/// Starts the attempts that are due. Returns when the next one is.
fn start_due(context: &Arc<Context>) -> Option<Instant> {
    let mut state = context.state();
    let now = now();
    while let Some(enode) = state.peering.poll_dial(now) {
        state.observed.dial_started();
        context.lifecycle.spawn(run_attempt(Arc::clone(context), enode));
    }
    state.peering.poll_timeout(now)
}

/// Reports the end of an attempt to the plan, even if its task panics; otherwise the node would never be
/// dialed again.
struct AttemptGuard {
    context: Arc<Context>,
    id: NodeId,
    running: bool,
}

impl AttemptGuard {
    /// The connection was admitted, which the plan knows already.
    fn succeed(mut self) {
        self.running = false;
    }

    fn fail(mut self, error: DialError) {
        self.running = false;
        self.context.dial_failed(self.id, error);
    }
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        if self.running {
            self.context.dial_failed(self.id, DialError::Panicked);
        }
    }
}

async fn run_attempt(context: Arc<Context>, enode: Enode) {
    let id = enode.id;
    let guard = AttemptGuard { context: Arc::clone(&context), id, running: true };
    // Boxed, so that the large state of the attempt is freed before the peer runs.
    let attempt = Box::pin(reach(&context, &enode));
    let outcome = tokio::select! {
        biased;
        outcome = attempt => outcome,
        () = context.lifecycle.stopping() => Err(DialError::Refused(RefuseReason::Stopping)),
    };
    match outcome {
        Ok((reached_at, peer)) => {
            guard.succeed();
            context.discovery.record_dial(&reached_at, true);
            peer.run().await;
        }
        Err(error) => {
            if error.is_absence() {
                context.discovery.record_dial(&enode, false);
            }
            guard.fail(error);
            resolve_again(&context, id);
        }
    }
}

/// Asks discovery for the address of a listed node that does not answer at its listed one.
fn resolve_again(context: &Arc<Context>, id: NodeId) {
    if !context.discovery.is_running() || !context.state().peering.should_resolve(&id) {
        return;
    }
    let shared = Arc::clone(context);
    context.lifecycle.spawn_until_stop(async move {
        // If no other node knows the address, it is asked for again after some more failures.
        if let Some(enode) = shared.discovery.resolve(id).await {
            shared.state().peering.set_seen_at(enode, now());
        }
    });
}

/// Tries the addresses of a node until it is reached. Returns the one where it was reached.
async fn reach(
    context: &Arc<Context>,
    enode: &Enode,
) -> Result<(Enode, Box<AdmittedPeer>), DialError> {
    let kind = context.state().peering.kind(&enode.id);
    if kind.is_some_and(|kind| kind != NodeKind::Found)
        && let Ok(key) = enode.id.public_key()
    {
        // Listed nodes are few and dialed again: work on their keys is worth keeping.
        context.connections.learn(&key);
    }
    let (addresses, limit) = resolve(context, enode).await?;
    let mut failure = DialError::Timeout;
    for node in addresses {
        match reach_at(context, enode, node.clone(), limit).await {
            Ok(peer) => return Ok((node, peer)),
            // Another node may have its address by now.
            Err(error) if error.is_absence() => failure = error,
            Err(error) => return Err(error),
        }
    }
    Err(failure)
}

async fn reach_at(
    context: &Arc<Context>,
    enode: &Enode,
    node: Enode,
    limit: Duration,
) -> Result<Box<AdmittedPeer>, DialError> {
    match open(context, node, limit).await? {
        NodeStream::Tcp(socket, remote_addr, round_trip) => {
            context.connections.prepare(&*socket, Some(round_trip));
            let local_addr = socket.local_addr().map_err(DialError::Connect)?;
            let hook = context.connections.tcp_round_trip_hook();
            enter(context, socket, enode.clone(), local_addr, remote_addr, hook).await
        }
        NodeStream::Custom(io, remote_addr) => {
            enter(context, io, enode.clone(), UNSPECIFIED, remote_addr, None).await
        }
    }
}

/// From an open stream to an admitted peer.
async fn enter<Io>(
    context: &Arc<Context>,
    io: Io,
    enode: Enode,
    local_addr: SocketAddr,
    remote_addr: SocketAddr,
    on_round_trip: Option<RoundTripHook<Io>>,
) -> Result<Box<AdmittedPeer>, DialError>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let policy = context.next_link(&enode.id);
    let connected = context.connections.connect(io, &enode.id, policy).await;
    let stream = connected.map_err(|error| {
        let error = DialError::Handshake(error);
        context.state().peering.links.handle_failed(&enode.id, policy, &error, now());
        error
    })?;
    let direction = Direction::Outbound;
    let connection = Connection { direction, local_addr, remote_addr, enode, on_round_trip };
    admit(context, stream, connection).await.map_err(|error| match error {
        AdmitError::Hello(error) => DialError::Hello(error),
        AdmitError::Refused(reason) => DialError::Refused(reason),
    })
}
