//! Sockets of the operating system.

use std::{
    io,
    net::{self, SocketAddr},
    task::{Context, Poll, ready},
};

use socket2::SockRef;
use tokio::{
    io::ReadBuf,
    net::{self as async_net, TcpListener, TcpSocket, TcpStream},
};

use crate::{Connection, Datagrams, Listener};

/// Maximum number of connections that wait in the system to be accepted.
const BACKLOG: u32 = 1024;

impl Connection for TcpStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }

    fn tcp(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

/// A listening socket.
#[derive(Debug)]
pub(super) struct TcpSockets(TcpListener);

impl TcpSockets {
    pub(super) fn listen(addr: SocketAddr, only_v6: bool) -> io::Result<Self> {
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
        Ok(Self(socket.listen(BACKLOG)?))
    }
}

impl Listener for TcpSockets {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Connection>, SocketAddr)>> {
        let (stream, from) = ready!(self.0.poll_accept(cx))?;
        Poll::Ready(Ok((Box::new(stream), from)))
    }
}

/// A socket for datagrams.
#[derive(Debug)]
pub(super) struct UdpSocket(async_net::UdpSocket);

impl UdpSocket {
    pub(super) fn bind(addr: SocketAddr) -> io::Result<Self> {
        let socket = net::UdpSocket::bind(addr)?;
        socket.set_nonblocking(true)?;
        Ok(Self(async_net::UdpSocket::from_std(socket)?))
    }
}

impl Datagrams for UdpSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.0.poll_recv_from(cx, buffer)
    }

    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_send_to(cx, datagram, to)
    }
}
