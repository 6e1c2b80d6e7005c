//! One connection after the exchange of Hello, as a state machine without I/O.

mod cutting;
mod liveness;
mod memory_use;
mod pieces;
mod receive;
mod schedule;
mod slots;

#[cfg(feature = "tokio")]
use std::{sync::Arc, time::Duration};
use std::{task::Waker, time::Instant};

use bytes::{Bytes, BytesMut};
use rlpx_transport::{FrameError, Link, Session};

#[cfg(feature = "tokio")]
use crate::stats::Meters;
use crate::{
    Chunks, CloseReason, Config, ConnectionStats, DisconnectReason, LostReason, MemoryBudget,
    Message, OnExit, SendError, SharedCapability, SlotEndReason, SlotId, SlotSettings, base,
    slot::memory_size,
};
use cutting::Cutting;
use liveness::{Due, Liveness};
use memory_use::MemoryUse;
use receive::{Arrival, Held};
use schedule::{Next, Schedule};
use slots::Slots;

pub use receive::Event;

/// One connection with its slots after the exchange of Hello, without socket, clock or task.
///
/// Pass the bytes of the peer to [`poll_event`](Self::poll_event), which returns what they mean for
/// the slots. Pass the messages of the slots to [`send`](Self::send);
/// [`poll_transmit`](Self::poll_transmit) returns them encrypted and in fair order. Time is a
/// parameter: [`poll_timeout`](Self::poll_timeout) says when to call
/// [`handle_timeout`](Self::handle_timeout). When [`closed`](Self::closed) returns a reason, the
/// connection takes no more input, and the only output left is the Disconnect message.
///
/// # What a hostile peer can do
///
/// It can fill the inbound budget of each slot and one held message more. The rest stays on its side
/// of the network. Pings beyond a limit, messages with an unknown id and malformed frames end the
/// connection. The peer cannot make the outbound queues grow, except for a few pongs.
#[derive(Debug)]
pub struct Connection {
    session: Session,
    config: Config,
    slots: Slots,
    schedule: Schedule,
    liveness: Liveness,
    held: Option<Held>,
    /// A slot that its [`OnOverload`](crate::OnOverload) rule has closed. The owner has not been
    /// told yet.
    evicted: Option<SlotId>,
    /// The earliest time at which a slot reopens.
    next_reopening: Option<Instant>,
    closed: Option<CloseReason>,
}

/// A message or a piece that [`Connection::poll_transmit`] has encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transmit {
    /// The slot that sent the message; `None` for a message of the base protocol.
    pub slot: Option<SlotId>,
    /// Bytes that become free in the slot's outbound queue. 0 for a piece that is not the last.
    pub freed: usize,
    /// Message code within the sub-protocol or the base protocol.
    pub code: u64,
    /// Payload length in bytes, once the whole message is encrypted. `None` for a piece that is not
    /// the last, and for a message that was dropped because even its compressed form did not fit
    /// into a frame.
    pub length: Option<usize>,
}

impl Connection {
    /// Creates a connection on which Hello has been exchanged.
    ///
    /// Enable Snappy in `session` first if both ends support it. `slots` is the result of
    /// [`negotiate`](crate::negotiate), each entry with its settings.
    #[must_use]
    pub fn new(
        mut session: Session,
        slots: &[(SharedCapability, SlotSettings)],
        config: &Config,
        now: Instant,
    ) -> Self {
        session.opener.set_limit(config.max_message);
        let mut schedule = Schedule::new(
            slots.iter().map(|(_, settings)| (settings.weight, settings.outbound_capacity())),
        );
        if session.link().is_sec() {
            schedule.set_cutting(Cutting::Records);
        }
        Self {
            session,
            config: *config,
            slots: Slots::new(slots, now),
            schedule,
            liveness: Liveness::new(config, now),
            held: None,
            evicted: None,
            next_reopening: None,
            closed: None,
        }
    }

    /// Makes the connection share `memory` with others. Call it before anything else.
    ///
    /// `waker` is woken, from the thread of another connection, when the rule of [`MemoryBudget`]
    /// starts or stops to apply to this connection: then ask for events. With [`Waker::noop`] ask
    /// for events from time to time.
    #[must_use]
    pub fn with_memory(mut self, memory: &MemoryBudget, waker: Waker) -> Self {
        self.slots.memory = MemoryUse::new(memory, waker);
        self
    }

    /// Sends large messages in pieces and accepts pieces, if both ends have `chunk/1`. Call it
    /// before anything else. Not for `sec/1`, whose records have pieces already.
    #[must_use]
    pub fn with_chunks(mut self, chunks: Option<Chunks>) -> Self {
        if let Some(chunks) = chunks.filter(|_| !self.link().is_sec()) {
            self.schedule.set_cutting(Cutting::Chunks(chunks));
        }
        self
    }

