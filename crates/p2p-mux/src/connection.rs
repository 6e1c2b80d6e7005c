//! One connection after Hello, as a pure machine.

use std::{sync::Arc, time::Instant};

use bytes::{Bytes, BytesMut};
use rlpx_transport::{FrameError, Message as Frame, Opener, Sealer, Session};

use crate::{
    Closed, Config, Ending, Fault, Load, Lost, Message, OnExit, Overload, Reason, SendError,
    Shared, SlotId, Stats, Terms,
    base::{self, Base},
    liveness::{Due, Liveness},
    schedule::{Next, Schedule},
    slot::Slot,
    stats::Meters,
};

/// Payloads up to this size are copied out of the buffer in which they arrived, so that a small
/// message which nobody takes does not keep a large buffer alive. Next to the MAC over the same
/// bytes the copy costs nothing.
const COPY_LIMIT: usize = 16 * 1024;

/// One connection with its slots, after Hello, without socket, clock or task.
///
/// Bytes from the peer go through [`poll_event`](Self::poll_event), which yields what they mean for
/// the slots. What the slots say goes in by [`send`](Self::send) and comes out, sealed and in fair
/// order, of [`poll_transmit`](Self::poll_transmit). Time is an argument;
/// [`poll_timeout`](Self::poll_timeout) says when to call [`handle_timeout`](Self::handle_timeout).
/// Once [`closed`](Self::closed) says how it ended, nothing more comes in, and all that is left to
/// go out is the Disconnect.
///
/// # What a hostile peer can do
///
/// Fill the inbound budget of each slot, and then the one message that is held; the rest stays on
/// its side of the network. Pings beyond a limit, messages for nobody and malformed frames end the
/// connection. It cannot make anything wait to be sent but a few pongs.
#[derive(Debug)]
pub struct Connection {
    sealer: Sealer,
    opener: Opener,
    config: Config,
    slots: Vec<Slot>,
    schedule: Schedule,
    liveness: Liveness,
    held: Option<Held>,
    /// A slot that was closed by its overload rule, to be told to the owner.
    evicted: Option<SlotId>,
    closed: Option<Closed>,
    meters: Arc<Meters>,
}

/// The message that did not fit into its slot's budget: nothing is read while it waits.
#[derive(Debug)]
struct Held {
    slot: SlotId,
    message: Message,
    until: Instant,
}

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
    /// A slot was closed because it did not take its messages ([`Overload::CloseSlot`]).
    Evicted {
        /// The slot.
        slot: SlotId,
    },
}

/// What [`Connection::poll_transmit`] has sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Whose message it was; `None` for one of the base protocol.
    pub slot: Option<SlotId>,
    /// How much room it leaves in the slot's outbound queue.
    pub freed: usize,
}

impl Connection {
    /// A connection on which Hello has been exchanged, with Snappy switched on in `session` where
    /// both ends have it. `slots` is what [`negotiate`](crate::negotiate) gave, each with its terms.
    #[must_use]
    pub fn new(
        mut session: Session,
        slots: &[(Shared, Terms)],
        config: &Config,
        now: Instant,
    ) -> Self {
        session.opener.set_limit(config.max_message);
        Self {
            sealer: session.sealer,
            opener: session.opener,
            config: *config,
            slots: slots.iter().map(|(shared, terms)| Slot::new(shared, *terms)).collect(),
            schedule: Schedule::new(slots.iter().map(|(_, terms)| (terms.weight, terms.outbound))),
            liveness: Liveness::new(config, now),
            held: None,
            evicted: None,
            closed: None,
            meters: Arc::new(Meters::new(slots.iter().map(|(shared, _)| shared))),
        }
    }

