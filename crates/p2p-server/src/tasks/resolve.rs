//! The addresses to try for a node.

use std::{io, net::SocketAddr, time::Duration};

use p2p_mux::identity::{Enode, Host};
use tokio::time;

use crate::{context::Context, error::DialError};

/// Maximum number of addresses of one node that an attempt tries.
const MAX_ADDRESSES: usize = 8;

/// The node at each address to try, and the time limit for each: the addresses that its host name resolves
/// to now, or the listed address, and then the one where it was seen
/// ([`Dialer::seen_at`](crate::Dialer::seen_at)). Host names stay unresolved if a proxy or a node dialer
/// resolves them.
pub(super) async fn resolve(
    context: &Context,
    enode: &Enode,
) -> Result<(Vec<Enode>, Duration), DialError> {
    let limit = context.dial_timeout();
    let addresses = time::timeout(limit, look_up(context, enode)).await;
    let addresses = addresses.map_err(|_| DialError::Timeout)?.map_err(DialError::Resolve)?;
    // An address that does not answer must leave time for the next one.
    let share = limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    Ok((addresses, share))
}

async fn look_up(context: &Context, enode: &Enode) -> io::Result<Vec<Enode>> {
    let seen_at = context.state().peering.seen_at(&enode.id).cloned();
    let listed = [enode.clone()].into_iter().chain(seen_at);
    if context.node_dialer().is_some() || context.proxy().is_some() {
        return Ok(listed.collect());
    }
    let (mut addresses, mut failure) = (Vec::new(), None);
    for enode in listed {
        match socket_addrs(context, &enode).await {
            Ok(addrs) => addresses.extend(addrs.into_iter().map(|addr| Enode::new(enode.id, addr))),
            Err(error) => failure = Some(error),
        }
    }
    addresses.truncate(MAX_ADDRESSES);
    match failure {
        _ if !addresses.is_empty() => Ok(addresses),
        Some(error) => Err(error),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

async fn socket_addrs(context: &Context, enode: &Enode) -> io::Result<Vec<SocketAddr>> {
    match &enode.host {
        Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, enode.tcp)]),
        Host::Name(name) => context.world().resolve(name, enode.tcp).await,
    }
}