    /// How the connection is encrypted.
    #[must_use]
    pub const fn link(&self) -> Link {
        self.session.link()
    }

    /// Says whether the peer opened the connection. If it did, the peer sends the first ping.
    ///
    /// If both ends call this, only one of them pings at any moment; otherwise both do. Call it
    /// before anything else.
    #[must_use]
    pub fn with_origin(mut self, inbound: bool) -> Self {
        if inbound {
            self.liveness.leave_first_ping();
        }
        self
    }

    /// Queues a message of a slot.
    ///
    /// # Errors
    ///
    /// [`SendError`]: nothing was queued.
    pub fn send(&mut self, slot: SlotId, message: Message) -> Result<(), SendError> {
        if self.slots.memory.exceeds_share() {
            return Err(SendError::Full);
        }
        let size = memory_size(message.payload.len());
        self.queue(slot, message)?;
        self.slots.memory.charge(size);
        Ok(())
    }

    /// Same as [`send`](Self::send), for a message that is already charged to the memory budget.
    pub(crate) fn queue(&mut self, slot: SlotId, message: Message) -> Result<(), SendError> {
        let Some(state) = self.slots.get(slot).filter(|state| state.is_open()) else {
            return Err(SendError::Closed);
        };
        if self.closed.is_some() {
            return Err(SendError::Closed);
        }
        message.check(state.length)?;
        if !self.schedule.push(slot, message) {
            return Err(SendError::Full);
        }
        self.meter_outbound(slot);
        Ok(())
    }

    /// Ends a slot, because its sub-protocol has ended or was removed.
    ///
    /// Messages that it has queued are still sent. Messages that arrive for it are dropped. If this
    /// was the last slot, or if the slot's settings say so, the connection ends. If the settings ask
    /// for a restart, the slot reopens later ([`Event::Reopened`]).
    pub fn end_slot(&mut self, now: Instant, slot: SlotId, reason: SlotEndReason) {
        let Some(state) = self.slots.get_mut(slot) else { return };
        if !state.is_open() {
            // A slot that waits for its restart can still be removed.
            if reason == SlotEndReason::Removed && state.reopens.take().is_some() {
                self.slots.meter(slot).ended(reason);
                self.next_reopening = self.slots.next_reopening();
                self.close_if_useless();
            }
            return;
        }
        let unfinished = state.discard_unfinished();
        state.end(now, reason);
        self.next_reopening = self.next_reopening.into_iter().chain(state.reopens).min();
        let on_exit = state.settings.on_exit;
        let meter = self.slots.meter(slot);
        meter.ended(reason);
        meter.drops.closed.add(usize::from(unfinished));
        self.slots.count_inbound(slot);
        if let OnExit::Disconnect(disconnect) = on_exit
            && reason != SlotEndReason::Removed
        {
            self.close(disconnect);
        }
        if let Some(held) = self.held.take_if(|held| held.slot == slot) {
            self.slots.memory.release(held.memory_size());
            self.liveness.restart_silence(now);
            match held.arrival {
                Arrival::Message(_) => self.slots.meter(slot).drops.closed.increment(),
                Arrival::Data(data) => self.slots.skip_data(slot, &data),
            }
        }
        self.close_if_useless();
    }

    /// Ends the connection; the peer is told `reason`. Does nothing if it has already ended.
    pub fn close(&mut self, reason: DisconnectReason) {
        self.finish(CloseReason::ByUs(reason), Some(reason));
    }

    /// Ends the connection because the network failed.
    pub fn handle_lost(&mut self, lost: LostReason) {
        self.finish(CloseReason::Lost(lost), None);
    }

    /// How the connection ended; `None` while it runs.
    #[must_use]
    pub const fn closed(&self) -> Option<&CloseReason> {
        self.closed.as_ref()
    }

    /// Encrypts the next message or piece, and appends it to `out`. `None` if there is nothing to send.
    ///
    /// With `sec/1` small messages wait for others, to share a record with them: only the call that returns `None`
    /// appends the last one.
    pub fn poll_transmit(&mut self, out: &mut BytesMut) -> Option<Transmit> {
        let before = self.schedule.memory_size();
        let Some(next) = self.schedule.next() else {
            self.session.sealer.finish(out);
            self.slots.meters.counters.records_out.set(self.session.sealer.records());
            return None;
        };
        self.slots.memory.release(before - self.schedule.memory_size());
        let Next { slot, freed, code, length, .. } = next;
        let Some(id) = slot else {
            // A base message has at most two bytes: it fits.
            let sealed = self.session.sealer.put(code, &next.data, out);
            debug_assert!(sealed.is_ok(), "{sealed:?}");
            return Some(Transmit { slot, freed, code, length: Some(length) });
        };
        let sealed = self.seal(id, &next, out);
        let meter = self.slots.meter(id);
        let length = match sealed {
            Err(_) => {
                meter.drops.too_large.increment();
                None
            }
            Ok(()) if !next.is_last() => None,
            Ok(()) => {
                meter.sent(code, length);
                Some(length)
            }
        };
        self.meter_outbound(id);
        self.close_if_useless();
        Some(Transmit { slot, freed, code, length })
    }

