//! The way to a node: from its enode URL to an open stream.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use p2p_mux::identity::{Enode, Host};
use tokio::{
    net::{TcpStream, lookup_host},
    time,
};

use crate::{error::DialError, node_dialer::Io, shared::Shared, slots::Refusal};

/// So many addresses of one node are tried in an attempt, each for its share of the time.
const MAX_PLACES: usize = 8;

/// An address that is not known.
pub(crate) const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A stream to a node.
pub(crate) enum Way {
    /// To that address, perhaps through a proxy.
    Tcp(TcpStream, SocketAddr),
    /// Opened by the user of this crate; leads to the address of the node, if it has one.
    Own(Box<dyn Io>, SocketAddr),
}

/// Opens a stream to the first of the node's addresses that answers: those that its name has now,
/// since the peer may have moved, or the one that it is listed with, and after that the one where it
/// was seen ([`Dialer::seen`](crate::Dialer::seen)).
pub(crate) async fn open(shared: &Shared, enode: &Enode) -> Result<Way, DialError> {
    let limit = shared.dialling.timeout;
    time::timeout(limit, open_any(shared, enode, limit)).await.map_err(|_| DialError::Timeout)?
}

async fn open_any(shared: &Shared, enode: &Enode, limit: Duration) -> Result<Way, DialError> {
    let places = places(shared, enode).await.map_err(DialError::Resolve)?;
    // An address that swallows everything must leave time for the next one.
    let share = limit / u32::try_from(places.len()).unwrap_or(u32::MAX).max(1);
    let mut failure = DialError::Resolve(io::ErrorKind::NotFound.into());
    for place in places {
        if !shared.allows_host(&place.host) {
            failure = DialError::Refused(Refusal::Restricted);
            continue;
        }
        match time::timeout(share, open_one(shared, place)).await {
            Ok(Ok(way)) => return Ok(way),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = DialError::Timeout,
        }
    }
    Err(failure)
}

async fn open_one(shared: &Shared, place: Enode) -> Result<Way, DialError> {
    let addr = place.socket_addr().unwrap_or(NOWHERE);
    if let Some(dialer) = &shared.node_dialer {
        let opened = dialer.open(place).await;
        return opened.map(|io| Way::Own(io, addr)).map_err(DialError::Connect);
    }
    let socket = match &shared.dialling.proxy {
        Some(proxy) => proxy.open(&place).await.map_err(DialError::Proxy)?,
        None => TcpStream::connect(addr).await.map_err(DialError::Connect)?,
    };
    Ok(Way::Tcp(socket, addr))
}

/// Where to try. Names stay names where somebody else resolves them.
async fn places(shared: &Shared, enode: &Enode) -> io::Result<Vec<Enode>> {
    let seen = shared.state().dialer.seen(&enode.id).cloned();
    let listed = [enode.clone()].into_iter().chain(seen);
    if shared.node_dialer.is_some() || shared.dialling.proxy.is_some() {
        return Ok(listed.collect());
    }
    let (mut places, mut failure) = (Vec::new(), None);
    for enode in listed {
        match resolve(&enode).await {
            Ok(addrs) => places.extend(addrs.into_iter().map(|addr| Enode::new(enode.id, addr))),
            Err(error) => failure = Some(error),
        }
    }
    places.truncate(MAX_PLACES);
    match failure {
        Some(error) if places.is_empty() => Err(error),
        _ => Ok(places),
    }
}

async fn resolve(enode: &Enode) -> io::Result<Vec<SocketAddr>> {
    match &enode.host {
        Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, enode.tcp)]),
        Host::Name(name) => Ok(lookup_host((name.as_str(), enode.tcp)).await?.collect()),
    }
}
