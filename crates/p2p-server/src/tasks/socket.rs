//! What the TCP socket of every connection is told, so that a small message does not wait in the
//! operating system behind a large one.

use std::io;

use socket2::SockRef;
use tokio::net::TcpStream;

/// The default of [`Settings::receive_buffer`](crate::Settings::receive_buffer), in bytes.
pub const RECEIVE_BUFFER: usize = 128 * 1024;

/// How many bytes may lie in the operating system that it cannot send yet. What has been handed to
/// it goes before all that the sub-protocols say later.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 16 * 1024;

/// Prepares the socket of a connection, as [`Server`](crate::Server) does; for those who open their
/// own.
///
/// Small messages go out at once (`TCP_NODELAY`). Little is taken from us before it can be sent
/// (`TCP_NOTSENT_LOWAT`, on Linux and Android). And with a `receive_buffer`, the peer can be ahead of
/// us by no more than about so many bytes: without one Linux lets it grow to megabytes on a fast
/// line, and all that the peer says waits behind them.
///
/// # Errors
///
/// What the operating system says. The connection works nevertheless.
pub fn prepare(socket: &TcpStream, receive_buffer: Option<usize>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_notsent_lowat(UNSENT)?;
    match receive_buffer {
        Some(bytes) => socket.set_recv_buffer_size(bytes),
        None => Ok(()),
    }
}

/// As [`prepare`]; what the operating system refuses only costs time.
pub(crate) fn prepare_or_log(socket: &TcpStream, receive_buffer: Option<usize>) {
    if let Err(error) = prepare(socket, receive_buffer) {
        tracing::debug!(%error, "a socket that is slower than it could be");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_socket_is_what_it_was_asked_to_be() -> io::Result<()> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let socket = TcpStream::connect(listener.local_addr()?).await?;
        prepare(&socket, None)?;
        let unchanged = SockRef::from(&socket).recv_buffer_size()?;
        prepare(&socket, Some(unchanged / 4))?;
        // Some systems count their own overhead, as much again.
        assert!(SockRef::from(&socket).recv_buffer_size()? <= unchanged / 2);
        assert!(socket.nodelay()?);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        assert_eq!(SockRef::from(&socket).tcp_notsent_lowat()?, UNSENT);
        Ok(())
    }
}
