//! The byte stream of a client.
//!
//! While the client does not read, nothing is read from it: some answers are made by libraries (a pong for each ping),
//! and would be queued without limit for a client that only sends. And a connection is closed so that the client gets the
//! last answer: closing a socket with unread bytes resets it, which discards what was sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Sleep, sleep, timeout};

use crate::transport::listener::ConnectionGuard;

/// Maximum time, and number of bytes, for what a client still sends after its connection has ended.
const LINGER_TIME: Duration = Duration::from_secs(10);
const LINGER_BYTES: usize = 64 << 20;

/// Maximum time without bytes for a client that was sent its last answer.
const LINGER_IDLE: Duration = Duration::from_secs(1);

/// The stream of one client. Dropping it ends the connection in the background.
pub(crate) struct ClientStream<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> {
    /// `None` only while it is dropped.
    stream: Option<S>,
    guard: ConnectionGuard,
    /// Whether the last write has to wait for the client.
    is_blocked: bool,
    /// Waits until the client reads.
    reader: Option<Waker>,
    /// When the first byte must have arrived; `None` afterwards.
    first_byte: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ClientStream<S> {
    /// The client may take `first_byte_time`, if it is limited, until its first byte.
    pub(crate) fn new(
        stream: S,
        guard: ConnectionGuard,
        first_byte_time: Option<Duration>,
    ) -> Self {
        let first_byte = first_byte_time.map(|time| Box::pin(sleep(time)));
        Self { stream: Some(stream), guard, is_blocked: false, reader: None, first_byte }
    }

    /// Writes with `write`, and notes whether the client reads.
    fn poll_writing<T>(
        &mut self,
        write: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Err(closed())) };
        let written = write(Pin::new(stream));
        self.is_blocked = written.is_pending();
        if !self.is_blocked
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
        written
    }
}

fn closed() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_blocked {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(Err(closed())) };
        let before = buffer.filled().len();
        let read = Pin::new(stream).poll_read(context, buffer);
        if read.is_ready() {
            self.first_byte = None;
        } else if let Some(first_byte) = &mut self.first_byte {
            ready!(first_byte.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.guard.memory.arrived(buffer.filled().len() - before);
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncWrite for ClientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(|stream| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(|stream| stream.poll_write_vectored(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Err(closed())) };
        Pin::new(stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Err(closed())) };
        Pin::new(stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Drop for ClientStream<S> {
    fn drop(&mut self) {
        // While the node stops, or for a client that reads nothing, it is not worth the time.
        if self.guard.is_ending() || self.is_blocked {
            return;
        }
        if let Some(stream) = self.stream.take() {
            self.guard.linger(linger(stream));
        }
    }
}

/// Ends the connection, and discards what the client still sends, so that it can read what it was sent.
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let discard = async {
        stream.shutdown().await?;
        let (mut bytes, mut left) = (vec![0; 16 * 1024], LINGER_BYTES);
        while let Ok(read) = timeout(LINGER_IDLE, stream.read(&mut bytes)).await {
            match read? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
            if left == 0 {
                break;
            }
        }
        Ok::<_, io::Error>(())
    };
    // An error means that the client has disconnected.
    let _ = timeout(LINGER_TIME, discard).await;
}
