//! The receiving half of a connection: from bytes to messages for the slots.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rlpx_transport::{FrameError, Message as Frame, Part, Piece as RecordPiece};

use super::{Connection, pieces::Handled};
use crate::{
    ChunkError, CloseReason, DisconnectReason, Message, OnOverload, ProtocolBreach, QueueLoad,
    SlotEndReason, SlotId,
    base::{self, Base},
    chunk::Piece,
    slot::{Slot, memory_size},
};

/// Payloads below this size are copied out of the receive buffer.
///
/// A payload that is not copied keeps the whole buffer alive. For one of 17 KiB that can be eight
/// times its size, so the memory budget would count far too little. The copy costs little compared
/// with the MAC over the same bytes.
const COPY_LIMIT: usize = 64 * 1024;

/// What happens to a slot because bytes have arrived or time has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message for a slot. It counts in the slot's inbound budget until you call
    /// [`Connection::release`] for it.
    Message {
        /// The slot.
        slot: SlotId,
        /// The message, with its code within the sub-protocol.
        message: Message,
    },
    /// A slot was closed because it did not take its messages ([`OnOverload::CloseSlot`]).
    Evicted {
        /// The slot.
        slot: SlotId,
    },
    /// A slot that had ended is open again ([`OnExit::Restart`](crate::OnExit::Restart)) and its
    /// inbound queue is empty. Start its sub-protocol again.
    Reopened {
        /// The slot.
        slot: SlotId,
    },
}

/// A message or piece that did not fit into its slot's budget. Nothing is read while it is held.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) slot: SlotId,
    pub(super) arrival: Arrival,
    pub(super) since: Instant,
    /// After this time the slot's overload rule applies.
    pub(super) deadline: Instant,
}

/// What arrives for a slot.
#[derive(Debug)]
pub(super) enum Arrival {
    Message(Message),
    /// The next bytes of the slot's unfinished message.
    Data(Bytes),
}

impl Held {
    /// Memory that it takes, in bytes.
    pub(super) fn memory_size(&self) -> usize {
        match &self.arrival {
            Arrival::Message(message) => memory_size(message.payload.len()),
            Arrival::Data(data) => memory_size(data.len()),
        }
    }
}

impl Connection {
    /// Returns the next event of the bytes in `input`, and removes whole frames from its front.
    ///
    /// `None` if `input` has no whole frame, a message is [held](Self::held), or the connection has
    /// [ended](Self::closed).
    pub fn poll_event(&mut self, now: Instant, input: &mut BytesMut) -> Option<Event> {
        self.apply_memory_rule(now);
        if let Some(slot) = self.evicted.take() {
            return Some(Event::Evicted { slot });
        }
        if self.next_reopening.is_some_and(|due| due <= now)
            && let Some(slot) = self.slots.reopen_due(now)
        {
            self.next_reopening = self.slots.next_reopening();
            return Some(Event::Reopened { slot });
        }
        if let Some(held) = self.held.take() {
            match self.retry(now, held) {
                Some(event) => return Some(event),
                None if self.held.is_some() => return None,
                None => {}
            }
        }
        while self.closed.is_none() && self.held.is_none() && self.may_decrypt() {
            match self.session.opener.open_piece(input) {
                Ok(Some(piece)) => {
                    if let Some(event) = self.handle_piece(now, piece) {
                        return Some(event);
                    }
                }
                Ok(None) => break,
                Err(error) => self.handle_bad_frame(error),
            }
        }
        self.slots.meters.counters.records_in.set(self.session.opener.records());
        None
    }

    /// The slot with a full inbound budget, for which a message is held; nothing is read meanwhile.
    #[must_use]
    pub fn held(&self) -> Option<SlotId> {
        self.held.as_ref().map(|held| held.slot)
    }

    /// Whether to call [`release`](Self::release) for the slot as soon as possible: messages for it
    /// are held or dropped because its budget is full, or it has messages while memory is short.
    #[must_use]
    pub fn is_full(&self, slot: SlotId) -> bool {
        let Some(state) = self.slots.get(slot) else { return false };
        let in_use = state.inbound.used().items > 0 || state.unfinished > 0;
        let awaited = self.is_waiting_for_memory() && in_use;
        self.held() == Some(slot) || state.overloaded || awaited
    }

