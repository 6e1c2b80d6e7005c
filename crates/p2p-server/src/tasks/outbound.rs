//! Reaching out: the task that follows the dialling plan, and each attempt from the name to the end
//! of the connection.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use p2p_mux::{
    identity::{Enode, NodeId},
    transport::{HANDSHAKE_LIMIT, connect_with},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time,
};

use crate::{
    context::{Shared, State, now},
    dial::{Kind, NextAction},
    error::DialError,
    slots::{Direction, Refusal},
    tasks::admit::{self, Arrival, Place, Rejected},
    tasks::open::{self, NOWHERE, Way},
    tasks::socket::prepare_or_log,
};

/// Follows the plan until the server stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    shared.prepare_handshakes(usize::MAX);
    loop {
        let timeout = start_due(&shared);
        let sleep = async {
            match timeout {
                Some(at) => time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.quit.cancelled() => return,
            () = shared.replan.notified() => {}
            () = sleep => {}
        }
    }
}

/// Starts the attempts that are due; answers when the next one is.
fn start_due(shared: &Arc<Shared>) -> Option<Instant> {
    let mut state = shared.state();
    let now = now();
    state.access.bans.handle_timeout(now);
    let State { access, dialer, stats, .. } = &mut *state;
    let may = |enode: &Enode| access.check_enode(enode, now).is_ok();
    while let Some(enode) = dialer.poll_dial_if(now, may) {
        stats.dials += 1;
        shared.tasks.spawn(attempt(Arc::clone(shared), enode));
    }
    let due = dialer.poll_timeout_if(may);
    due.into_iter().chain(access.bans.poll_timeout()).min()
}

/// An attempt that the plan counts as running. Whatever becomes of its task, the plan hears of its end:
/// else the node would never be dialled again.
struct Attempt {
    shared: Arc<Shared>,
    id: NodeId,
    runs: bool,
}

impl Attempt {
    /// The connection is made, and the plan knows that already.
    fn succeed(mut self) {
        self.runs = false;
    }

    fn fail(mut self, cause: DialError) {
        self.runs = false;
        self.shared.dial_failed(self.id, cause);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.runs {
            self.shared.dial_failed(self.id, DialError::Panicked);
        }
    }
}

async fn attempt(shared: Arc<Shared>, enode: Enode) {
    let id = enode.id;
    let attempt = Attempt { shared: Arc::clone(&shared), id, runs: true };
    // What it takes to arrive is much, and is given back before the stay.
    let reaching = Box::pin(reach(&shared, &enode));
    let reached = tokio::select! {
        reached = reaching => reached,
        () = shared.quit.cancelled() => Err(DialError::Refused(Refusal::Stopping)),
    };
    match reached {
        Ok((at, place)) => {
            attempt.succeed();
            shared.note_dial(&at, true);
            place.stay().await;
        }
        Err(cause) => {
            if cause.is_absence() {
                shared.note_dial(&enode, false);
            }
            attempt.fail(cause);
            if shared.is_lost(&id) {
                shared.look_for(id);
            }
        }
    }
}

/// Tries the places where the node may be, until one of them has it; answers where that was.
async fn reach(shared: &Arc<Shared>, enode: &Enode) -> Result<(Enode, Box<Place>), DialError> {
    let found = shared.state().dialer.get(&enode.id).is_none_or(|(_, kind)| kind == Kind::Found);
    if let Ok(key) = enode.id.public_key()
        && !found
    {
        // The others are few and chosen by the operator, and are dialled again.
        shared.stock.learn(&key);
    }
    let (places, share) = open::places(shared, enode).await?;
    let mut failure = DialError::Timeout;
    for at in places {
        match reach_at(shared, enode, at.clone(), share).await {
            Ok(place) => return Ok((at, place)),
            // Somebody else may have its address by now.
            Err(cause) if cause.is_absence() => failure = cause,
            Err(cause) => return Err(cause),
        }
    }
    Err(failure)
}

async fn reach_at(
    shared: &Arc<Shared>,
    enode: &Enode,
    at: Enode,
    limit: Duration,
) -> Result<Box<Place>, DialError> {
    match open::open(shared, at, limit).await? {
        Way::Tcp(socket, remote_addr) => {
            prepare_or_log(&socket, shared.receive_buffer);
            let local_addr = socket.local_addr().map_err(DialError::Connect)?;
            enter(shared, socket, enode.clone(), (local_addr, remote_addr)).await
        }
        Way::Own(io, remote_addr) => enter(shared, io, enode.clone(), (NOWHERE, remote_addr)).await,
    }
}

/// From an open stream to a place among the peers. The addresses: ours and theirs.
async fn enter<Io>(
    shared: &Arc<Shared>,
    io: Io,
    enode: Enode,
    (local_addr, remote_addr): (SocketAddr, SocketAddr),
) -> Result<Box<Place>, DialError>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = connect_with(io, &shared.stock, &enode.id, HANDSHAKE_LIMIT)
        .await
        .map_err(DialError::Handshake)?;
    let arrival = Arrival { direction: Direction::Outbound, local_addr, remote_addr, enode };
    admit::take(shared, stream, arrival).await.map_err(|rejected| match rejected {
        Rejected::Greet(error) => DialError::Greet(error),
        Rejected::Refused(refusal) => DialError::Refused(refusal),
    })
}

impl Shared {
    /// Whether discovery should be asked where the node is: after some failures in a row, and every
    /// few from then on.
    fn is_lost(&self, id: &NodeId) -> bool {
        let state = self.state();
        let listed = state.dialer.get(id).is_some_and(|(_, kind)| kind != Kind::Found);
        let action = state.dialer.next_action(id);
        listed && matches!(action, Some(NextAction::Dial { failures, .. }) if failures % 4 == 2)
    }
}
