//! What a node gets from the machine it runs on.

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// The result of an operation that takes time. Dropping it ends the operation.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A task: a future that runs by itself.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The machine that a node runs on: its clock, tasks, network and files.
///
/// A program has one, [`SystemWorld`](crate::SystemWorld). A simulation has one for each of its hosts.
///
/// All methods may be called from any task on a Tokio runtime.
pub trait World: fmt::Debug + Send + Sync + 'static {
    /// The clock of the machine. It may be wrong, and may jump.
    fn unix_time(&self) -> SystemTime;

    /// Runs a task. It ends when the machine stops.
    fn spawn(&self, task: Task);

    /// Runs a function that may take long, such as one that writes a file, where it does not hold up tasks.
    ///
    /// If the returned future is dropped, the function runs nevertheless.
    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> Task;

    /// The addresses of a host name, each with this port. An address is its own name.
    fn resolve(&self, host: &str, port: u16) -> Pending<'static, Vec<SocketAddr>>;

    /// Opens a connection.
    fn connect(&self, addr: SocketAddr) -> Pending<'static, Box<dyn Connection>>;

    /// Listens for connections. Port 0 stands for any free port. With `only_v6` an IPv6 address does not accept IPv4.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`], and others of the machine.
    fn listen(&self, addr: SocketAddr, only_v6: bool) -> io::Result<Box<dyn Listener>>;

    /// Opens a socket for datagrams. Port 0 stands for any free port.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`], and others of the machine.
    fn bind(&self, addr: SocketAddr) -> io::Result<Arc<dyn Datagrams>>;

    /// Opens a file for reading and writing, and makes it if it is not there. It is locked: no other program, and no other
    /// part of this one, opens it in this way at the same time.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if it is locked, and others of the machine.
    fn open_file(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Whether there is a file with this name.
    fn exists(&self, path: &Path) -> bool;

    /// Gives a file another name, which it has even if the power fails after the call. A file that has this name already is
    /// replaced.
    ///
    /// # Errors
    ///
    /// Those of the machine. The file may have the new name nevertheless, until the power fails.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
}

/// A connection with another machine: a stream of bytes in each direction, in order.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {
    /// The address of this end.
    ///
    /// # Errors
    ///
    /// The connection is closed already.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The socket, to set its options; `None` if there is no socket of the operating system.
    fn tcp(&self) -> Option<&TcpStream>;
}

/// Accepts connections.
pub trait Listener: Send {
    /// The address it listens at, with the port that was chosen.
    ///
    /// # Errors
    ///
    /// Those of the machine.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The next connection, and the address of its other end.
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Connection>, SocketAddr)>>;
}

/// Sends and receives datagrams.
pub trait Datagrams: fmt::Debug + Send + Sync {
    /// The address of the socket, with the port that was chosen.
    ///
    /// # Errors
    ///
    /// Those of the machine.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The next datagram, and where it came from. What does not fit in the buffer is cut off.
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>>;

    /// Sends a datagram. Ready when it was taken: nothing tells whether it arrives.
    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>>;
}

/// An open file. It is unlocked when it is dropped.
///
/// What was written can be lost when the machine loses its power, until [`sync`](Self::sync) has returned.
pub trait File: fmt::Debug + Send + Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    ///
    /// Those of the machine, as for all methods.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has no bytes.
    ///
    /// # Errors
    ///
    /// As [`len`](Self::len).
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills the buffer with the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if there are not as many bytes.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes the bytes at `offset`, and makes the file longer where needed.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::StorageFull`] if the disk is full; some of the bytes may be written.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file, or fills it up with zeros.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Returns when everything that was written is on the disk.
    ///
    /// # Errors
    ///
    /// What was written since the last call may be lost.
    fn sync(&self) -> io::Result<()>;
}
