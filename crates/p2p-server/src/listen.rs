//! Opening the listening sockets, and accepting from one.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::net::{TcpListener, lookup_host};

use crate::{error::StartError, inbound, shared::Shared, socket::prepare_or_log, way::NOWHERE};

/// The pause after the system refused to accept, mostly for want of file descriptors: they come
/// back with time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Opens one socket for `given`, see [`Settings::listen`](crate::Settings::listen); tells where it is
/// bound.
pub(crate) async fn bind(given: &str) -> Result<(TcpListener, SocketAddr), StartError> {
    if let Some(port) = given.strip_prefix(':') {
        let port =
            port.parse().map_err(|_| bad_address(given, io::ErrorKind::InvalidInput.into()))?;
        // An IPv6 socket takes IPv4 as well, but not every host has IPv6.
        return match bind_at((Ipv6Addr::UNSPECIFIED, port).into()).await {
            Err(StartError::Listen { .. }) => bind_at((Ipv4Addr::UNSPECIFIED, port).into()).await,
            done => done,
        };
    }
    let mut addrs = lookup_host(given).await.map_err(|source| bad_address(given, source))?;
    let addr = addrs.next().ok_or_else(|| bad_address(given, io::ErrorKind::NotFound.into()))?;
    bind_at(addr).await
}

fn bad_address(given: &str, source: io::Error) -> StartError {
    StartError::BadAddress { given: given.to_owned(), source }
}

async fn bind_at(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::AddressInUse { addr },
        _ => StartError::Listen { addr, source },
    };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
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