    /// What the bytes in `input` mean, one event at a time; whole frames are taken off its front.
    ///
    /// `None` if `input` has no whole frame, a message is [held](Self::held), or the connection has
    /// [closed](Self::closed).
    pub fn poll_event(&mut self, now: Instant, input: &mut BytesMut) -> Option<Event> {
        if let Some(slot) = self.evicted.take() {
            return Some(Event::Evicted { slot });
        }
        if let Some(held) = self.held.take() {
            match self.retry(now, held) {
                Some(event) => return Some(event),
                None if self.held.is_some() => return None,
                None => {}
            }
        }
        while self.closed.is_none() && self.held.is_none() {
            match self.opener.open(input) {
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

    /// Whether messages for the slot are held or dropped because its budget is full: then
    /// [`release`](Self::release) is urgent.
    #[must_use]
    pub fn is_full(&self, slot: SlotId) -> bool {
        self.held() == Some(slot) || self.slots.get(slot.0).is_some_and(|state| state.overloaded)
    }

    /// Whether bytes from the peer are of use now.
    #[must_use]
    pub const fn is_reading(&self) -> bool {
        self.held.is_none() && self.closed.is_none()
    }

    /// The owner of the slot took messages out: their room is free again.
    pub fn release(&mut self, slot: SlotId, freed: Load) {
        let Some(state) = self.slots.get_mut(slot.0) else { return };
        state.inbound.release(freed);
        if state.inbound.is_relaxed() {
            state.overloaded = false;
        }
        self.meter_inbound(slot);
    }

    /// Nobody listens at the slot any more: the message of that event was dropped.
    pub fn discard(&mut self, slot: SlotId, message: &Message) {
        let Some(state) = self.slots.get(slot.0) else { return };
        let freed = state.inbound.load_of(message.payload.len());
        self.meters.slots[slot.0].drops.closed.increment();
        self.release(slot, freed);
    }

    /// Queues a message of a slot.
    ///
    /// # Errors
    ///
    /// [`SendError`]: nothing was queued.
    pub fn send(&mut self, slot: SlotId, message: Message) -> Result<(), SendError> {
        let Some(state) = self.slots.get(slot.0).filter(|state| state.is_open()) else {
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

    /// The sub-protocol of the slot has ended. What it had queued is still sent; what still arrives
    /// for it is dropped. With the last one, or if its terms say so, the connection ends.
    pub fn end_slot(&mut self, now: Instant, slot: SlotId, ending: Ending) {
        let Some(state) = self.slots.get_mut(slot.0).filter(|state| state.is_open()) else {
            return;
        };
        state.ended = Some(ending);
        self.meters.slots[slot.0].ended(ending);
        if let OnExit::Disconnect(reason) = state.terms.on_exit {
            self.close(reason);
        }
        if self.held() == Some(slot) {
            self.held = None;
            self.liveness.heard(now);
            self.meters.slots[slot.0].drops.closed.increment();
        }
        self.close_if_useless();
    }

    /// Ends the connection: the peer is told `reason`. Nothing happens if it has ended already.
    pub fn close(&mut self, reason: Reason) {
        self.finish(Closed::ByUs(reason), Some(reason));
    }

    /// The network failed.
    pub fn handle_lost(&mut self, lost: Lost) {
        self.finish(Closed::Lost(lost), None);
    }

    /// How the connection ended, if it has.
    #[must_use]
    pub const fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    /// Seals the next message and appends it to `out`. `None` if there is none.
    pub fn poll_transmit(&mut self, out: &mut BytesMut) -> Option<Sent> {
        let Next { slot, charge, message } = self.schedule.next()?;
        let Some(id) = slot else {
            // A base message has at most two bytes: it fits.
            let sealed = self.sealer.seal(message.code, &message.payload, out);
            debug_assert!(sealed.is_ok(), "{sealed:?}");
            return Some(Sent { slot: None, freed: 0 });
        };
        let meter = &self.meters.slots[id.0];
        let code = self.slots[id.0].offset + message.code;
        match self.sealer.seal(code, &message.payload, out) {
            Ok(()) => {
                meter.messages_out.increment();
                meter.bytes_out.add(message.payload.len());
            }
            Err(_) => meter.drops.too_large.increment(),
        }
        self.meter_outbound(id);
        self.close_if_useless();
        Some(Sent { slot, freed: charge })
    }

    /// Whether there is nothing to seal.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.schedule.is_empty()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; `None` once the connection has ended.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed.is_some() {
            return None;
        }
        let liveness = self.liveness.poll_timeout(self.held.is_some());
        Some(self.held.as_ref().map_or(liveness, |held| held.until.min(liveness)))
    }

    /// Does what is due at `now`; too early or too late does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed.is_some() {
            return;
        }
        if let Some(held) = self.held.take_if(|held| held.until <= now) {
            self.handle_overload(now, held);
        }
        match self.liveness.handle_timeout(now, self.held.is_some()) {
            Due::Nothing => {}
            Due::Silence => self.close(Reason::PingTimeout),
            Due::Ping => {
                self.push_base(base::PING, base::EMPTY_LIST);
            }
        }
    }

    /// The counters, as they are now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.meters.snapshot()
    }

    /// The counters themselves.
    #[cfg(feature = "tokio")]
    pub(crate) fn meters(&self) -> Arc<Meters> {
        Arc::clone(&self.meters)
    }

