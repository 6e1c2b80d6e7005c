//! The memory of the pool's entries.

use super::PoolEntry;

/// Number of entries in one block. Large enough that the number of blocks does not matter, small enough that the
/// unused part of the last one does not either.
const BLOCK_ENTRIES: usize = 1024;

/// Numbered slots for entries. Free slots are reused, the one that was freed last first.
///
/// The slots are in blocks and never move: growth always costs the same, and at most one block is allocated in
/// advance. Memory that was allocated is kept.
#[derive(Debug, Default)]
pub(super) struct Slots {
    blocks: Vec<Vec<Option<PoolEntry>>>,
    free: Vec<u32>,
    used: u32,
}

impl Slots {
    pub(super) fn get(&self, slot: u32) -> Option<&PoolEntry> {
        let (block, index) = split(slot);
        self.blocks.get(block)?.get(index)?.as_ref()
    }

    /// Puts an entry into a free slot; `None` if all slot numbers are used.
    pub(super) fn put(&mut self, entry: PoolEntry) -> Option<u32> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.add()?,
        };
        let (block, index) = split(slot);
        self.blocks[block][index] = Some(entry);
        Some(slot)
    }

    pub(super) fn take(&mut self, slot: u32) -> Option<PoolEntry> {
        let (block, index) = split(slot);
        let entry = self.blocks.get_mut(block)?.get_mut(index)?.take()?;
        self.free.push(slot);
        Some(entry)
    }

    fn add(&mut self) -> Option<u32> {
        let slot = self.used;
        self.used = slot.checked_add(1)?;
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK_ENTRIES) {
            self.blocks.push(Vec::with_capacity(BLOCK_ENTRIES));
        }
        self.blocks.last_mut()?.push(None);
        Some(slot)
    }
}

fn split(slot: u32) -> (usize, usize) {
    (slot as usize / BLOCK_ENTRIES, slot as usize % BLOCK_ENTRIES)
}
