//! The task of one connection: moves bytes and messages in and out of the machine.
//!
//! It is written as one poll function instead of a `select!`: each pass moves what can be moved in
//! both directions, so that neither reading nor writing waits for the other or has to win a draw.

mod hang_up;
mod outbox;
mod ports;

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    task::yield_now,
    time::{Sleep, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::{
    CloseReason, Config, Connection, Direction, DisconnectReason, Event, LostReason, Message,
    SlotEndReason, SlotId, slot::memory_size,
};

pub(crate) use hang_up::hang_up;
pub(crate) use outbox::{Freed, Outbox, Outgoing};
use ports::Exited;
pub(crate) use ports::Ports;

/// Nothing more is sealed while so much waits to be written: the fair order of the slots is decided
/// when a message is sealed, so this is also how long a message can be held up after that.
const HIGH_WATER: usize = 64 * 1024;

/// What a connection has beside its machine and its buffers, if it is busy: the buffer in which it
/// inflates, and what its sub-protocols' tasks have in hand.
const BESIDE: usize = 48 * 1024;

/// How much is read at once: little on a quiet connection, so that a thousand of them are cheap.
const READ_MIN: usize = 2 * 1024;
const READ_MAX: usize = 128 * 1024;

/// One connection and everything that it touches.
pub(crate) struct Driver<Io> {
    io: Io,
    machine: Box<Connection>,
    input: BytesMut,
    read_size: usize,
    output: Output,
    ports: Ports,
    outbox: Arc<Outbox>,
    outgoing: Vec<Outgoing>,
    timer: Timer,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    config: Config,
}

/// Sealed bytes on their way out.
#[derive(Default)]
struct Output {
    bytes: BytesMut,
    flushing: bool,
    /// When to give up, unless some bytes move.
    deadline: Option<Instant>,
    /// Writing has failed; reading may still tell why the peer closed the connection.
    failed: bool,
}

/// One timer for all deadlines. It may ring too early, never too late.
struct Timer {
    sleep: Pin<Box<Sleep>>,
    armed: Option<Instant>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Driver<Io> {
    /// Must be called within a tokio runtime. `input` is what was read and not yet opened.
    ///
    /// In a box, as the future of a connection would else have a copy at each level of `async`.
    pub(crate) fn new(
        io: Io,
        machine: Box<Connection>,
        input: BytesMut,
        (ports, outbox): (Ports, Arc<Outbox>),
        stop: CancellationToken,
        config: Config,
    ) -> Box<Self> {
        Box::new(Self {
            io,
            machine,
            input,
            read_size: READ_MIN,
            output: Output::default(),
            ports,
            outbox,
            outgoing: Vec::new(),
            timer: Timer { sleep: Box::pin(sleep_until(now().into())), armed: None },
            stop: Box::pin(stop.cancelled_owned()),
            config,
        })
    }

    /// Runs the connection to its end, and its sub-protocols with it.
    pub(crate) async fn run(mut self: Box<Self>) -> CloseReason {
        loop {
            let now = now();
            self.take_outgoing();
            self.deliver(now);
            let sealed = self.seal();
            self.keep_to_memory();
            if let Some(closed) = self.machine.closed() {
                let closed = closed.clone();
                self.outbox.end(closed.clone());
                // It takes room only once it is needed.
                Box::pin(self.part(&closed)).await;
                return closed;
            }
            poll_fn(|cx| self.poll_progress(cx)).await;
            if sealed {
                // Who was granted room must get to fill it, or the shares of the slots would be
                // decided by who sends the larger messages.
                yield_now().await;
            }
        }
    }

    /// From the senders into the machine.
    fn take_outgoing(&mut self) {
        let wishes = self.outbox.take(&mut self.outgoing);
        for Outgoing { slot, run, message } in self.outgoing.drain(..) {
            // It was checked, and took its place in the budget, before it came here: it can only be
            // refused because the slot or the connection has just ended.
            let size = memory_size(message.payload.len());
            if !self.ports.is_current(slot, run) || self.machine.queue(slot, message).is_err() {
                self.machine.share().release(size);
                self.machine.meters().slots[slot.0].drops.unsent.increment();
            }
        }
        for slot in wishes.removed {
            self.machine.end_slot(now(), slot, SlotEndReason::Removed);
            self.ports.retire(slot, now() + self.config.close_limit);
        }
        if let Some(reason) = wishes.disconnect {
            self.machine.close(reason);
        }
    }

    /// From the input through the machine to the slots.
    fn deliver(&mut self, now: Instant) {
        self.relieve();
        loop {
            while let Some(event) = self.machine.poll_event(now, &mut self.input) {
                match event {
                    Event::Evicted { slot } => self.ports.evict(slot),
                    Event::Reopened { slot } => {
                        self.ports.reopen(slot, self.machine.queued_out(slot));
                    }
                    Event::Message { slot, message } => self.hand_over(slot, message),
                }
            }
            if !self.relieve() {
                return;
            }
        }
    }

    fn hand_over(&mut self, slot: SlotId, message: Message) {
        let (code, length) = (message.code, message.payload.len());
        match self.ports.deliver(slot, message) {
            Ok(freed) => {
                self.machine.release(slot, freed);
                self.observe(slot, Direction::In, code, length);
            }
            Err(message) => self.machine.discard(slot, &message),
        }
    }

    fn observe(&self, slot: SlotId, direction: Direction, code: u64, length: usize) {
        if !self.ports.observe(slot, direction, code, length) {
            self.machine.meters().slots[slot.0].counters.unobserved.increment();
        }
    }

    /// Tells the machine what the full slots have taken, and asks them to ring the bell when they
    /// take more. Whether it was anything.
    fn relieve(&mut self) -> bool {
        let mut relieved = false;
        for slot in self.ports.slots() {
            if self.machine.is_full(slot) {
                let freed = self.ports.collect(slot);
                self.machine.release(slot, freed);
                relieved |= freed.items > 0;
            }
        }
        relieved
    }

    /// From the machine into the output. Whether there was anything.
    fn seal(&mut self) -> bool {
        let mut sealed = false;
        let high_water =
            self.machine.share_if_short().map_or(HIGH_WATER, |share| HIGH_WATER.min(share / 8));
        while self.output.bytes.len() < high_water.max(1) && !self.output.failed {
            let Some(sent) = self.machine.poll_transmit(&mut self.output.bytes) else { break };
            sealed = true;
            if let Some(slot) = sent.slot {
                self.ports.grant(slot, sent.freed);
                if let Some(length) = sent.length {
                    self.observe(slot, Direction::Out, sent.code, length);
                }
            }
        }
        sealed
    }

    /// Moves what can be moved. Ready if anything happened.
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
        let scarce = self.machine.share_if_short().map(|share| (share / 8).max(READ_MIN));
        let most = scarce.map_or(self.read_size, |most| self.read_size.min(most));
        let quiet = self.input.is_empty() && most == READ_MIN;
        let (read, room) = if quiet {
            (self.poll_read_little(cx), READ_MIN)
        } else {
            self.input.reserve(most);
            let room = self.input.capacity() - self.input.len();
            (pin!(self.io.read_buf(&mut self.input)).poll(cx), room)
        };
        let Poll::Ready(read) = read else { return false };
        match read {
            Ok(0) => self.machine.handle_lost(LostReason::Eof),
            Ok(length) if length == room => self.read_size = (self.read_size * 2).min(READ_MAX),
            Ok(_) => {}
            Err(error) => self.machine.handle_lost(LostReason::Io(error.kind())),
        }
        true
    }

    /// Reads through the stack, so that a connection on which nothing comes keeps no buffer for it.
    fn poll_read_little(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut little = [MaybeUninit::uninit(); READ_MIN];
        let mut little = ReadBuf::uninit(&mut little);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut little))?;
        self.input.extend_from_slice(little.filled());
        Poll::Ready(Ok(little.filled().len()))
    }

    fn poll_exits(&mut self, cx: &mut Context<'_>) -> bool {
        let mut exits = false;
        while let Poll::Ready((slot, exited)) = self.ports.poll_exit(cx) {
            // Its last words were left before it ended.
            self.take_outgoing();
            let ending = match exited {
                Exited::Ended(ending) => ending,
                Exited::Disconnect(reason) => {
                    // One that was removed has no say any more.
                    if self.machine.is_open(slot) {
                        self.machine.close(reason);
                    }
                    SlotEndReason::Failed
                }
            };
            self.machine.end_slot(now(), slot, ending);
            self.ports.close(slot);
            exits = true;
        }
        exits
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let others = self.output.deadline.into_iter().chain(self.ports.poll_timeout());
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
        self.ports.handle_timeout(now);
        self.relax();
        true
    }

    /// Tells what the buffers hold; small ones will do while memory is short. Then lets those who
    /// wait for memory look again.
    fn keep_to_memory(&mut self) {
        if self.machine.share_if_short().is_some() {
            self.relax();
        }
        let buffers = self.input.capacity() + self.output.bytes.capacity();
        self.machine.set_buffers(BESIDE + buffers);
        if !self.machine.is_waiting_for_memory() {
            self.outbox.wake_senders();
        }
    }

    /// Gives back the buffers of a connection that has become quiet.
    fn relax(&mut self) {
        self.read_size = READ_MIN;
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if self.output.bytes.is_empty() {
            self.output.bytes = BytesMut::new();
            self.outgoing = Vec::new();
        }
    }

    /// Tells the peer and the sub-protocols that it is over, within [`Config::close_limit`].
    async fn part(&mut self, closed: &CloseReason) {
        let deadline = now() + self.config.close_limit;
        self.ports.close_all();
        if let CloseReason::ExceededShare { .. } = closed {
            // Others wait for what is in the queues, now.
            let _ = timeout(self.config.close_limit, self.ports.shutdown()).await;
            self.input = BytesMut::new();
            self.machine.set_buffers(self.output.bytes.capacity());
        }
        self.take_outgoing();
        let words = async {
            match closed {
                // It is gone already.
                CloseReason::Lost(_) => {}
                // It is about to go, and waits for nothing but our hanging up.
                CloseReason::ByPeer(_) => drop(self.io.shutdown().await),
                _ if self.output.failed => {}
                _ => hang_up(&mut self.io, &self.output.bytes).await,
            }
        };
        // Each has the whole time, and the peer does not wait for the sub-protocols.
        let peer = timeout_at(deadline.into(), words);
        let slots = timeout_at(deadline.into(), self.ports.join());
        let _ = tokio::join!(peer, slots);
        // Cancelling is at once, unless a task blocks its thread: that one is left behind.
        let _ = timeout(self.config.close_limit, self.ports.shutdown()).await;
    }
}

impl Output {
    /// Writes what there is. Ready if nothing is left to do; then, whether anything was done.
    fn poll(&mut self, io: &mut (impl AsyncWrite + Unpin), cx: &mut Context<'_>) -> Poll<bool> {
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

impl Timer {
    /// Whether `due` may have come.
    fn poll(&mut self, due: Instant, cx: &mut Context<'_>) -> bool {
        // Deadlines mostly move away, with every frame that arrives; then the timer is left to ring
        // early, which is cheaper than winding it up each time.
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

/// The clock of the runtime, which a test can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
