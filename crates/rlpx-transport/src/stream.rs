//! A session over tokio I/O.

mod connect;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use p2p_identity::NodeId;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::{FrameError, Link, Message, Session};

pub use connect::{ConnectError, HANDSHAKE_LIMIT, accept, accept_with, connect, connect_with};

/// [`Stream::write`] waits while more sealed bytes than this are not written.
const HIGH_WATER_BYTES: usize = 64 * 1024;
/// Maximum capacity that an empty buffer of sealed bytes keeps.
const MAX_IDLE_BUFFER_BYTES: usize = 256 * 1024;

/// An encrypted connection: sends and receives messages over any `AsyncRead + AsyncWrite`.
///
/// It is also a [`futures_core::Stream`] and a [`futures_sink::Sink`] of [`Message`]s. It has no time
/// limits after the handshake. To read and write independently, split it [into parts](Self::into_parts).
pub struct Stream<Io> {
    io: Io,
    session: Session,
    received: BytesMut,
    unsent: BytesMut,
}

/// The parts of a [`Stream`].
#[derive(Debug)]
pub struct Parts<Io> {
    /// The connection below.
    pub io: Io,
    /// The two directions.
    pub session: Session,
    /// Received but not opened: the next bytes for the session's [`Opener`](crate::Opener).
    pub received: BytesMut,
    /// Sealed but not written. It must be sent before anything sealed later; empty after
    /// [`Stream::flush`].
    pub unsent: BytesMut,
}

/// Why reading from or writing to a connection failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The connection below failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// A frame was refused, or a message is too large to be sent (the stream can then be used further).
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The peer closed the connection in the middle of a frame.
    #[error("the connection ended inside a frame")]
    Truncated,
}

impl<Io> Stream<Io> {
    pub(crate) fn new(io: Io, session: Session, received: BytesMut) -> Self {
        Self { io, session, received, unsent: BytesMut::new() }
    }

    /// The id of the peer; see [`Session::remote`].
    #[must_use]
    pub const fn remote(&self) -> NodeId {
        self.session.remote
    }

    /// The connection below.
    #[must_use]
    pub const fn io(&self) -> &Io {
        &self.io
    }

    /// Turns Snappy on for both directions. Call it when both Hellos are exchanged; see
    /// [`Sealer::enable_snappy`](crate::Sealer::enable_snappy).
    pub fn enable_snappy(&mut self) {
        self.session.sealer.enable_snappy();
        self.session.opener.enable_snappy();
    }

    /// Refuses received payloads of more than `max_payload` bytes from now on; see
    /// [`Opener::set_limit`](crate::Opener::set_limit).
    pub fn set_limit(&mut self, max_payload: usize) {
        self.session.opener.set_limit(max_payload);
    }

    /// How the connection is encrypted.
    #[must_use]
    pub const fn link(&self) -> Link {
        self.session.link()
    }

    /// Splits the stream into its parts. Nothing is lost and nothing is written.
    pub fn into_parts(self) -> Parts<Io> {
        let Self { io, mut session, received, mut unsent } = self;
        session.sealer.finish(&mut unsent);
        Parts { io, session, received, unsent }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Stream<Io> {
    /// The next message; `None` if the peer closed the connection between two frames.
    ///
    /// Cancel-safe: nothing is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// See [`StreamError`]. After one, the stream cannot be read any further.
    pub async fn read(&mut self) -> Result<Option<Message>, StreamError> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// Seals a message. Waits first while more than 64 KiB of sealed bytes are not written.
    ///
    /// [`flush`](Self::flush) writes it at the latest. If the future is dropped, the message was not sealed.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`], which leaves the stream as it was, and errors of the connection.
    pub async fn write(&mut self, code: u64, payload: &[u8]) -> Result<(), StreamError> {
        poll_fn(|cx| self.poll_drain(cx, HIGH_WATER_BYTES)).await?;
        self.session.sealer.put(code, payload, &mut self.unsent)?;
        Ok(())
    }

    /// Writes everything sealed and flushes the connection. If the future is dropped, the next call writes
    /// the rest.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    pub async fn flush(&mut self) -> Result<(), StreamError> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Flushes and closes the sending direction. The peer sees the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    pub async fn close(&mut self) -> Result<(), StreamError> {
        poll_fn(|cx| self.poll_close(cx)).await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, StreamError>> {
        loop {
            if let Some(message) = self.session.opener.open(&mut self.received)? {
                return Poll::Ready(Ok(Some(message)));
            }
            self.session.opener.reserve(&mut self.received);
            // The future keeps nothing between two polls, so it can be a new one each time.
            if ready!(pin!(self.io.read_buf(&mut self.received)).poll(cx))? == 0 {
                return Poll::Ready(self.end());
            }
        }
    }

    /// The result of reading when the peer has closed the connection.
    fn end(&self) -> Result<Option<Message>, StreamError> {
        let between = self.received.is_empty() && self.session.opener.is_between_frames();
        if between { Ok(None) } else { Err(StreamError::Truncated) }
    }

    /// Writes until at most `down_to` bytes are left.
    fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        down_to: usize,
    ) -> Poll<Result<(), StreamError>> {
        while self.unsent.len() > down_to {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
            self.unsent.advance(written);
        }
        if self.unsent.is_empty() && self.unsent.capacity() > MAX_IDLE_BUFFER_BYTES {
            self.unsent = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.session.sealer.finish(&mut self.unsent);
        ready!(self.poll_drain(cx, 0))?;
        Pin::new(&mut self.io).poll_flush(cx).map_err(Into::into)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx).map_err(Into::into)
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> futures_core::Stream for Stream<Io> {
    type Item = Result<Message, StreamError>;

    /// Ends after the first refused frame.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.session.opener.is_failed() {
            return Poll::Ready(None);
        }
        self.poll_read(cx).map(Result::transpose)
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> futures_sink::Sink<Message> for Stream<Io> {
    type Error = StreamError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.poll_drain(cx, HIGH_WATER_BYTES)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), StreamError> {
        let Self { session, unsent, .. } = &mut *self;
        Ok(session.sealer.put(message.code, &message.payload, unsent)?)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        Self::poll_flush(&mut self, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        Self::poll_close(&mut self, cx)
    }
}

impl<Io> fmt::Debug for Stream<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("session", &self.session)
            .field("received", &self.received.len())
            .field("unsent", &self.unsent.len())
            .finish_non_exhaustive()
    }
}
