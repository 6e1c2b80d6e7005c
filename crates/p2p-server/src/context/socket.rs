//! The options of the TCP socket of every connection. They keep a small message from waiting in the
//! operating system behind a large one.

use std::{io, time::Duration};

use p2p_world::Connection;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::config::ReceiveBuffer;

/// Maximum number of bytes that wait in the operating system to be sent. They are sent before everything
/// that the sub-protocols send later.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MAX_UNSENT_BYTES: u32 = 16 * 1024;

/// Sets the options of a TCP socket as [`Server`](crate::Server) does, for users that open their own
/// sockets.
///
/// Small messages are sent at once (`TCP_NODELAY`). The system takes little data before it can send it
/// (`TCP_NOTSENT_LOWAT`, on Linux and Android). The receive buffer is set according to `receive_buffer`
/// and the `round_trip` to the peer, if it is known already.
///
/// # Errors
///
/// The error of the operating system. The connection works nevertheless.
pub fn prepare_socket(
    socket: &TcpStream,
    receive_buffer: ReceiveBuffer,
    round_trip: Option<Duration>,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    SockRef::from(socket).set_tcp_notsent_lowat(MAX_UNSENT_BYTES)?;
    set_receive_buffer(socket, receive_buffer, round_trip)
}

/// Makes the receive buffer small if the peer has turned out to be near.
#[expect(clippy::borrowed_box, reason = "the stream of a connection, as its hook gets it")]
pub(super) fn handle_round_trip(stream: &Box<dyn Connection>, round_trip: Duration) {
    let Some(socket) = stream.tcp() else { return };
    if let Err(error) = set_receive_buffer(socket, ReceiveBuffer::Automatic, Some(round_trip)) {
        tracing::debug!(%error, "cannot set the receive buffer of a socket");
    }
}

/// Sets the receive buffer, or leaves it to the system. Linux no longer adapts a buffer that was set, and
/// this cannot be undone.
fn set_receive_buffer(
    socket: &TcpStream,
    receive_buffer: ReceiveBuffer,
    round_trip: Option<Duration>,
) -> io::Result<()> {
    match receive_buffer.bytes(round_trip) {
        Some(bytes) => SockRef::from(socket).set_recv_buffer_size(bytes),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::TcpListener;

    use super::*;

    async fn socket() -> io::Result<TcpStream> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        TcpStream::connect(listener.local_addr()?).await
    }

    #[tokio::test]
    async fn the_options_are_set() -> io::Result<()> {
        let socket = socket().await?;
        prepare_socket(&socket, ReceiveBuffer::System, None)?;
        let unchanged = SockRef::from(&socket).recv_buffer_size()?;
        prepare_socket(&socket, ReceiveBuffer::Fixed(unchanged / 4), None)?;
        // Some systems add their own overhead, as much again.
        assert!(SockRef::from(&socket).recv_buffer_size()? <= unchanged / 2);
        assert!(socket.nodelay()?);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        assert_eq!(SockRef::from(&socket).tcp_notsent_lowat()?, MAX_UNSENT_BYTES);
        Ok(())
    }

    #[tokio::test]
    async fn the_buffer_of_a_distant_peer_is_left_to_the_system() -> io::Result<()> {
        let (near, distant) = (Duration::from_micros(200), Duration::from_millis(100));
        let socket = socket().await?;
        let size = || SockRef::from(&socket).recv_buffer_size();
        let unchanged = size()?;
        prepare_socket(&socket, ReceiveBuffer::Automatic, None)?;
        prepare_socket(&socket, ReceiveBuffer::Automatic, Some(distant))?;
        let socket: Box<dyn Connection> = Box::new(socket);
        let size = || SockRef::from(socket.tcp().expect("a socket")).recv_buffer_size();
        handle_round_trip(&socket, distant);
        assert_eq!(size()?, unchanged);
        handle_round_trip(&socket, near);
        let small = size()?;
        assert_ne!(small, unchanged);
        assert!(small <= 2 * ReceiveBuffer::NEAR_BYTES);
        Ok(())
    }
}
