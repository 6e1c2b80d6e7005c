//! One direction of a connection.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::{Buf as _, Bytes};
use tokio::{io::ReadBuf, time::Instant};

use crate::host_id::HostId;

/// Maximum number of bytes that were sent and not read. Then the writer waits, as with a TCP window.
const WINDOW: usize = 4 * 1024 * 1024;

/// One direction of a connection, as its two ends and the wire share it.
#[derive(Debug, Clone)]
pub(crate) struct Pipe(Arc<PipeShared>);

#[derive(Debug)]
struct PipeShared {
    ends: Ends,
    /// Whether its ends are in different regions, which may run on different threads. Then no end sees what the other one does
    /// before both regions have [settled](Pipe::settle).
    crosses: bool,
    state: Mutex<PipeState>,
}

/// Where the bytes come from and go to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) from: HostId,
    pub(crate) to: HostId,
}

#[derive(Debug)]
pub(crate) struct PipeState {
    /// Has arrived and was not read.
    inbox: VecDeque<Bytes>,
    /// Bytes that were sent and not read, as far as the writer knows.
    unread: usize,
    /// Bytes that were read since the regions settled.
    read: usize,
    /// Bytes that were taken from the writer and have not left the host, by the time at which they do.
    departing: VecDeque<(Instant, usize)>,
    /// Their number.
    unsent: usize,
    /// Whether the writer will be woken when some of them leave.
    awaits_departure: bool,
    /// When the last part arrives: later parts do not overtake it.
    pub(crate) last_arrival: Option<Instant>,
    /// What could not pass because the line is blocked.
    pub(crate) held: Vec<Part>,
    ending: Ending,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How a direction has ended, as each side knows it.
#[derive(Debug, Default)]
struct Ending {
    /// For the reader.
    read: Option<End>,
    /// Whether the writer was told that the other end reads no longer.
    refused: bool,
    /// Whether both may know it.
    settled: bool,
}

/// What is on its way in a pipe.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Bytes(Bytes),
    End(End),
}

/// How a direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The writer has finished.
    Finished,
    /// The other end was dropped before it had read everything, or its host stopped.
    Reset,
}

impl Pipe {
    /// `crosses`: whether its ends are in different regions.
    pub(crate) fn new(ends: Ends, crosses: bool) -> Self {
        let state = Mutex::new(PipeState {
            inbox: VecDeque::new(),
            unread: 0,
            read: 0,
            departing: VecDeque::new(),
            unsent: 0,
            awaits_departure: false,
            last_arrival: None,
            held: Vec::new(),
            ending: Ending::default(),
            reader: None,
            writer: None,
        });
        Self(Arc::new(PipeShared { ends, crosses, state }))
    }

    pub(crate) fn ends(&self) -> Ends {
        self.0.ends
    }

    pub(crate) fn crosses(&self) -> bool {
        self.0.crosses
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, PipeState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing more comes through it.
    pub(crate) fn is_ended(&self) -> bool {
        self.state().ending.settled
    }

    /// A part has arrived. Only the end that has the part for it is woken if the pipe crosses regions.
    pub(crate) fn arrive(&self, part: Part) {
        let mut state = self.state();
        match part {
            // After a reset nothing is read.
            Part::Bytes(bytes) if state.ending.read.is_none() => state.inbox.push_back(bytes),
            Part::Bytes(_) => {}
            Part::End(End::Reset) => {
                state.inbox.clear();
                state.ending.read = Some(End::Reset);
            }
            Part::End(End::Finished) => drop(state.ending.read.get_or_insert(End::Finished)),
        }
        if self.0.crosses {
            return wake(state, |state| state.reader.take());
        }
        state.ending.settled = state.ending.read.is_some();
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// The writer is told that the other end reads no longer.
    pub(crate) fn refuse(&self) {
        if !self.0.crosses {
            return self.arrive(Part::End(End::Reset));
        }
        let mut state = self.state();
        state.ending.refused = true;
        wake(state, |state| state.writer.take());
    }

    /// Both regions rest: each end sees what the other one has done.
    pub(crate) fn settle(&self) {
        let mut state = self.state();
        state.ending.settled = state.ending.read.is_some() || state.ending.refused;
        state.unread -= std::mem::take(&mut state.read);
        wake(state, |state| state.writer.take());
    }

    /// Bytes have left the sending host: the writer may go on.
    pub(crate) fn depart(&self) {
        let mut state = self.state();
        state.awaits_departure = false;
        wake(state, |state| state.writer.take());
    }

    /// Reads what has arrived. Nothing read means that the writer has finished.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.ending.read == Some(End::Reset) {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let mut read = 0;
        while buffer.remaining() > 0 {
            let Some(first) = state.inbox.front_mut() else { break };
            let part = first.split_to(first.len().min(buffer.remaining()));
            buffer.put_slice(&part);
            read += part.len();
            if !first.has_remaining() {
                state.inbox.pop_front();
            }
        }
        if read == 0 && state.ending.read.is_none() {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.0.crosses {
            state.read += read;
            return Poll::Ready(Ok(()));
        }
        state.unread -= read;
        wake(state, |state| if read > 0 { state.writer.take() } else { None });
        Poll::Ready(Ok(()))
    }

    /// How many bytes the writer may send now, at most `limit` on their way out of the host. If none, the
    /// writer is woken when there may be room again.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>, limit: usize) -> io::Result<Room> {
        let mut state = self.state();
        let is_reset = !self.0.crosses && state.ending.read == Some(End::Reset);
        if is_reset || state.ending.refused {
            return Err(ErrorKind::BrokenPipe.into());
        }
        state.forget_departed(Instant::now());
        let leaving = limit.saturating_sub(state.unsent);
        let room = leaving.min(WINDOW.saturating_sub(state.unread));
        if room > 0 {
            return Ok(Room::Bytes(room));
        }
        state.writer = Some(cx.waker().clone());
        if leaving > 0 || state.awaits_departure {
            return Ok(Room::None);
        }
        let Some((at, _)) = state.departing.front().copied() else { return Ok(Room::None) };
        state.awaits_departure = true;
        Ok(Room::From(at))
    }

    /// The writer sends these bytes, which leave the host at `departure`.
    pub(crate) fn send(&self, bytes: usize, now: Instant, departure: Instant) {
        let mut state = self.state();
        state.unread += bytes;
        if departure > now {
            state.unsent += bytes;
            state.departing.push_back((departure, bytes));
        }
    }
}

/// Wakes a task after the lock is free.
fn wake(mut state: MutexGuard<'_, PipeState>, who: impl FnOnce(&mut PipeState) -> Option<Waker>) {
    let waker = who(&mut state);
    drop(state);
    waker.into_iter().for_each(Waker::wake);
}

/// Whether a writer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// This many bytes.
    Bytes(usize),
    /// Not before this time, when the pipe must be told that bytes have left the host.
    From(Instant),
    /// Not before the writer is woken.
    None,
}

impl PipeState {
    fn forget_departed(&mut self, now: Instant) {
        while let Some((_, bytes)) = self.departing.front().filter(|(at, _)| *at <= now) {
            self.unsent -= bytes;
            self.departing.pop_front();
        }
    }
}