    /// Whether the slot is open. A slot that waits for its restart is not.
    #[must_use]
    pub fn is_open(&self, slot: SlotId) -> bool {
        self.slots.get(slot).is_some_and(Slot::is_open)
    }

    /// Whether the connection can use more bytes from the peer now.
    #[must_use]
    pub const fn is_reading(&self) -> bool {
        !self.is_deaf() && self.closed.is_none()
    }

    /// Whether nothing is read, so that the silence of the peer does not count.
    pub(super) const fn is_deaf(&self) -> bool {
        self.held.is_some() || self.is_waiting_for_memory()
    }

    /// Frees the room of messages that the owner of the slot has taken.
    pub fn release(&mut self, slot: SlotId, freed: QueueLoad) {
        self.slots.release(slot, freed);
    }

    /// Sets the memory of the message that the slot's task has taken and not finished, in bytes. Returns
    /// whether it is less than before.
    #[cfg(feature = "tokio")]
    pub(crate) fn set_unfinished(&mut self, slot: SlotId, bytes: usize) -> bool {
        self.slots.set_unfinished(slot, bytes)
    }

    /// Counts the message of an event as dropped, because the slot's task no longer receives.
    pub fn discard(&mut self, slot: SlotId, message: &Message) {
        self.slots.discard(slot, message);
    }

    /// Handles a frame, or a piece of a message in a record.
    fn handle_piece(&mut self, now: Instant, piece: RecordPiece) -> Option<Event> {
        let RecordPiece { code: id, part, data } = piece;
        let piece = match part {
            Part::Whole => return self.handle_frame(now, Frame { code: id, payload: data }),
            Part::Begin { length } => Piece::Begin { id, length: length as u64, data },
            Part::More => Piece::More { id, data },
            Part::Abort => Piece::Abort { id },
        };
        self.liveness.restart_silence(now);
        self.handle_chunk(now, Ok(piece))
    }

    fn handle_frame(&mut self, now: Instant, frame: Frame) -> Option<Event> {
        self.liveness.restart_silence(now);
        if frame.code < base::LENGTH {
            self.handle_base(now, Base::decode(frame.code, &frame.payload));
            return None;
        }
        let chunks = self.schedule.cutting().chunks();
        if let Some(code) = chunks.and_then(|chunks| chunks.code(frame.code)) {
            return self.handle_chunk(now, Piece::decode(code, &frame.payload));
        }
        let Some((slot, code)) = self.slots.owner(frame.code) else {
            self.handle_breach(ProtocolBreach::UnknownCode { code: frame.code });
            return None;
        };
        if self.slots[slot].assembly.is_some() {
            self.handle_breach(ChunkError::Unfinished { id: frame.code }.into());
            return None;
        }
        self.slots.meter(slot).received(code, frame.payload.len());
        let message = Message { code, payload: detached(frame.payload) };
        self.deliver(now, slot, message)
    }

    /// Handles a piece of a large message.
    fn handle_chunk(&mut self, now: Instant, piece: Result<Piece, ChunkError>) -> Option<Event> {
        let limit = self.config.max_message.min(rlpx_transport::MAX_PAYLOAD);
        match piece.and_then(|piece| self.slots.handle_piece(piece, limit)) {
            Ok(Handled::Incomplete) => None,
            Ok(Handled::Complete(slot, message)) => Some(Event::Message { slot, message }),
            Ok(Handled::Full(slot, data)) => {
                self.hold(now, slot, Arrival::Data(data));
                None
            }
            Err(error) => {
                self.handle_breach(error.into());
                None
            }
        }
    }

    fn deliver(&mut self, now: Instant, slot: SlotId, message: Message) -> Option<Event> {
        let state = &mut self.slots[slot];
        if !state.is_open() {
            self.slots.meter(slot).drops.closed.increment();
        } else if state.overloaded {
            self.slots.meter(slot).drops.overload.increment();
        } else if state.inbound.admit(message.payload.len()) {
            self.slots.count_inbound(slot);
            return Some(Event::Message { slot, message });
        } else {
            self.hold(now, slot, Arrival::Message(message));
        }
        None
    }

