//! Where the entries of the pool lie.

use super::Entry;

/// Entries in one piece of memory. Large enough that the pieces cost nothing, small enough that the
/// last one, which is not full, does not either.
const PIECE: usize = 1024;

/// Numbered slots for entries, of which the free ones are used again, the last one first.
///
/// They lie in pieces: the slots never move, so that growing costs the same each time, however many
/// there are, and no more than one piece is ever asked for in vain. What was needed once is kept.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pieces: Vec<Vec<Option<Entry>>>,
    free: Vec<u32>,
    used: u32,
}

impl Slots {
    pub(super) fn get(&self, slot: u32) -> Option<&Entry> {
        let (piece, place) = split(slot);
        self.pieces.get(piece)?.get(place)?.as_ref()
    }

    /// Puts an entry into a free slot; `None` if all numbers are taken.
    pub(super) fn put(&mut self, entry: Entry) -> Option<u32> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.add()?,
        };
        let (piece, place) = split(slot);
        self.pieces[piece][place] = Some(entry);
        Some(slot)
    }

    pub(super) fn take(&mut self, slot: u32) -> Option<Entry> {
        let (piece, place) = split(slot);
        let entry = self.pieces.get_mut(piece)?.get_mut(place)?.take()?;
        self.free.push(slot);
        Some(entry)
    }

    fn add(&mut self) -> Option<u32> {
        let slot = self.used;
        self.used = slot.checked_add(1)?;
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        self.pieces.last_mut()?.push(None);
        Some(slot)
    }
}

fn split(slot: u32) -> (usize, usize) {
    (slot as usize / PIECE, slot as usize % PIECE)
}
