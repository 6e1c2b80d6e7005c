//! One connection after Hello, as a pure machine.

mod holding;
mod reassemble;
mod receive;

use std::{sync::Arc, task::Waker, time::Instant};

use bytes::{Bytes, BytesMut};
use rlpx_transport::{FrameError, Session};

use crate::{
    Chunks, CloseReason, Config, ConnectionStats, DisconnectReason, LostReason, MemoryBudget,
    Message, OnExit, SendError, SharedCapability, SlotEndReason, SlotId, SlotSettings, base,
    budget::weight,
    liveness::{Due, Liveness},
    schedule::{Next, Schedule},
    slot::Slot,
    stats::Meters,
};
use holding::Holding;
use receive::{Arrival, Held};

pub use receive::Event;

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
    session: Session,
    config: Config,
    slots: Vec<Slot>,
    schedule: Schedule,
    liveness: Liveness,
    held: Option<Held>,
    /// A slot that was closed by its overload rule, to be told to the owner.
    evicted: Option<SlotId>,
    /// When the first of the slots that rest opens again.
    next_reopening: Option<Instant>,
    closed: Option<CloseReason>,
    meters: Arc<Meters>,
    holding: Holding,
}

/// What [`Connection::poll_transmit`] has sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transmit {
    /// Whose message it was; `None` for one of the base protocol.
    pub slot: Option<SlotId>,
    /// How much room it leaves in the slot's outbound queue; for a message in pieces, with the last.
    pub freed: usize,
    /// Its code, within the sub-protocol or the base protocol.
    pub code: u64,
    /// The bytes of its payload, once all of them are sealed. `None` for a piece that is not the
    /// last, and if not even compressed did it fit into a frame, so that it was dropped.
    pub length: Option<usize>,
}

impl Connection {
    /// A connection on which Hello has been exchanged, with Snappy switched on in `session` where
    /// both ends have it. `slots` is what [`negotiate`](crate::negotiate) gave, each with its terms.
    #[must_use]
    pub fn new(
        session: Session,
        slots: &[(SharedCapability, SlotSettings)],
        config: &Config,
        now: Instant,
    ) -> Self {
        let alone = (&MemoryBudget::unlimited(), Waker::noop().clone());
        Self::with_memory(alone, session, slots, config, now)
    }

    /// As [`new`](Self::new), for a connection that shares `memory` with others.
    ///
    /// The waker is woken, from the thread of another connection, when the rule of [`MemoryBudget`]
    /// applies to this one or does not any more: then ask for events. Without one
    /// ([`Waker::noop`]) ask now and then.
    #[must_use]
    pub fn with_memory(
        (memory, waker): (&MemoryBudget, Waker),
        mut session: Session,
        slots: &[(SharedCapability, SlotSettings)],
        config: &Config,
        now: Instant,
    ) -> Self {
        session.opener.set_limit(config.max_message);
        Self {
            session,
            config: *config,
            slots: slots
                .iter()
                .map(|(shared, settings)| Slot::new(shared, *settings, now))
                .collect(),
            schedule: Schedule::new(
                slots.iter().map(|(_, settings)| (settings.weight, settings.outbound_capacity())),
            ),
            liveness: Liveness::new(config, now),
            held: None,
            evicted: None,
            next_reopening: None,
            closed: None,
            meters: Arc::new(Meters::new(slots.iter().map(|(shared, _)| shared))),
            holding: Holding::new(memory, waker),
        }
    }

    /// Sends large messages in pieces, and takes those of the peer, where both ends have `chunk/1`.
    /// To be called before anything else.
    #[must_use]
    pub fn with_chunks(mut self, chunks: Option<Chunks>) -> Self {
        self.schedule.set_chunks(chunks);
        self
    }

    /// Says whether the peer called us. Then the first ping is the peer's, and of two such ends only
    /// one pings at a time; where nobody says so both do. To be called before anything else.
    #[must_use]
    pub fn with_origin(mut self, inbound: bool) -> Self {
        if inbound {
            self.liveness.second();
        }
        self
    }

