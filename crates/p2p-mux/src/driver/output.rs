//! What is encrypted and not yet written.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;

/// A buffer that had at most this many bytes when it was written is freed: an idle connection has none. A busy one
/// keeps its buffer.
const SMALL: usize = 4 * 1024;

/// Encrypted bytes that wait to be written.
#[derive(Default)]
pub(super) struct Output {
    pub(super) bytes: BytesMut,
    /// Bytes that were written since `bytes` was empty.
    written: usize,
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
                    self.written += written;
                    self.flushing = true;
                    self.deadline = None;
                    moved = true;
                }
                Poll::Ready(Ok(0) | Err(_)) => self.fail(),
                Poll::Pending => return if moved { Poll::Ready(true) } else { Poll::Pending },
            }
        }
        if self.bytes.is_empty() && self.written > 0 {
            if self.written <= SMALL {
                self.bytes = BytesMut::new();
            }
            self.written = 0;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_buffer_is_freed_when_it_is_written_and_a_large_one_is_kept() {
        let (mut network, mut output) = (Vec::new(), Output::default());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for (length, kept) in [(SMALL, false), (SMALL + 1, true)] {
            output.bytes.extend_from_slice(&vec![7; length]);
            assert_eq!(output.poll(&mut network, &mut cx), Poll::Ready(true));
            assert_eq!(output.bytes.try_reclaim(1), kept, "{length}");
        }
        assert_eq!(network.len(), 2 * SMALL + 1);
    }
}
