//! What is encrypted and not yet written.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;

/// Encrypted bytes that wait to be written.
#[derive(Default)]
pub(super) struct Output {
    pub(super) bytes: BytesMut,
    flushing: bool,
    /// When the connection is lost, unless the network accepts some bytes before.
    pub(super) deadline: Option<Instant>,
    /// Writing has failed. Reading continues, because it may show why the peer closed the connection.
    pub(super) failed: bool,
}

impl Output {
    /// Writes and flushes. Ready unless the network accepts nothing; then, whether it accepted any
    /// bytes.
    pub(super) fn poll(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        let mut moved = false;
        while !self.bytes.is_empty() && !self.failed {
            match Pin::new(&mut *io).poll_write(cx, &self.bytes) {
                Poll::Ready(Ok(written @ 1..)) => {
                    self.bytes.advance(written);
                    self.flushing = true;
                    self.deadline = None;
                    moved = true;
                }
                Poll::Ready(Ok(0) | Err(_)) => self.fail(),
                Poll::Pending => return if moved { Poll::Ready(true) } else { Poll::Pending },
            }
        }
        if self.flushing {
            match Pin::new(io).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushing = false,
                Poll::Ready(Err(_)) => self.fail(),
                Poll::Pending => {}
            }
        }
        Poll::Ready(moved)
    }

    fn fail(&mut self) {
        self.failed = true;
        self.flushing = false;
        self.bytes = BytesMut::new();
    }
}
