//! Opening the listening sockets, and accepting from one.

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

use crate::{
    context::Shared, error::StartError, tasks::inbound, tasks::open::NOWHERE,
    tasks::socket::prepare_or_log,
};

/// The pause after the system refused to accept, mostly for want of file descriptors: they come
/// back with time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that the system holds until they are accepted.
const BACKLOG: u32 = 1024;

/// Opens a socket for each of `given`, see [`Settings::listen`](crate::Settings::listen); tells where
/// they are bound.
pub(crate) async fn bind_all(
    given: &[String],
) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), StartError> {
    let mut places = Vec::new();
    for text in given {
        places.push(read(text).await?);
    }
    let (mut listeners, mut addrs) = (Vec::new(), Vec::new());
    for place in &places {
        let listener = place.bind(&places)?;
        addrs.push(listener.1);
        listeners.push(listener.0);
    }
    Ok((listeners, addrs))
}

/// Where to listen.
enum Place {
    At(SocketAddr),
    /// That port of all addresses of the host.
    Everywhere(u16),
}

async fn read(given: &str) -> Result<Place, StartError> {
    let bad = |source| StartError::BadAddress { given: given.to_owned(), source };
    if let Some(port) = given.strip_prefix(':') {
        let port = port.parse().map_err(|_| bad(io::ErrorKind::InvalidInput.into()))?;
        return Ok(Place::Everywhere(port));
    }
    let mut addrs = lookup_host(given).await.map_err(bad)?;
    addrs.next().map(Place::At).ok_or_else(|| bad(io::ErrorKind::NotFound.into()))
}

impl Place {
    fn bind(&self, all: &[Self]) -> Result<(TcpListener, SocketAddr), StartError> {
        match *self {
            Self::At(addr) => {
                let port = addr.port();
                let takes_v4 = |other: &Self| matches!(other, Self::At(SocketAddr::V4(v4)) if v4.port() == port);
                bind_at(addr, all.iter().any(takes_v4))
            }
            // An IPv6 socket takes IPv4 as well, but not every host has IPv6.
            Self::Everywhere(port) => match bind_at((Ipv6Addr::UNSPECIFIED, port).into(), false) {
                Err(StartError::Listen { .. }) => {
                    bind_at((Ipv4Addr::UNSPECIFIED, port).into(), false)
                }
                done => done,
            },
        }
    }
}

/// Listens there; with `only_v6` an IPv6 socket leaves IPv4 to others.
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
        // A node that starts again takes its port again; on Windows this would take that of others.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(BACKLOG)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    open().map_err(failed)
}

/// Accepts until the server stops.
pub(crate) async fn run(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            () = shared.quit.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, addr)) => {
                prepare_or_log(&socket, shared.receive_buffer);
                // One that has no address of ours is gone already.
                let local_addr = socket.local_addr().unwrap_or(NOWHERE);
                inbound::handle_accepted(&shared, socket, local_addr, addr);
                // It must get to read what it was sent before a crowd behind it pushes it out.
                yield_now().await;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                shared.state().stats.accept_errors += 1;
                tokio::select! {
                    () = shared.quit.cancelled() => return,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}