    /// Encrypts a message of a slot, or a piece of one.
    fn seal(&mut self, slot: SlotId, next: &Next, out: &mut BytesMut) -> Result<(), FrameError> {
        let id = self.slots[slot].offset + next.code;
        if next.is_piece() {
            self.slots.meter(slot).counters.pieces_out.increment();
        }
        match self.schedule.cutting() {
            Cutting::Records => self.session.sealer.put_piece(id, next.part(), &next.data, out),
            Cutting::Chunks(chunks) if next.is_piece() => {
                let (id, payload) = chunks.encode(id, &next.data, next.start, next.length);
                self.session.sealer.put(id, &payload, out)
            }
            Cutting::Chunks(_) | Cutting::Never => self.session.sealer.put(id, &next.data, out),
        }
    }

    /// Whether nothing is left to encrypt.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.schedule.is_empty() && !self.session.sealer.has_unfinished()
    }

    /// Frees memory that is kept for the next record, if nothing waits to be sent.
    pub fn shrink(&mut self) {
        self.session.sealer.shrink();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` once the connection has ended.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed.is_some() {
            return None;
        }
        let liveness = self.liveness.poll_timeout(self.is_deaf());
        let held = self.held.as_ref().map(|held| held.deadline);
        let memory = self.slots.memory.poll_timeout();
        held.into_iter().chain(self.next_reopening).chain(memory).chain([liveness]).min()
    }

    /// Does what is due at `now`. Calling it too early or too late does no harm. Ask for events
    /// afterwards: the reopening of a slot is an event.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.apply_memory_rule(now);
        if self.closed.is_some() {
            return;
        }
        if let Some(held) = self.held.take_if(|held| held.deadline <= now) {
            self.slots.memory.release(held.memory_size());
            self.handle_overload(now, &held);
        }
        match self.liveness.handle_timeout(now, self.is_deaf()) {
            Due::Nothing => {}
            Due::Silence => self.close(DisconnectReason::PingTimeout),
            Due::Ping => {
                if self.push_base(base::PING, base::EMPTY_LIST) {
                    self.slots.meters.counters.pings_out.increment();
                }
            }
        }
    }

    /// Bytes in the outbound queue of a slot, counted as in [`SlotSettings::outbound`]. After a
    /// restart this includes what the earlier run has queued.
    #[must_use]
    pub fn queued_out(&self, slot: SlotId) -> usize {
        if self.slots.get(slot).is_some() { self.schedule.queued(slot) } else { 0 }
    }

    /// A copy of the counters.
    #[must_use]
    pub fn stats(&self) -> ConnectionStats {
        self.slots.meters.snapshot()
    }

    /// The live counters.
    #[cfg(feature = "tokio")]
    pub(crate) const fn meters(&self) -> &Arc<Meters> {
        &self.slots.meters
    }

    /// The shortest round trip of a ping so far.
    #[cfg(feature = "tokio")]
    pub(crate) const fn min_round_trip(&self) -> Option<Duration> {
        self.liveness.min_round_trip()
    }

    /// Ends the connection; every end goes through here. Queued messages are dropped, and the
    /// Disconnect message, if any, is queued.
    fn finish(&mut self, closed: CloseReason, disconnect: Option<DisconnectReason>) {
        if self.closed.is_some() {
            return;
        }
        self.closed = Some(closed);
        self.slots.memory.release(self.held.take().map_or(0, |held| held.memory_size()));
        self.slots.memory.release(self.schedule.memory_size());
        self.next_reopening = None;
        for (slot, unsent) in self.schedule.clear() {
            self.slots.meter(slot).drops.unsent.add(unsent);
            self.slots.meter(slot).counters.queued_out.set(0);
        }
        self.slots.discard_unfinished();
        if let Some(reason) = disconnect {
            self.schedule.push_disconnect(base_message(base::DISCONNECT, reason.encode()));
        }
    }

    /// Ends the connection when no slot is open or will reopen, and all their messages are sent.
    fn close_if_useless(&mut self) {
        if self.schedule.is_drained()
            && let Some(reason) = self.slots.useless()
        {
            self.close(reason);
        }
    }

    fn push_base(&mut self, code: u64, payload: Bytes) -> bool {
        self.schedule.push_base(base_message(code, payload))
    }

    fn meter_outbound(&self, slot: SlotId) {
        self.slots.meter(slot).counters.queued_out.set(self.schedule.queued(slot) as u64);
    }
}

const fn base_message(code: u64, payload: Bytes) -> Message {
    Message { code, payload }
}
