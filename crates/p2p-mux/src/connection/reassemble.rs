//! Messages that arrive in pieces (`chunk/1`, see `CHUNK.md`).

use std::time::Instant;

use bytes::Bytes;

use super::{Connection, Event, receive::Arrival};
use crate::{ChunkError, SlotId, assembly::Assembly, chunk::Piece};

impl Connection {
    /// One message of `chunk/1`.
    pub(super) fn handle_chunk(
        &mut self,
        now: Instant,
        code: u64,
        payload: &Bytes,
    ) -> Option<Event> {
        let handled = Piece::decode(code, payload).and_then(|piece| self.handle_piece(now, piece));
        handled.unwrap_or_else(|error| {
            self.handle_breach(error.into());
            None
        })
    }

    fn handle_piece(&mut self, now: Instant, piece: Piece) -> Result<Option<Event>, ChunkError> {
        let id = piece.id();
        let (slot, code) = self.owner(id).ok_or(ChunkError::UnknownId { id })?;
        self.meters.slots[slot.0].pieces_in.increment();
        let data = match piece {
            Piece::Begin { length, data, .. } => {
                self.begin(slot, (id, code), length)?;
                data
            }
            Piece::More { data, .. } => {
                if self.unfinished(slot, (id, code))?.missing() < data.len() {
                    return Err(ChunkError::Overrun { id });
                }
                data
            }
            Piece::Abort { .. } => {
                self.unfinished(slot, (id, code))?;
                self.abort(slot);
                return Ok(None);
            }
        };
        if self.slots[slot.0].add(&data) {
            self.count_inbound(slot);
            return Ok(self.complete(slot));
        }
        // A copy of its own: the buffer behind it may be larger.
        self.hold(now, slot, Arrival::Data(Bytes::copy_from_slice(&data)));
        Ok(None)
    }

    /// A message of `length` bytes begins.
    fn begin(
        &mut self,
        slot: SlotId,
        (id, code): (u64, u64),
        length: u64,
    ) -> Result<(), ChunkError> {
        let limit = self.config.max_message.min(rlpx_transport::MAX_PAYLOAD);
        let oversized = ChunkError::Oversized { length, limit };
        let length = usize::try_from(length).ok().filter(|&length| length <= limit);
        let mut assembly = Assembly::new(code, length.ok_or(oversized)?);
        let state = &mut self.slots[slot.0];
        if state.assembly.is_some() {
            return Err(ChunkError::Unfinished { id });
        }
        let drops = &self.meters.slots[slot.0].drops;
        if !state.is_open() {
            drops.closed.increment();
            assembly.discard(&mut state.inbound);
        } else if state.overloaded {
            drops.overload.increment();
            assembly.discard(&mut state.inbound);
        }
        state.assembly = Some(assembly);
        Ok(())
    }

    /// The unfinished message of a slot, which must be this one.
    fn unfinished(&self, slot: SlotId, (id, code): (u64, u64)) -> Result<&Assembly, ChunkError> {
        let unfinished = self.slots[slot.0].assembly.as_ref();
        unfinished.filter(|unfinished| unfinished.code() == code).ok_or(ChunkError::NotBegun { id })
    }

    fn abort(&mut self, slot: SlotId) {
        let state = &mut self.slots[slot.0];
        if state.discard_unfinished() {
            self.meters.slots[slot.0].drops.unfinished.increment();
        }
        state.assembly = None;
        self.count_inbound(slot);
    }

    /// The unfinished message of a slot is dropped already: these are its next bytes.
    pub(super) fn pass_over(&mut self, slot: SlotId, data: &[u8]) {
        let passed = self.slots[slot.0].add(data);
        debug_assert!(passed, "what is dropped needs no room");
        let event = self.complete(slot);
        debug_assert!(event.is_none(), "what is dropped is not delivered");
    }

    /// The message of a slot, if all of it has arrived and it was not dropped.
    pub(super) fn complete(&mut self, slot: SlotId) -> Option<Event> {
        let whole = self.slots[slot.0].assembly.take_if(|assembly| assembly.missing() == 0)?;
        self.meters.slots[slot.0].received(whole.code(), whole.length());
        self.count_inbound(slot);
        whole.into_message().map(|message| Event::Message { slot, message })
    }
}
