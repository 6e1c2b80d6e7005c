//! The task of one connection: moves bytes between the network and the state machine, and messages
//! between the state machine and the sub-protocols.
//!
//! It is one poll function instead of a `select!`: each pass moves as much as possible in both
//! directions. So neither reading nor writing waits for the other, or depends on a random choice.

mod hang_up;
mod outbox;
mod output;
mod round_trips;
mod slot_tasks;

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::BytesMut;
use p2p_world::when_woken;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    task::yield_now,
    time::{Sleep, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    CloseReason, Config, Connection, Direction, DisconnectReason, Event, LostReason, Message,
    SlotEndReason, SlotId, slot::memory_size,
};

pub(crate) use hang_up::hang_up;
pub(crate) use outbox::{Collected, Freed, Outbox, Outgoing};
use output::Output;
pub(crate) use round_trips::RoundTrips;
pub(crate) use slot_tasks::SlotTasks;
use slot_tasks::TaskEnd;

/// While this many encrypted bytes are not yet written, no more messages are encrypted. The fair
/// order of the slots is decided at encryption, so a message waits for at most this many bytes after
/// that.
const MAX_SEALED: usize = 64 * 1024;

/// Memory of a busy connection besides its state machine and buffers, in bytes: the buffer for
/// decompression, and the messages that the tasks of its sub-protocols work on.
const TASK_MEMORY: usize = 48 * 1024;

/// Bytes to read at once on a quiet connection: few, so that a thousand of them are cheap.
const MIN_READ: usize = 2 * 1024;
/// Bytes to read at once on a busy connection.
const MAX_READ: usize = 128 * 1024;

/// One connection with its network stream, its state machine and its tasks.
pub(crate) struct Driver<Io> {
    io: Io,
    machine: Box<Connection>,
    input: BytesMut,
    read_size: usize,
    output: Output,
    tasks: SlotTasks,
    outbox: Arc<Outbox>,
    timer: Timer,
    round_trips: RoundTrips<Io>,
    /// Polled only when it was woken, not in each pass.
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    config: Config,
}

