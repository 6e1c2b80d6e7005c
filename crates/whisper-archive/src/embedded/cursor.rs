//! Reading the blocks of the topics.

use std::ops::Bound;

use node_store::redb::{self, AccessGuard, ReadableTable};
use p2p_world::HashMap;
use whisper_protocol::Envelope;

use super::{
    block::{Damaged, Position, Row},
    row,
    tables::BlockKey,
};

/// Maximum number of blocks that a [`Lookup`] keeps open: with 4 KiB each, 4 MiB.
const MAX_OPEN: usize = 1024;

/// A block, and the place of a row in it.
struct OpenBlock<'a> {
    content: AccessGuard<'a, &'static [u8]>,
    position: Position,
}

impl OpenBlock<'_> {
    /// The row at the place; `None` at the end.
    fn row(&self) -> Result<Option<Row<'_>>, Damaged> {
        Ok(self.position.read(self.content.value())?.map(|(row, _)| row))
    }

    fn advance(&mut self) -> Result<(), Damaged> {
        if let Some((_, next)) = self.position.read(self.content.value())? {
            self.position = next;
        }
        Ok(())
    }

    fn seek(&mut self, arrival: u64) -> Result<(), Damaged> {
        self.position = self.position.seek(self.content.value(), arrival)?;
        Ok(())
    }
}

/// The block of a topic that has this arrival number, if any has: the last one that was begun up to it. Its place is the first row with
/// at least the arrival number, or its end.
///
/// The other end of the range is that of the table: the library goes down the tree to both, and that way is always in memory.
fn block_with(
    blocks: &impl ReadableTable<BlockKey, &'static [u8]>,
    topic: u32,
    arrival: u64,
) -> Result<Option<(u64, OpenBlock<'_>)>, redb::Error> {
    let found = blocks.range(..=(topic, arrival))?.next_back().transpose()?;
    let Some((key, content)) = found else { return Ok(None) };
    let (of_topic, begun) = key.value();
    if of_topic != topic {
        return Ok(None);
    }
    let mut block = OpenBlock { content, position: Position::START };
    block.seek(arrival)?;
    Ok(Some((begun, block)))
}

/// Reads the row of an envelope. `None` if it is not there.
pub(super) fn find<R>(
    blocks: &impl ReadableTable<BlockKey, &'static [u8]>,
    topic: u32,
    arrival: u64,
    read: impl FnOnce(Row<'_>) -> Result<R, redb::Error>,
) -> Result<Option<R>, redb::Error> {
    let Some((_, block)) = block_with(blocks, topic, arrival)? else { return Ok(None) };
    block.row()?.filter(|row| row.arrival == arrival).map(read).transpose()
}

/// The rows of one topic, in the order of their arrival.
pub(super) struct Cursor<'a, T> {
    blocks: &'a T,
    topic: u32,
    /// The last arrival number that is asked for.
    last: u64,
    /// The present block, and the arrival number with which it was begun.
    begun: u64,
    block: Option<OpenBlock<'a>>,
}

impl<'a, T: ReadableTable<BlockKey, &'static [u8]>> Cursor<'a, T> {
    /// The first row with one of these arrival numbers is the present one.
    pub(super) fn new(
        blocks: &'a T,
        topic: u32,
        first: u64,
        last: u64,
    ) -> Result<Self, redb::Error> {
        let mut cursor = Self { blocks, topic, last, begun: first, block: None };
        match block_with(blocks, topic, first)? {
            Some((begun, block)) => (cursor.begun, cursor.block) = (begun, Some(block)),
            None => cursor.next_block()?,
        }
        cursor.fill()?;
        Ok(cursor)
    }

    /// The present row; `None` if all were read.
    pub(super) fn row(&self) -> Result<Option<Row<'_>>, Damaged> {
        let Some(block) = &self.block else { return Ok(None) };
        Ok(block.row()?.filter(|row| row.arrival <= self.last))
    }

    pub(super) fn advance(&mut self) -> Result<(), redb::Error> {
        if let Some(block) = &mut self.block {
            block.advance()?;
        }
        self.fill()
    }

    /// Goes on to the next block that has a row, if the present one is at its end.
    fn fill(&mut self) -> Result<(), redb::Error> {
        while let Some(block) = &self.block
            && block.row()?.is_none()
        {
            self.next_block()?;
        }
        Ok(())
    }

    fn next_block(&mut self) -> Result<(), redb::Error> {
        let after = Bound::Excluded((self.topic, self.begun));
        let next = self.blocks.range((after, Bound::Unbounded))?;
        self.block = None;
        if let Some((key, content)) = { next }.next().transpose()? {
            let (topic, begun) = key.value();
            if topic == self.topic && begun <= self.last {
                self.begun = begun;
                self.block = Some(OpenBlock { content, position: Position::START });
            }
        }
        Ok(())
    }
}

/// Reads rows of many topics by their arrival numbers, in ascending order. It keeps the blocks that it will need again.
pub(super) struct Lookup<'a, T> {
    blocks: &'a T,
    open: HashMap<u32, OpenBlock<'a>>,
}

impl<'a, T: ReadableTable<BlockKey, &'static [u8]>> Lookup<'a, T> {
    pub(super) fn new(blocks: &'a T) -> Self {
        Self { blocks, open: HashMap::default() }
    }

    /// Reads the row of an envelope.
    ///
    /// # Errors
    ///
    /// A row that is missing is damage.
    pub(super) fn read<R>(
        &mut self,
        topic: u32,
        arrival: u64,
        read: impl FnOnce(Row<'_>) -> Result<R, redb::Error>,
    ) -> Result<R, redb::Error> {
        let mut block = match self.open.remove(&topic) {
            Some(block) => block,
            None => match block_with(self.blocks, topic, arrival)? {
                Some((_, block)) => block,
                None => return Err(Damaged::Missing { arrival }.into()),
            },
        };
        let row = block.row()?.filter(|row| row.arrival == arrival);
        let result = read(row.ok_or(Damaged::Missing { arrival })?)?;
        block.advance()?;
        // What is damaged behind it is an error of the next row.
        if !matches!(block.row(), Ok(None)) {
            if self.open.len() >= MAX_OPEN {
                self.open.clear();
            }
            self.open.insert(topic, block);
        }
        Ok(result)
    }
}

/// The envelope of a row.
///
/// # Errors
///
/// An envelope that cannot be decoded is damage: it is not left out.
pub(super) fn envelope_of(
    row: &Row<'_>,
    large: &impl ReadableTable<u64, &'static [u8]>,
) -> Result<Envelope, redb::Error> {
    if let Some(raw) = row.raw {
        return row::decode(row.arrival, row.dialect, raw);
    }
    let raw = large.get(row.arrival)?.ok_or(Damaged::Missing { arrival: row.arrival })?;
    row::decode(row.arrival, row.dialect, raw.value())
}
