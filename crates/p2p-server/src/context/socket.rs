//! The options of the TCP socket of every connection. They keep a small message from waiting in the
//! operating system behind a large one.

use std::io;

use socket2::SockRef;
use tokio::net::TcpStream;

/// Maximum number of bytes that wait in the operating system to be sent. They are sent before everything
/// that the sub-protocols send later.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MAX_UNSENT_BYTES: u32 = 16 * 1024;

/// Sets the options of a TCP socket as [`Server`](crate::Server) does, for users that open their own
/// sockets.
///
/// Small messages are sent at once (`TCP_NODELAY`). The system takes little data before it can send it
/// (`TCP_NOTSENT_LOWAT`, on Linux and Android). With a `receive_buffer`, about that many bytes can wait to
/// be read; without one Linux lets the buffer grow to megabytes on a fast line, and every message of the
/// peer waits behind them.
///
/// # Errors
///
/// The error of the operating system. The connection works nevertheless.
pub fn prepare_socket(socket: &TcpStream, receive_buffer: Option<usize>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_notsent_lowat(MAX_UNSENT_BYTES)?;
    match receive_buffer {
        Some(bytes) => socket.set_recv_buffer_size(bytes),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_options_are_set() -> io::Result<()> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let socket = TcpStream::connect(listener.local_addr()?).await?;
        prepare_socket(&socket, None)?;
        let unchanged = SockRef::from(&socket).recv_buffer_size()?;
        prepare_socket(&socket, Some(unchanged / 4))?;
        // Some systems add their own overhead, as much again.
        assert!(SockRef::from(&socket).recv_buffer_size()? <= unchanged / 2);
        assert!(socket.nodelay()?);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        assert_eq!(SockRef::from(&socket).tcp_notsent_lowat()?, MAX_UNSENT_BYTES);
        Ok(())
    }
}