/// One timer for all deadlines. It may fire too early, but never too late.
struct Timer {
    sleep: Pin<Box<Sleep>>,
    armed: Option<Instant>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Driver<Io> {
    /// Must be called within a tokio runtime. `input` has the bytes that were read and not yet
    /// decrypted.
    ///
    /// Returns a box, because otherwise the future of a connection would contain a copy at each level
    /// of `async`.
    pub(crate) fn new(
        io: Io,
        machine: Box<Connection>,
        input: BytesMut,
        tasks: SlotTasks,
        round_trips: RoundTrips<Io>,
        stop: CancellationToken,
        config: Config,
    ) -> Box<Self> {
        Box::new(Self {
            io,
            machine,
            input,
            read_size: MIN_READ,
            output: Output::default(),
            outbox: Arc::clone(tasks.outbox()),
            tasks,
            timer: Timer { sleep: Box::pin(sleep_until(now().into())), armed: None },
            round_trips,
            stop: Box::pin(when_woken(stop.cancelled_owned())),
            config,
        })
    }

    /// Runs the connection and its sub-protocols until it ends.
    pub(crate) async fn run(mut self: Box<Self>) -> CloseReason {
        loop {
            let now = now();
            self.take_outgoing();
            self.deliver(now);
            self.round_trips.record(&self.io, self.machine.min_round_trip());
            let sealed = self.seal();
            self.apply_memory_limits();
            if let Some(closed) = self.machine.closed() {
                let closed = closed.clone();
                self.outbox.end(closed.clone());
                // In a box, so that a running connection has no room for this future.
                Box::pin(self.close(&closed)).await;
                return closed;
            }
            poll_fn(|cx| self.poll_progress(cx)).await;
            if sealed && !self.machine.is_flushed() {
                // Slots that now have room must get to fill it before the next message is chosen. Otherwise
                // the size of their messages would decide their shares.
                yield_now().await;
            }
        }
    }

    /// Moves messages and commands from the outbox into the state machine.
    fn take_outgoing(&mut self) {
        let (messages, commands) = self.outbox.take();
        for Outgoing { slot, run, message } in messages {
            // The sender has checked the message and reserved room for it. So it can only be refused
            // because the slot or the connection has just ended.
            let size = memory_size(message.payload.len());
            if !self.tasks.is_current(slot, run) || self.machine.queue(slot, message).is_err() {
                self.machine.share().release(size);
                self.machine.meters().slots[slot.0].drops.unsent.increment();
            }
        }
        for slot in commands.removed {
            self.machine.end_slot(now(), slot, SlotEndReason::Removed);
            self.tasks.retire(slot, now() + self.config.close_limit);
        }
        if let Some(reason) = commands.disconnect {
            self.machine.close(reason);
        }
    }

    /// Moves messages from the input through the state machine to the sub-protocols.
    fn deliver(&mut self, now: Instant) {
        self.collect_freed();
        loop {
            while let Some(event) = self.machine.poll_event(now, &mut self.input) {
                match event {
                    Event::Evicted { slot } => self.tasks.evict(slot),
                    Event::Reopened { slot } => {
                        self.tasks.reopen(slot, self.machine.queued_out(slot));
                    }
                    Event::Message { slot, message } => self.deliver_message(slot, message),
                }
            }
            if !self.collect_freed() {
                return;
            }
        }
    }

    fn deliver_message(&mut self, slot: SlotId, message: Message) {
        let (code, length) = (message.code, message.payload.len());
        match self.tasks.deliver(slot, message) {
            Ok(collected) => {
                self.machine.release(slot, collected.freed);
                self.machine.set_unfinished(slot, collected.unfinished);
                self.observe(slot, Direction::In, code, length);
            }
            Err(message) => self.machine.discard(slot, &message),
        }
    }

    fn observe(&self, slot: SlotId, direction: Direction, code: u64, length: usize) {
        if !self.tasks.observe(slot, direction, code, length) {
            self.machine.meters().slots[slot.0].counters.unobserved.increment();
        }
    }

    /// Tells the state machine what the full slots have taken, and has the driver woken when they
    /// take more. Returns whether they had taken anything.
    fn collect_freed(&mut self) -> bool {
        let mut any = false;
        for slot in self.tasks.slots() {
            if self.machine.is_full(slot) {
                let Collected { freed, unfinished } = self.tasks.collect(slot);
                self.machine.release(slot, freed);
                any |= self.machine.set_unfinished(slot, unfinished) || freed.items > 0;
            }
        }
        any
    }

    /// Encrypts queued messages into the output. Returns whether there were any.
    fn seal(&mut self) -> bool {
        let mut sealed = false;
        let limit =
            self.machine.share_if_short().map_or(MAX_SEALED, |share| MAX_SEALED.min(share / 8));
        while self.output.bytes.len() < limit.max(1) && !self.output.failed {
            let Some(sent) = self.machine.poll_transmit(&mut self.output.bytes) else { break };
            sealed = true;
            if let Some(slot) = sent.slot {
                self.tasks.add_permits(slot, sent.freed);
                if let Some(length) = sent.length {
                    self.observe(slot, Direction::Out, sent.code, length);
                }
            }
        }
        sealed
    }

    /// Reads, writes and checks what can be checked without waiting. Ready if anything happened.
    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut progress = self.outbox.poll_woken(cx).is_ready();
        progress |= self.poll_write(cx);
        progress |= self.poll_read(cx);
        progress |= self.poll_exits(cx);
        progress |= self.poll_timer(cx);
        if self.stop.as_mut().poll(cx).is_ready() {
            self.machine.close(DisconnectReason::Quitting);
            progress = true;
        }
        if progress { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        match self.output.poll(&mut self.io, cx) {
            Poll::Pending => {
                if !self.output.bytes.is_empty() {
                    let limit = self.config.write_limit;
                    self.output.deadline.get_or_insert_with(|| now() + limit);
                }
                false
            }
            Poll::Ready(moved) => {
                self.output.deadline = None;
                moved
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.machine.is_reading() {
            return false;
        }
        let limit = self.machine.share_if_short().map(|share| (share / 8).max(MIN_READ));
        let size = limit.map_or(self.read_size, |limit| self.read_size.min(limit));
        let quiet = self.input.is_empty() && size == MIN_READ;
        let (read, room) = if quiet {
            (self.poll_read_small(cx), MIN_READ)
        } else {
            self.input.reserve(size);
            let room = self.input.capacity() - self.input.len();
            (pin!(self.io.read_buf(&mut self.input)).poll(cx), room)
        };
        let Poll::Ready(read) = read else {
            if quiet {
                self.input = BytesMut::new(); // an idle connection has none
            }
            return false;
        };
        match read {
            Ok(0) => self.machine.handle_lost(LostReason::Eof),
            Ok(length) if length == room => self.read_size = (self.read_size * 2).min(MAX_READ),
            Ok(_) => {}
            Err(error) => self.machine.handle_lost(LostReason::Io(error.kind())),
        }
        true
    }

    /// Reads into a buffer on the stack, so that an idle connection has no receive buffer.
    fn poll_read_small(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = [MaybeUninit::uninit(); MIN_READ];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
        self.input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_exits(&mut self, cx: &mut Context<'_>) -> bool {
        let mut exits = false;
        while let Poll::Ready((slot, end)) = self.tasks.poll_end(cx) {
            // Messages that the task sent before it ended are still to be queued.
            self.take_outgoing();
            let reason = match end {
                TaskEnd::Slot(reason) => reason,
                TaskEnd::Connection(reason) => {
                    // A removed sub-protocol can no longer end the connection.
                    if self.machine.is_open(slot) {
                        self.machine.close(reason);
                    }
                    SlotEndReason::Failed
                }
            };
            self.machine.end_slot(now(), slot, reason);
            self.tasks.close(slot);
            exits = true;
        }
        exits
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let others = self.output.deadline.into_iter().chain(self.tasks.poll_timeout());
        let due = self.machine.poll_timeout().into_iter().chain(others).min();
        let Some(due) = due else { return false };
        if !self.timer.poll(due, cx) {
            return false;
        }
        let now = now();
        if self.output.deadline.is_some_and(|deadline| deadline <= now) {
            self.machine.handle_lost(LostReason::WriteStalled);
        }
        self.machine.handle_timeout(now);
        self.tasks.handle_timeout(now);
        self.shrink_buffers();
        true
    }

    /// Charges the buffers, after shrinking them if memory is short. Wakes the senders that wait for
    /// memory if the connection no longer does.
    fn apply_memory_limits(&mut self) {
        if self.machine.share_if_short().is_some() {
            self.shrink_buffers();
        }
        let buffers = self.input.capacity() + self.output.bytes.capacity();
        self.machine.set_buffers(TASK_MEMORY + buffers);
        if !self.machine.is_waiting_for_memory() {
            self.outbox.wake_senders();
        }
    }

    /// Frees the buffers that are empty.
    fn shrink_buffers(&mut self) {
        self.read_size = MIN_READ;
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if self.output.bytes.is_empty() {
            self.output.bytes = BytesMut::new();
            self.machine.shrink();
        }
    }

    /// Sends the Disconnect message and waits for the sub-protocols to return, each for at most
    /// [`Config::close_limit`].
    async fn close(&mut self, closed: &CloseReason) {
        let deadline = now() + self.config.close_limit;
        self.tasks.close_all();
        if let CloseReason::ExceededShare { .. } = closed {
            // Other connections wait for this memory.
            let _ = timeout(self.config.close_limit, self.tasks.shutdown()).await;
            self.input = BytesMut::new();
            self.machine.set_buffers(self.output.bytes.capacity());
        }
        self.take_outgoing();
        let disconnect = async {
            match closed {
                CloseReason::Lost(_) => {}
                // The peer only waits for us to close the stream.
                CloseReason::ByPeer(_) => drop(self.io.shutdown().await),
                _ if self.output.failed => {}
                _ => hang_up(&mut self.io, &self.output.bytes).await,
            }
        };
        let peer = timeout_at(deadline.into(), disconnect);
        let slots = timeout_at(deadline.into(), self.tasks.join());
        let _ = tokio::join!(peer, slots);
        // Tasks are cancelled at once, except those that block their thread: they are left behind.
        let _ = timeout(self.config.close_limit, self.tasks.shutdown()).await;
    }
}

impl Timer {
    /// Whether the timer has fired. Then `due` may have come.
    fn poll(&mut self, due: Instant, cx: &mut Context<'_>) -> bool {
        // Every frame that arrives moves deadlines later. Then the timer is not reset and fires too
        // early, which is cheaper than a reset for each frame.
        if self.armed.is_none_or(|armed| due < armed) {
            self.sleep.as_mut().reset(due.into());
            self.armed = Some(due);
        }
        let woken = self.sleep.as_mut().poll(cx).is_ready();
        if woken {
            self.armed = None;
        }
        woken
    }
}

/// The time of the runtime's clock, which a test can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
