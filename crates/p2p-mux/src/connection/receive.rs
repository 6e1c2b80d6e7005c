//! The receiving half of a connection: from bytes to messages for the slots.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rlpx_transport::{FrameError, Message as Frame};

use super::Connection;
use crate::{
    ChunkError, CloseReason, DisconnectReason, Message, OnOverload, ProtocolBreach, QueueLoad,
    SlotEndReason, SlotId,
    base::{self, Base},
    budget::weight,
    slot::Slot,
};

/// Payloads below this size are copied out of the buffer in which they arrived. Otherwise one of
/// 17 KiB that nobody takes could keep alive a buffer of eight times its size, and memory would be
/// counted that is much less than what is held. Next to the MAC over the same bytes the copy costs
/// little.
const COPY_LIMIT: usize = 64 * 1024;

/// What the peer's bytes, or the passing of time, mean for the slots.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message for a slot. It weighs on the slot's budget until
    /// [`Connection::release`] is told that it was taken.
    Message {
        /// The slot.
        slot: SlotId,
        /// The message, with the slot's own code.
        message: Message,
    },
    /// A slot was closed because it did not take its messages ([`OnOverload::CloseSlot`]).
    Evicted {
        /// The slot.
        slot: SlotId,
    },
    /// A slot that had ended is open again ([`OnExit::Restart`](crate::OnExit::Restart)), its
    /// inbound budget unused: start its sub-protocol anew.
    Reopened {
        /// The slot.
        slot: SlotId,
    },
}

/// What did not fit into its slot's budget: nothing is read while it waits.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) slot: SlotId,
    pub(super) arrival: Arrival,
    pub(super) since: Instant,
    pub(super) until: Instant,
}

/// What arrives for a slot.
#[derive(Debug)]
pub(super) enum Arrival {
    Message(Message),
    /// The next bytes of the unfinished message of the slot.
    Data(Bytes),
}

impl Held {
    /// What it weighs in memory.
    pub(super) fn weight(&self) -> usize {
        match &self.arrival {
            Arrival::Message(message) => weight(message.payload.len()),
            Arrival::Data(data) => weight(data.len()),
        }
    }
}

impl Connection {
    /// What the bytes in `input` mean, one event at a time; whole frames are taken off its front.
    ///
    /// `None` if `input` has no whole frame, a message is [held](Self::held), or the connection has
    /// [closed](Self::closed).
    pub fn poll_event(&mut self, now: Instant, input: &mut BytesMut) -> Option<Event> {
        self.keep_to_memory(now);
        if let Some(slot) = self.evicted.take() {
            return Some(Event::Evicted { slot });
        }
        if self.next_reopening.is_some_and(|due| due <= now)
            && let Some(slot) = self.reopen(now)
        {
            return Some(Event::Reopened { slot });
        }
        if let Some(held) = self.held.take() {
            match self.retry(now, held) {
                Some(event) => return Some(event),
                None if self.held.is_some() => return None,
                None => {}
            }
        }
        while self.closed.is_none() && self.held.is_none() && self.may_unpack() {
            match self.session.opener.open(input) {
                Ok(Some(frame)) => {
                    if let Some(event) = self.handle_frame(now, frame) {
                        return Some(event);
                    }
                }
                Ok(None) => break,
                Err(error) => self.handle_bad_frame(error),
            }
        }
        None
    }

    /// The slot whose budget is full, so that a message for it is held and nothing is read.
    #[must_use]
    pub fn held(&self) -> Option<SlotId> {
        self.held.as_ref().map(|held| held.slot)
    }

    /// Whether messages for the slot are held or dropped because its budget is full, or wait
    /// because memory is short: then [`release`](Self::release) is urgent.
    #[must_use]
    pub fn is_full(&self, slot: SlotId) -> bool {
        let Some(state) = self.slots.get(slot.0) else { return false };
        let awaited = self.is_waiting_for_memory() && state.inbound.used().items > 0;
        self.held() == Some(slot) || state.overloaded || awaited
    }

