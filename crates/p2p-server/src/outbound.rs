//! Reaching out: the task that follows the dialling plan, and each attempt from the name to the end
//! of the connection.

use std::{io, net::SocketAddr, sync::Arc, time::Instant};

use p2p_mux::{
    identity::{Enode, Host},
    transport::{HANDSHAKE_LIMIT, connect_with},
};
use tokio::{
    net::{TcpStream, lookup_host},
    time,
};

use crate::{
    dial::Kind,
    error::DialError,
    place::{self, Arrival, Place, Rejected},
    shared::{Shared, now},
    slots::{Direction, Refusal},
    socket::prepare_or_log,
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
    while let Some(enode) = state.dialer.poll_dial(now()) {
        state.stats.dials += 1;
        shared.tasks.spawn(attempt(Arc::clone(shared), enode));
    }
    state.dialer.poll_timeout()
}

async fn attempt(shared: Arc<Shared>, enode: Enode) {
    let id = enode.id;
    let reached = tokio::select! {
        reached = reach(&shared, enode) => reached,
        () = shared.quit.cancelled() => Err(DialError::Refused(Refusal::Stopping)),
    };
    match reached {
        Ok(place) => place.stay().await,
        Err(cause) => shared.dial_failed(id, cause),
    }
}

async fn reach(shared: &Arc<Shared>, enode: Enode) -> Result<Place, DialError> {
    let found = shared.state().dialer.get(&enode.id).is_none_or(|(_, kind)| kind == Kind::Found);
    if let Ok(key) = enode.id.public_key()
        && !found
    {
        // The others are few and chosen by the operator, and are dialled again.
        shared.stock.learn(&key);
    }
    let opened = time::timeout(shared.dialling.timeout, open(shared, &enode)).await;
    let (socket, remote_addr) = opened.map_err(|_| DialError::Timeout)??;
    prepare_or_log(&socket, shared.receive_buffer);
    let local_addr = socket.local_addr().map_err(DialError::Connect)?;
    let stream = connect_with(socket, &shared.stock, &enode.id, HANDSHAKE_LIMIT)
        .await
        .map_err(DialError::Handshake)?;
    let arrival = Arrival { direction: Direction::Outbound, local_addr, remote_addr, enode };
    place::take(shared, stream, arrival).await.map_err(|rejected| match rejected {
        Rejected::Greet(error) => DialError::Greet(error),
        Rejected::Refused(refusal) => DialError::Refused(refusal),
    })
}

/// Opens the first of the node's addresses that answers. A name is looked up anew each time: the
/// peer may have moved.
async fn open(shared: &Shared, enode: &Enode) -> Result<(TcpStream, SocketAddr), DialError> {
    let addrs = resolve(enode).await.map_err(DialError::Resolve)?;
    // An address that swallows everything must leave time for the next one.
    let share = shared.dialling.timeout / u32::try_from(addrs.len()).unwrap_or(u32::MAX).max(1);
    let mut failure = DialError::Resolve(io::ErrorKind::NotFound.into());
    for addr in addrs {
        if !shared.allows(addr) {
            failure = DialError::Refused(Refusal::Restricted);
            continue;
        }
        match time::timeout(share, TcpStream::connect(addr)).await {
            Ok(Ok(socket)) => return Ok((socket, addr)),
            Ok(Err(error)) => failure = DialError::Connect(error),
            Err(_) => failure = DialError::Timeout,
        }
    }
    Err(failure)
}

async fn resolve(enode: &Enode) -> io::Result<Vec<SocketAddr>> {
    match &enode.host {
        Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, enode.tcp)]),
        Host::Name(name) => Ok(lookup_host((name.as_str(), enode.tcp)).await?.collect()),
    }
}
