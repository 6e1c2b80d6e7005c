//! Sockets of the operating system.

use std::{
    io,
    net::{self, SocketAddr},
    task::{Context, Poll, ready},
};

use socket2::SockRef;
use tokio::{
    io::ReadBuf,
    net::{TcpListener, TcpSocket, TcpStream, UdpSocket},
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

impl Listener for TcpListener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Connection>, SocketAddr)>> {
        let (stream, from) = ready!(Self::poll_accept(self, cx))?;
        Poll::Ready(Ok((Box::new(stream), from)))
    }
}

impl Datagrams for UdpSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }

    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.poll_recv_from(cx, buffer)
    }

    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.poll_send_to(cx, datagram, to)
    }
}

pub(super) fn listen(addr: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
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
    socket.listen(BACKLOG)
}

pub(super) fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = net::UdpSocket::bind(addr)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}
