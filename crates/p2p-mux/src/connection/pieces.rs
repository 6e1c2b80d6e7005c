//! Messages that arrive in pieces (`chunk/1`, see `CHUNK.md`).

use bytes::Bytes;

use super::slots::Slots;
use crate::{ChunkError, Message, SlotId, chunk::Piece, slot::Assembly};

/// The result of handling a piece.
#[derive(Debug)]
pub(super) enum Handled {
    /// It was stored or dropped; the message is not complete.
    Incomplete,
    /// It completed a message.
    Complete(SlotId, Message),
    /// The slot's inbound budget has no room for its data.
    Full(SlotId, Bytes),
}

impl Slots {
    /// Adds a piece to the unfinished message of its slot. A message may have up to `limit` bytes.
    pub(super) fn handle_piece(
        &mut self,
        piece: Piece,
        limit: usize,
    ) -> Result<Handled, ChunkError> {
        let id = piece.id();
        let (slot, code) = self.owner(id).ok_or(ChunkError::UnknownId { id })?;
        self.meter(slot).counters.pieces_in.increment();
        let data = match piece {
            Piece::Begin { length, data, .. } => {
                let oversized = ChunkError::Oversized { length, limit };
                let length = usize::try_from(length).ok().filter(|&length| length <= limit);
                let assembly = Assembly::new(code, length.ok_or(oversized)?);
                self.begin(slot, assembly).map_err(|()| ChunkError::Unfinished { id })?;
                data
            }
            Piece::More { data, .. } => {
                let unfinished = self.unfinished(slot, code).ok_or(ChunkError::NotBegun { id })?;
                if unfinished.missing() < data.len() {
                    return Err(ChunkError::Overrun { id });
                }
                data
            }
            Piece::Abort { .. } => {
                self.unfinished(slot, code).ok_or(ChunkError::NotBegun { id })?;
                self.abort(slot);
                return Ok(Handled::Incomplete);
            }
        };
        if !self[slot].add(&data) {
            // A copy, because the buffer that `data` refers to may be much larger.
            return Ok(Handled::Full(slot, Bytes::copy_from_slice(&data)));
        }
        self.count_inbound(slot);
        Ok(self
            .complete(slot)
            .map_or(Handled::Incomplete, |message| Handled::Complete(slot, message)))
    }

    /// Begins a message. An error if another one is unfinished.
    fn begin(&mut self, slot: SlotId, mut assembly: Assembly) -> Result<(), ()> {
        let drops = &self.meters.slots[slot.0].drops;
        let state = &mut self.slots[slot.0];
        if state.assembly.is_some() {
            return Err(());
        }
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

    /// The unfinished message of a slot, if it has this code.
    fn unfinished(&self, slot: SlotId, code: u64) -> Option<&Assembly> {
        self[slot].assembly.as_ref().filter(|unfinished| unfinished.code() == code)
    }

    fn abort(&mut self, slot: SlotId) {
        if self[slot].discard_unfinished() {
            self.meter(slot).drops.unfinished.increment();
        }
        self[slot].assembly = None;
        self.count_inbound(slot);
    }

    /// Skips the next bytes of an unfinished message that is being dropped.
    pub(super) fn skip_data(&mut self, slot: SlotId, data: &[u8]) {
        let added = self[slot].add(data);
        debug_assert!(added, "dropped data needs no room");
        let message = self.complete(slot);
        debug_assert!(message.is_none(), "dropped data is not delivered");
    }

    /// The message of a slot, if all of it has arrived and it was not dropped.
    pub(super) fn complete(&mut self, slot: SlotId) -> Option<Message> {
        let complete = self[slot].assembly.take_if(|assembly| assembly.missing() == 0)?;
        self.meter(slot).received(complete.code(), complete.length());
        self.count_inbound(slot);
        complete.into_message()
    }
}
