//! One end of a connection.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use p2p_world::Connection;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::net::{
    pipe::{End, Pipe, Room},
    wire::Wire,
};

/// Maximum number of bytes that are taken from a writer before they leave the host. As with TCP where little may wait to be
/// sent.
const MAX_UNSENT: usize = 64 * 1024;

/// The largest part that is sent at once.
const MAX_PART: usize = 16 * 1024;

/// One end of a connection. When it is dropped, the other end is told.
#[derive(Debug)]
pub(crate) struct SimStream {
    wire: Wire,
    /// Of this end, and of the other one.
    addrs: [SocketAddr; 2],
    output: Pipe,
    input: Pipe,
    finished: bool,
}

impl SimStream {
    pub(crate) fn new(wire: Wire, addrs: [SocketAddr; 2], output: Pipe, input: Pipe) -> Self {
        wire.state().hosts.host_mut(output.ends().from).add_pipes(&output, &input);
        Self { wire, addrs, output, input, finished: false }
    }
}

impl Connection for SimStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addrs[0])
    }

    fn tcp(&self) -> Option<&TcpStream> {
        None
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = self.input.poll_read(cx, buffer);
        if self.input.crosses() && buffer.filled().len() > before {
            self.wire.state().touch(&self.input);
        }
        polled
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = match self.output.poll_room(cx, MAX_UNSENT)? {
            Room::Bytes(room) => room,
            Room::From(at) => {
                self.wire.depart(&self.output, at);
                return Poll::Pending;
            }
            Room::None => return Poll::Pending,
        };
        let length = bytes.len().min(room).min(MAX_PART);
        self.wire.send(&self.output, Bytes::copy_from_slice(&bytes[..length]));
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.finished {
            self.finished = true;
            self.wire.end(&self.output, End::Finished);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        if !self.finished {
            self.wire.end(&self.output, End::Finished);
        }
        self.wire.refuse(&self.input);
    }
}
