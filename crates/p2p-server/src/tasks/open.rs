//! The way to a node: from its enode URL to the places where it may be, and to an open stream.

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

use crate::{config::node_dialer::Io, context::Shared, error::DialError};

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

/// Opens a stream to one of the [places] of a node.
pub(crate) async fn open(shared: &Shared, place: Enode, limit: Duration) -> Result<Way, DialError> {
    if let Err(barred) = shared.check_host(&place.host) {
        return Err(DialError::Refused(barred.why));
    }
    time::timeout(limit, open_one(shared, place)).await.map_err(|_| DialError::Timeout)?
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

/// Where to try, and how long in each place: the addresses that the node's name has now, since it may
/// have moved, or the one that it is listed with, and after that the one where it was seen
/// ([`Dialer::seen`](crate::Dialer::seen)). Names stay names where somebody else resolves them.
pub(crate) async fn places(
    shared: &Shared,
    enode: &Enode,
) -> Result<(Vec<Enode>, Duration), DialError> {
    let limit = shared.dialling.timeout;
    let places = time::timeout(limit, look_up(shared, enode)).await;
    let places = places.map_err(|_| DialError::Timeout)?.map_err(DialError::Resolve)?;
    // A place that swallows everything must leave time for the next one.
    let share = limit / u32::try_from(places.len()).unwrap_or(u32::MAX).max(1);
    Ok((places, share))
}

async fn look_up(shared: &Shared, enode: &Enode) -> io::Result<Vec<Enode>> {
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
        _ if !places.is_empty() => Ok(places),
        Some(error) => Err(error),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

async fn resolve(enode: &Enode) -> io::Result<Vec<SocketAddr>> {
    match &enode.host {
        Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, enode.tcp)]),
        Host::Name(name) => Ok(lookup_host((name.as_str(), enode.tcp)).await?.collect()),
    }
}
