//! The machine, with a count of the bytes that are sent over its connections.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::SystemTime,
};

use p2p_world::{Connection, Datagrams, File, Listener, Pending, SystemWorld, Task, World};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Bytes that were written to connections. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent(Arc<AtomicU64>);

impl Sent {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The machine, of whose connections the bytes are counted.
#[derive(Debug)]
pub(crate) struct CountingWorld(pub(crate) Sent);

impl World for CountingWorld {
    fn unix_time(&self) -> SystemTime {
        SystemWorld.unix_time()
    }

    fn spawn(&self, task: Task) {
        SystemWorld.spawn(task);
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> Task {
        SystemWorld.run_blocking(work)
    }

    fn resolve(&self, host: &str, port: u16) -> Pending<'static, Vec<SocketAddr>> {
        SystemWorld.resolve(host, port)
    }

    fn connect(&self, addr: SocketAddr) -> Pending<'static, Box<dyn Connection>> {
        let sent = self.0.clone();
        Box::pin(async move { Ok(counted(SystemWorld.connect(addr).await?, sent)) })
    }

    fn listen(&self, addr: SocketAddr, only_v6: bool) -> io::Result<Box<dyn Listener>> {
        let listener = SystemWorld.listen(addr, only_v6)?;
        Ok(Box::new(CountingListener { listener, sent: self.0.clone() }))
    }

    fn bind(&self, addr: SocketAddr) -> io::Result<Arc<dyn Datagrams>> {
        SystemWorld.bind(addr)
    }

    fn open_file(&self, path: &Path) -> io::Result<Box<dyn File>> {
        SystemWorld.open_file(path)
    }

    fn exists(&self, path: &Path) -> bool {
        SystemWorld.exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemWorld.rename(from, to)
    }
}

fn counted(connection: Box<dyn Connection>, sent: Sent) -> Box<dyn Connection> {
    Box::new(CountingConnection { connection, sent })
}

struct CountingListener {
    listener: Box<dyn Listener>,
    sent: Sent,
}

impl Listener for CountingListener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Connection>, SocketAddr)>> {
        let accepted = self.listener.poll_accept(cx);
        accepted.map_ok(|(connection, from)| (counted(connection, self.sent.clone()), from))
    }
}

struct CountingConnection {
    connection: Box<dyn Connection>,
    sent: Sent,
}

impl CountingConnection {
    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.sent.0.fetch_add(bytes as u64, Relaxed);
        }
        written
    }
}

impl Connection for CountingConnection {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.connection.local_addr()
    }

    fn tcp(&self) -> Option<&TcpStream> {
        self.connection.tcp()
    }
}

impl AsyncRead for CountingConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(cx, buffer)
    }
}

impl AsyncWrite for CountingConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write(cx, bytes);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write_vectored(cx, parts);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}