    fn hold(&mut self, now: Instant, slot: SlotId, arrival: Arrival) {
        self.slots.meters.counters.stalls.increment();
        let limit = self.config.stall_limit;
        let allowed = match self.slots.is_alone(slot) {
            true => limit,
            false => self.slots[slot].stall_allowance.left(now, limit),
        };
        let held = Held { slot, arrival, since: now, deadline: now + allowed };
        self.slots.memory.charge(held.memory_size());
        self.held = Some(held);
    }

    /// Charges the stall of a held message to its slot's allowance, and restarts the silence limit.
    fn end_stall(&mut self, now: Instant, held: &Held) {
        self.liveness.restart_silence(now);
        if !self.slots.is_alone(held.slot) {
            let stalled = now.saturating_duration_since(held.since);
            let limit = self.config.stall_limit;
            self.slots[held.slot].stall_allowance.spend(now, stalled, limit);
        }
    }

    /// Tries again to put the held message or piece into its slot's queue.
    fn retry(&mut self, now: Instant, held: Held) -> Option<Event> {
        let slot = held.slot;
        let state = &mut self.slots[slot];
        let fits = match &held.arrival {
            Arrival::Message(message) => state.inbound.admit(message.payload.len()),
            Arrival::Data(data) => state.add(data),
        };
        if !fits {
            self.held = Some(held);
            return None;
        }
        self.slots.memory.release(held.memory_size());
        self.end_stall(now, &held);
        self.slots.count_inbound(slot);
        let message = match held.arrival {
            Arrival::Message(message) => Some(message),
            Arrival::Data(_) => self.slots.complete(slot),
        };
        message.map(|message| Event::Message { slot, message })
    }

    /// Drops what was held for too long and applies the slot's overload rule.
    pub(super) fn handle_overload(&mut self, now: Instant, held: &Held) {
        let slot = held.slot;
        self.end_stall(now, held);
        self.slots.meter(slot).drops.overload.increment();
        if let Arrival::Data(data) = &held.arrival {
            self.slots[slot].discard_unfinished();
            self.slots.count_inbound(slot);
            self.slots.skip_data(slot, data);
        }
        let state = &mut self.slots[slot];
        match state.settings.on_overload {
            OnOverload::DropNewest => state.overloaded = true,
            OnOverload::Disconnect => self.close(DisconnectReason::Subprotocol),
            OnOverload::CloseSlot => {
                self.evicted = Some(slot);
                self.end_slot(now, slot, SlotEndReason::Overloaded);
            }
        }
    }

    fn handle_base(&mut self, now: Instant, message: Base) {
        match message {
            Base::Disconnect(reason) => self.finish(CloseReason::ByPeer(reason), None),
            Base::Ping => {
                self.slots.meters.counters.pings_in.increment();
                if !self.liveness.handle_ping(now) {
                    self.handle_breach(ProtocolBreach::PingFlood);
                } else if !self.push_base(base::PONG, base::EMPTY_LIST) {
                    self.slots.meters.counters.pongs_dropped.increment();
                }
            }
            Base::Pong => {
                self.slots.meters.counters.pongs_in.increment();
                if let Some(round_trip) = self.liveness.handle_pong(now) {
                    self.slots.meters.set_round_trip(round_trip);
                }
            }
            Base::Other => self.slots.meters.counters.base_ignored.increment(),
        }
    }

    fn handle_bad_frame(&mut self, error: FrameError) {
        match error {
            // A Disconnect that crossed our Hello is not compressed.
            FrameError::Snappy { message, .. } if message.code == base::DISCONNECT => {
                let reason = DisconnectReason::decode(&message.payload);
                self.finish(CloseReason::ByPeer(reason), None);
            }
            error => self.handle_breach(error.into()),
        }
    }

    fn handle_breach(&mut self, breach: ProtocolBreach) {
        let reason = breach.reason();
        self.finish(CloseReason::Breach(breach), Some(reason));
    }
}

/// Copies `payload` into its own buffer if it is small.
fn detached(payload: Bytes) -> Bytes {
    if payload.len() < COPY_LIMIT { Bytes::copy_from_slice(&payload) } else { payload }
}