    /// Whether the slot is open: it has neither ended nor does it rest.
    #[must_use]
    pub fn is_open(&self, slot: SlotId) -> bool {
        self.slots.get(slot.0).is_some_and(Slot::is_open)
    }

    /// Whether bytes from the peer are of use now.
    #[must_use]
    pub const fn is_reading(&self) -> bool {
        !self.is_deaf() && self.closed.is_none()
    }

    /// Whether nothing is read, so that the peer cannot be blamed for its silence.
    pub(super) const fn is_deaf(&self) -> bool {
        self.held.is_some() || self.is_waiting_for_memory()
    }

    /// The owner of the slot took messages out: their room is free again.
    pub fn release(&mut self, slot: SlotId, freed: QueueLoad) {
        let Some(state) = self.slots.get_mut(slot.0).filter(|state| state.is_open()) else {
            return;
        };
        state.inbound.release(freed);
        if state.inbound.is_relaxed() {
            state.overloaded = false;
        }
        self.count_inbound(slot);
    }

    /// Nobody listens at the slot any more: the message of that event was dropped.
    pub fn discard(&mut self, slot: SlotId, message: &Message) {
        let Some(state) = self.slots.get(slot.0) else { return };
        let freed = state.inbound.load_of(message.payload.len());
        self.meters.slots[slot.0].drops.closed.increment();
        self.release(slot, freed);
    }

    /// Opens the first slot that is due.
    fn reopen(&mut self, now: Instant) -> Option<SlotId> {
        let due = |slot: &Slot| slot.reopens.is_some_and(|due| due <= now);
        let index = self.slots.iter().position(due)?;
        self.slots[index].reopen(now);
        self.next_reopening = self.slots.iter().filter_map(|slot| slot.reopens).min();
        self.meters.slots[index].restarts.increment();
        Some(SlotId(index))
    }

    fn handle_frame(&mut self, now: Instant, frame: Frame) -> Option<Event> {
        self.liveness.heard(now);
        if frame.code < base::LENGTH {
            self.handle_base(now, Base::decode(frame.code, &frame.payload));
            return None;
        }
        if let Some(code) = self.schedule.chunks().and_then(|chunks| chunks.code(frame.code)) {
            return self.handle_chunk(now, code, &frame.payload);
        }
        let Some((slot, code)) = self.owner(frame.code) else {
            self.handle_breach(ProtocolBreach::UnknownCode { code: frame.code });
            return None;
        };
        if self.slots[slot.0].assembly.is_some() {
            self.handle_breach(ChunkError::Unfinished { id: frame.code }.into());
            return None;
        }
        self.meters.slots[slot.0].received(code, frame.payload.len());
        let message = Message { code, payload: detached(frame.payload) };
        self.deliver(now, slot, message)
    }

    /// The slot to which the message `id` belongs, and its code there.
    pub(super) fn owner(&self, id: u64) -> Option<(SlotId, u64)> {
        let index = self.slots.iter().position(|slot| slot.owns(id))?;
        Some((SlotId(index), id - self.slots[index].offset))
    }

    fn deliver(&mut self, now: Instant, slot: SlotId, message: Message) -> Option<Event> {
        let state = &mut self.slots[slot.0];
        let drops = &self.meters.slots[slot.0].drops;
        if !state.is_open() {
            drops.closed.increment();
        } else if state.overloaded {
            drops.overload.increment();
        } else if state.inbound.admit(message.payload.len()) {
            self.count_inbound(slot);
            return Some(Event::Message { slot, message });
        } else {
            self.hold(now, slot, Arrival::Message(message));
        }
        None
    }

    pub(super) fn hold(&mut self, now: Instant, slot: SlotId, arrival: Arrival) {
        self.meters.stalls.increment();
        let limit = self.config.stall_limit;
        let patience = match self.is_alone(slot) {
            true => limit,
            false => self.slots[slot.0].patience.left(now, limit),
        };
        let held = Held { slot, arrival, since: now, until: now + patience };
        self.holding.charge(held.weight());
        self.held = Some(held);
    }