    fn handle_frame(&mut self, now: Instant, frame: Frame) -> Option<Event> {
        self.liveness.heard(now);
        if frame.code < base::LENGTH {
            self.handle_base(now, Base::decode(frame.code, &frame.payload));
            return None;
        }
        let Some(index) = self.slots.iter().position(|slot| slot.owns(frame.code)) else {
            self.handle_fault(Fault::UnknownCode { code: frame.code });
            return None;
        };
        let meter = &self.meters.slots[index];
        meter.messages_in.increment();
        meter.bytes_in.add(frame.payload.len());
        let code = frame.code - self.slots[index].offset;
        let message = Message { code, payload: detached(frame.payload) };
        self.deliver(now, SlotId(index), message)
    }

    fn deliver(&mut self, now: Instant, slot: SlotId, message: Message) -> Option<Event> {
        let state = &mut self.slots[slot.0];
        let drops = &self.meters.slots[slot.0].drops;
        if !state.is_open() {
            drops.closed.increment();
        } else if state.overloaded {
            drops.overload.increment();
        } else if state.inbound.admit(message.payload.len()) {
            self.meter_inbound(slot);
            return Some(Event::Message { slot, message });
        } else {
            self.meters.stalls.increment();
            self.held = Some(Held { slot, message, until: now + self.config.stall_limit });
        }
        None
    }

    fn retry(&mut self, now: Instant, held: Held) -> Option<Event> {
        let state = &mut self.slots[held.slot.0];
        if !state.inbound.admit(held.message.payload.len()) {
            self.held = Some(held);
            return None;
        }
        self.liveness.heard(now);
        self.meter_inbound(held.slot);
        Some(Event::Message { slot: held.slot, message: held.message })
    }

    fn handle_overload(&mut self, now: Instant, held: Held) {
        self.liveness.heard(now);
        self.meters.slots[held.slot.0].drops.overload.increment();
        let state = &mut self.slots[held.slot.0];
        match state.terms.overload {
            Overload::DropNewest => state.overloaded = true,
            Overload::Disconnect => self.close(Reason::Subprotocol),
            Overload::CloseSlot => {
                self.evicted = Some(held.slot);
                self.end_slot(now, held.slot, Ending::Overloaded);
            }
        }
    }

    fn handle_base(&mut self, now: Instant, message: Base) {
        match message {
            Base::Disconnect(reason) => self.finish(Closed::ByPeer(reason), None),
            Base::Ping => {
                self.meters.pings_in.increment();
                if !self.liveness.handle_ping(now) {
                    self.handle_fault(Fault::PingFlood);
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
                let reason = Reason::decode(&message.payload);
                self.finish(Closed::ByPeer(reason), None);
            }
            error => self.handle_fault(error.into()),
        }
    }

    fn handle_fault(&mut self, fault: Fault) {
        let reason = fault.reason();
        self.finish(Closed::Fault(fault), Some(reason));
    }

    /// The only way to the end. Queued messages go nowhere; the last word, if any, is sent.
    fn finish(&mut self, closed: Closed, last_word: Option<Reason>) {
        if self.closed.is_some() {
            return;
        }
        self.closed = Some(closed);
        self.held = None;
        for (slot, unsent) in self.schedule.clear() {
            self.meters.slots[slot.0].drops.unsent.add(unsent);
            self.meters.slots[slot.0].queued_out.set(0);
        }
        if let Some(reason) = last_word {
            self.schedule.push_last_word(base_message(base::DISCONNECT, reason.encode()));
        }
    }

    /// Ends the connection when no slot is open and all that they wanted to say is said.
    fn close_if_useless(&mut self) {
        if !self.schedule.is_drained() {
            return;
        }
        let mut reason = Reason::Quitting;
        for slot in &self.slots {
            match slot.ended {
                None => return,
                Some(Ending::Returned) => {}
                Some(_) => reason = Reason::Subprotocol,
            }
        }
        self.close(reason);
    }

    fn push_base(&mut self, code: u64, payload: Bytes) -> bool {
        self.schedule.push_base(base_message(code, payload))
    }

    fn meter_inbound(&self, slot: SlotId) {
        let waiting = self.slots[slot.0].inbound.used().bytes;
        self.meters.slots[slot.0].queued_in.set(waiting as u64);
    }

    fn meter_outbound(&self, slot: SlotId) {
        self.meters.slots[slot.0].queued_out.set(self.schedule.waiting(slot) as u64);
    }
}

const fn base_message(code: u64, payload: Bytes) -> Message {
    Message { code, payload }
}

/// `payload`, in a buffer of its own if it is small.
fn detached(payload: Bytes) -> Bytes {
    if payload.len() <= COPY_LIMIT { Bytes::copy_from_slice(&payload) } else { payload }
}