    /// Queues a message of a slot.
    ///
    /// # Errors
    ///
    /// [`SendError`]: nothing was queued.
    pub fn send(&mut self, slot: SlotId, message: Message) -> Result<(), SendError> {
        if self.holding.exceeds_share() {
            return Err(SendError::Full);
        }
        let weight = weight(message.payload.len());
        self.queue(slot, message)?;
        self.holding.charge(weight);
        Ok(())
    }

    /// As [`send`](Self::send), of a message that has been charged to the memory.
    pub(crate) fn queue(&mut self, slot: SlotId, message: Message) -> Result<(), SendError> {
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
    /// for it is dropped. With the last one, or if its terms say so, the connection ends; or, if
    /// they say that, the slot opens again later ([`Event::Reopened`]).
    pub fn end_slot(&mut self, now: Instant, slot: SlotId, ending: SlotEndReason) {
        let Some(state) = self.slots.get_mut(slot.0) else { return };
        if !state.is_open() {
            // One that rests can still be removed.
            if ending == SlotEndReason::Removed && state.reopens.take().is_some() {
                self.meters.slots[slot.0].ended(ending);
                self.next_reopening = self.slots.iter().filter_map(|slot| slot.reopens).min();
                self.close_if_useless();
            }
            return;
        }
        let unfinished = state.discard_unfinished();
        state.end(now, ending);
        self.next_reopening = self.next_reopening.into_iter().chain(state.reopens).min();
        let on_exit = state.settings.on_exit;
        let meter = &self.meters.slots[slot.0];
        meter.ended(ending);
        meter.drops.closed.add(usize::from(unfinished));
        self.count_inbound(slot);
        if let OnExit::Disconnect(reason) = on_exit
            && ending != SlotEndReason::Removed
        {
            self.close(reason);
        }
        if let Some(held) = self.held.take_if(|held| held.slot == slot) {
            self.holding.release(held.weight());
            self.liveness.heard(now);
            match held.arrival {
                Arrival::Message(_) => self.meters.slots[slot.0].drops.closed.increment(),
                Arrival::Data(data) => self.pass_over(slot, &data),
            }
        }
        self.close_if_useless();
    }

    /// Ends the connection: the peer is told `reason`. Nothing happens if it has ended already.
    pub fn close(&mut self, reason: DisconnectReason) {
        self.finish(CloseReason::ByUs(reason), Some(reason));
    }

    /// The network failed.
    pub fn handle_lost(&mut self, lost: LostReason) {
        self.finish(CloseReason::Lost(lost), None);
    }

    /// How the connection ended, if it has.
    #[must_use]
    pub const fn closed(&self) -> Option<&CloseReason> {
        self.closed.as_ref()
    }

    /// Seals the next message and appends it to `out`. `None` if there is none.
    pub fn poll_transmit(&mut self, out: &mut BytesMut) -> Option<Transmit> {
        let before = self.schedule.weight();
        let next = self.schedule.next()?;
        self.holding.release(before - self.schedule.weight());
        let Next { slot, charge: freed, code, length, .. } = next;
        let Some(id) = slot else {
            // A base message has at most two bytes: it fits.
            let sealed = self.session.sealer.seal(code, &next.data, out);
            debug_assert!(sealed.is_ok(), "{sealed:?}");
            return Some(Transmit { slot, freed, code, length: Some(length) });
        };
        let sealed = self.seal(id, &next, out);
        let meter = &self.meters.slots[id.0];
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

    /// Seals a message of a slot, or a piece of one.
    fn seal(&mut self, slot: SlotId, next: &Next, out: &mut BytesMut) -> Result<(), FrameError> {
        let id = self.slots[slot.0].offset + next.code;
        match self.schedule.chunks().filter(|_| next.is_piece()) {
            None => self.session.sealer.seal(id, &next.data, out),
            Some(chunks) => {
                self.meters.slots[slot.0].pieces_out.increment();
                let (id, payload) = chunks.encode(id, &next.data, next.start, next.length);
                self.session.sealer.seal(id, &payload, out)
            }
        }
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
        let liveness = self.liveness.poll_timeout(self.is_deaf());
        let held = self.held.as_ref().map(|held| held.until);
        let memory = self.holding.poll_timeout();
        held.into_iter().chain(self.next_reopening).chain(memory).chain([liveness]).min()
    }

    /// Does what is due at `now`; too early or too late does no harm. Then ask for events: that a
    /// slot opens again is one.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.keep_to_memory(now);
        if self.closed.is_some() {
            return;
        }
        if let Some(held) = self.held.take_if(|held| held.until <= now) {
            self.holding.release(held.weight());
            self.handle_overload(now, &held);
        }
        match self.liveness.handle_timeout(now, self.is_deaf()) {
            Due::Nothing => {}
            Due::Silence => self.close(DisconnectReason::PingTimeout),
            Due::Ping => {
                self.push_base(base::PING, base::EMPTY_LIST);
            }
        }
    }

    /// What waits to be sent for a slot, in bytes as [`SlotSettings::outbound`] counts them. What a
    /// sub-protocol left behind weighs on the one that takes its place.
    #[must_use]
    pub fn queued_out(&self, slot: SlotId) -> usize {
        if slot.0 < self.slots.len() { self.schedule.waiting(slot) } else { 0 }
    }

    /// The counters, as they are now.
    #[must_use]
    pub fn stats(&self) -> ConnectionStats {
        self.meters.snapshot()
    }

    /// The counters themselves.
    #[cfg(feature = "tokio")]
    pub(crate) const fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// The only way to the end. Queued messages go nowhere; the last word, if any, is sent.
    fn finish(&mut self, closed: CloseReason, last_word: Option<DisconnectReason>) {
        if self.closed.is_some() {
            return;
        }
        self.closed = Some(closed);
        self.holding.release(self.held.take().map_or(0, |held| held.weight()));
        self.holding.release(self.schedule.weight());
        self.next_reopening = None;
        for (slot, unsent) in self.schedule.clear() {
            self.meters.slots[slot.0].drops.unsent.add(unsent);
            self.meters.slots[slot.0].queued_out.set(0);
        }
        for slot in (0..self.slots.len()).map(SlotId) {
            let unfinished = self.slots[slot.0].discard_unfinished();
            self.meters.slots[slot.0].drops.unfinished.add(usize::from(unfinished));
            self.count_inbound(slot);
        }
        if let Some(reason) = last_word {
            self.schedule.push_last_word(base_message(base::DISCONNECT, reason.encode()));
        }
    }

    /// Ends the connection when no slot is open, or will be, and all that they wanted to say is
    /// said.
    fn close_if_useless(&mut self) {
        if !self.schedule.is_drained() {
            return;
        }
        let mut reason = DisconnectReason::Quitting;
        for slot in &self.slots {
            match slot.ended {
                None => return,
                Some(_) if slot.reopens.is_some() => return,
                Some(SlotEndReason::Returned) => {}
                Some(SlotEndReason::Removed) if reason == DisconnectReason::Quitting => {
                    reason = DisconnectReason::UselessPeer;
                }
                Some(SlotEndReason::Removed) => {}
                Some(_) => reason = DisconnectReason::Subprotocol,
            }
        }
        self.close(reason);
    }

    fn push_base(&mut self, code: u64, payload: Bytes) -> bool {
        self.schedule.push_base(base_message(code, payload))
    }

    fn meter_outbound(&self, slot: SlotId) {
        self.meters.slots[slot.0].queued_out.set(self.schedule.waiting(slot) as u64);
    }
}

const fn base_message(code: u64, payload: Bytes) -> Message {
    Message { code, payload }
}