    /// Whether no other slot is open, so that this one can hold up nobody.
    fn is_alone(&self, slot: SlotId) -> bool {
        self.slots.iter().enumerate().all(|(index, other)| index == slot.0 || !other.is_open())
    }

    /// What was held is not any more: that was a stall.
    fn end_stall(&mut self, now: Instant, held: &Held) {
        self.liveness.heard(now);
        if !self.is_alone(held.slot) {
            let stalled = now.saturating_duration_since(held.since);
            self.slots[held.slot.0].patience.spend(now, stalled, self.config.stall_limit);
        }
    }

    fn retry(&mut self, now: Instant, held: Held) -> Option<Event> {
        let slot = held.slot;
        let state = &mut self.slots[slot.0];
        let fits = match &held.arrival {
            Arrival::Message(message) => state.inbound.admit(message.payload.len()),
            Arrival::Data(data) => state.add(data),
        };
        if !fits {
            self.held = Some(held);
            return None;
        }
        self.holding.release(held.weight());
        self.end_stall(now, &held);
        self.count_inbound(slot);
        match held.arrival {
            Arrival::Message(message) => Some(Event::Message { slot, message }),
            Arrival::Data(_) => self.complete(slot),
        }
    }

    pub(super) fn handle_overload(&mut self, now: Instant, held: &Held) {
        self.end_stall(now, held);
        self.meters.slots[held.slot.0].drops.overload.increment();
        if let Arrival::Data(data) = &held.arrival {
            self.slots[held.slot.0].discard_unfinished();
            self.count_inbound(held.slot);
            self.pass_over(held.slot, data);
        }
        let state = &mut self.slots[held.slot.0];
        match state.settings.on_overload {
            OnOverload::DropNewest => state.overloaded = true,
            OnOverload::Disconnect => self.close(DisconnectReason::Subprotocol),
            OnOverload::CloseSlot => {
                self.evicted = Some(held.slot);
                self.end_slot(now, held.slot, SlotEndReason::Overloaded);
            }
        }
    }

    fn handle_base(&mut self, now: Instant, message: Base) {
        match message {
            Base::Disconnect(reason) => self.finish(CloseReason::ByPeer(reason), None),
            Base::Ping => {
                self.meters.pings_in.increment();
                if !self.liveness.handle_ping(now) {
                    self.handle_breach(ProtocolBreach::PingFlood);
                } else if !self.push_base(base::PONG, base::EMPTY_LIST) {
                    self.meters.pongs_dropped.increment();
                }
            }
            Base::Pong => {
                self.meters.pongs_in.increment();
                if let Some(round_trip) = self.liveness.handle_pong(now) {
                    self.meters.set_round_trip(round_trip);
                }
            }
            Base::Other => self.meters.base_ignored.increment(),
        }
    }

    fn handle_bad_frame(&mut self, error: FrameError) {
        match error {
            // A Disconnect that crossed our Hello: the peer did not compress yet.
            FrameError::Snappy { message, .. } if message.code == base::DISCONNECT => {
                let reason = DisconnectReason::decode(&message.payload);
                self.finish(CloseReason::ByPeer(reason), None);
            }
            error => self.handle_breach(error.into()),
        }
    }

    pub(super) fn handle_breach(&mut self, fault: ProtocolBreach) {
        let reason = fault.reason();
        self.finish(CloseReason::Breach(fault), Some(reason));
    }

    /// Tells the memory and the counters what has arrived for the slot and was not taken, or not
    /// all of it has arrived. To be called after each change of that.
    pub(super) fn count_inbound(&mut self, slot: SlotId) {
        let state = &mut self.slots[slot.0];
        let weight = state.weight();
        self.holding.adjust(state.counted, weight);
        state.counted = weight;
        self.meters.slots[slot.0].queued_in.set(state.inbound.used().bytes as u64);
    }
}

/// `payload`, in a buffer of its own if it is small.
fn detached(payload: Bytes) -> Bytes {
    if payload.len() < COPY_LIMIT { Bytes::copy_from_slice(&payload) } else { payload }
}
