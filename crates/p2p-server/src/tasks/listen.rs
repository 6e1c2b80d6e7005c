//! The listening sockets, and accepting from them.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket, lookup_host},
    task::yield_now,
};

use super::{UNSPECIFIED, accept};
use crate::{context::Context, error::StartError};

/// The pause after the system failed to accept, usually for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of connections that wait in the system to be accepted.
const BACKLOG: u32 = 1024;

/// Opens a socket for each text, see [`ServerSettings::listen`](crate::ServerSettings::listen). Returns the
/// sockets and their addresses.
pub(crate) async fn bind_all(
    texts: &[String],
) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), StartError> {
    let mut targets = Vec::new();
    for text in texts {
        targets.push(resolve(text).await?);
    }
    let (mut listeners, mut addrs) = (Vec::new(), Vec::new());
    for target in &targets {
        let (listener, addr) = target.bind(&targets)?;
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

async fn resolve(given: &str) -> Result<ListenTarget, StartError> {
    let bad = |source| StartError::BadAddress { given: given.to_owned(), source };
    if let Some(port) = given.strip_prefix(':') {
        let port = port.parse().map_err(|_| bad(io::ErrorKind::InvalidInput.into()))?;
        return Ok(ListenTarget::AllAddrs(port));
    }
    let mut addrs = lookup_host(given).await.map_err(bad)?;
    addrs.next().map(ListenTarget::Addr).ok_or_else(|| bad(io::ErrorKind::NotFound.into()))
}

impl ListenTarget {
    fn bind(&self, all: &[Self]) -> Result<(TcpListener, SocketAddr), StartError> {
        match *self {
            Self::Addr(addr) => {
                let port = addr.port();
                let takes_v4 = |other: &Self| matches!(other, Self::Addr(SocketAddr::V4(v4)) if v4.port() == port);
                bind_at(addr, all.iter().any(takes_v4))
            }
            // An IPv6 socket accepts IPv4 too, but not every machine has IPv6.
            Self::AllAddrs(port) => match bind_at((Ipv6Addr::UNSPECIFIED, port).into(), false) {
                Err(StartError::Listen { .. }) => {
                    bind_at((Ipv4Addr::UNSPECIFIED, port).into(), false)
                }
                done => done,
            },
        }
    }
}

/// Listens at an address. With `only_v6` an IPv6 socket does not accept IPv4.
fn bind_at(addr: SocketAddr, only_v6: bool) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::AddressInUse { addr },
        _ => StartError::Listen { addr, source },
    };
    let open = || {
        let socket = match addr {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if addr.is_ipv6() {
            SockRef::from(&socket).set_only_v6(only_v6)?;
        }
        // So that a restarted node gets its port. On Windows this option would allow to take a used port.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(BACKLOG)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    open().map_err(failed)
}

/// Accepts connections until the server stops.
pub(crate) async fn accept_all(context: Arc<Context>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            () = context.lifecycle.stopping() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, addr)) => {
                context.connections.prepare(&socket, None);
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
                    () = context.lifecycle.stopping() => return,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}
