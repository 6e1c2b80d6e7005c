//! The listening sockets, and accepting from them.

use std::{
    future::poll_fn,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use p2p_world::{Listener, World};
use tokio::task::yield_now;

use super::{UNSPECIFIED, accept};
use crate::{context::Context, error::StartError};

/// The pause after the system failed to accept, usually for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Opens a socket for each text, see [`ServerSettings::listen`](crate::ServerSettings::listen). Returns the
/// sockets and their addresses.
pub(crate) async fn bind_all(
    world: &dyn World,
    texts: &[String],
) -> Result<(Vec<Box<dyn Listener>>, Vec<SocketAddr>), StartError> {
    let mut targets = Vec::new();
    for text in texts {
        targets.push(resolve(world, text).await?);
    }
    let (mut listeners, mut addrs) = (Vec::new(), Vec::new());
    for target in &targets {
        let (listener, addr) = target.bind(world, &targets)?;
        listeners.push(listener);
        addrs.push(addr);
    }
    Ok((listeners, addrs))
}

/// Where to listen.
enum ListenTarget {
    Addr(SocketAddr),
    /// This port of all addresses of the machine.
    AllAddrs(u16),
}

async fn resolve(world: &dyn World, given: &str) -> Result<ListenTarget, StartError> {
    let bad = |source| StartError::BadAddress { given: given.to_owned(), source };
    if let Some(port) = given.strip_prefix(':') {
        let port = port.parse().map_err(|_| bad(io::ErrorKind::InvalidInput.into()))?;
        return Ok(ListenTarget::AllAddrs(port));
    }
    if let Ok(addr) = given.parse() {
        return Ok(ListenTarget::Addr(addr));
    }
    let invalid = || bad(io::ErrorKind::InvalidInput.into());
    let (host, port) = given.rsplit_once(':').ok_or_else(invalid)?;
    let addrs = world.resolve(host, port.parse().map_err(|_| invalid())?).await.map_err(bad)?;
    let first = addrs.first().copied().map(ListenTarget::Addr);
    first.ok_or_else(|| bad(io::ErrorKind::NotFound.into()))
}

impl ListenTarget {
    fn bind(
        &self,
        world: &dyn World,
        all: &[Self],
    ) -> Result<(Box<dyn Listener>, SocketAddr), StartError> {
        match *self {
            Self::Addr(addr) => {
                let port = addr.port();
                let takes_v4 = |other: &Self| matches!(other, Self::Addr(SocketAddr::V4(v4)) if v4.port() == port);
                bind_at(world, addr, all.iter().any(takes_v4))
            }
            // An IPv6 socket accepts IPv4 too, but not every machine has IPv6.
            Self::AllAddrs(port) => {
                match bind_at(world, (Ipv6Addr::UNSPECIFIED, port).into(), false) {
                    Err(StartError::Listen { .. }) => {
                        bind_at(world, (Ipv4Addr::UNSPECIFIED, port).into(), false)
                    }
                    done => done,
                }
            }
        }
    }
}

/// Listens at an address. With `only_v6` an IPv6 socket does not accept IPv4.
fn bind_at(
    world: &dyn World,
    addr: SocketAddr,
    only_v6: bool,
) -> Result<(Box<dyn Listener>, SocketAddr), StartError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::AddressInUse { addr },
        _ => StartError::Listen { addr, source },
    };
    let listener = world.listen(addr, only_v6).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Accepts connections until the server stops.
pub(crate) async fn accept_all(context: Arc<Context>, mut listener: Box<dyn Listener>) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = context.lifecycle.stopping() => return,
            accepted = poll_fn(|cx| listener.poll_accept(cx)) => accepted,
        };
        match accepted {
            Ok((socket, addr)) => {
                context.connections.prepare(&*socket, None);
                // A socket without a local address is closed already.
                let local_addr = socket.local_addr().unwrap_or(UNSPECIFIED);
                let hook = context.connections.tcp_round_trip_hook();
                accept(&context, socket, local_addr, addr, hook);
                // Let its task read before many connections behind it can evict it.
                yield_now().await;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                context.state().observed.accept_failed(&error);
                tokio::select! {
                    biased;
                    () = context.lifecycle.stopping() => return,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}
