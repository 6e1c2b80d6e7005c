//! A block: envelopes of one topic, one after the other, in the order of their arrival.
//!
//! A row is, with the numbers in big-endian order: the arrival number (8 bytes), the time of sending (4), the dialect (1), the bytes
//! of the envelope (4), and its RLP. The RLP of an envelope that is larger than a block is in a table of its own.

use node_store::redb;

use super::row::Keys;

/// Maximum bytes of a block. The tree has it in a page of 4096 bytes then, with the header of the page (4), the key (12) and the length
/// of the block (4).
pub(super) const MAX_BYTES: usize = 4096 - 4 - 12 - 4;

/// Bytes of a row without the RLP.
pub(super) const HEADER: usize = 8 + 4 + 1 + 4;

/// Maximum bytes of an envelope that is in its block.
pub(super) const MAX_INSIDE: usize = MAX_BYTES - HEADER;

/// A row of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) arrival: u64,
    pub(super) sent: u32,
    pub(super) dialect: u8,
    /// Bytes of the envelope.
    pub(super) size: u32,
    /// Its RLP; `None` if it is not in the block.
    pub(super) raw: Option<&'a [u8]>,
}

/// A block, or what it refers to, is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damaged {
    #[error("the block ends within the row after envelope {after}")]
    Header { after: u64 },
    #[error("envelope {arrival}: its block ends within it")]
    Short { arrival: u64 },
    #[error("envelope {arrival}: it is in a block after envelope {after}")]
    Order { arrival: u64, after: u64 },
    #[error("envelope {arrival}: it is missing")]
    Missing { arrival: u64 },
}

impl From<Damaged> for redb::Error {
    fn from(damaged: Damaged) -> Self {
        Self::Corrupted(damaged.to_string())
    }
}

/// A place in a block, before a row or at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    offset: usize,
    /// The arrival number before it.
    after: u64,
}

impl Position {
    pub(super) const START: Self = Self { offset: 0, after: 0 };

    /// The row at this place, and the place after it; `None` at the end of the block.
    pub(super) fn read(self, block: &[u8]) -> Result<Option<(Row<'_>, Self)>, Damaged> {
        let mut rest = block.get(self.offset..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let after = self.after;
        let header = header(&mut rest).ok_or(Damaged::Header { after })?;
        let Header { arrival, sent, dialect, size } = header;
        if arrival <= after {
            return Err(Damaged::Order { arrival, after });
        }
        let bytes = usize::try_from(size).unwrap_or(usize::MAX);
        let raw = match bytes {
            0..=MAX_INSIDE => Some(rest.get(..bytes).ok_or(Damaged::Short { arrival })?),
            _ => None,
        };
        let offset = self.offset + HEADER + raw.map_or(0, <[u8]>::len);
        Ok(Some((Row { arrival, sent, dialect, size, raw }, Self { offset, after: arrival })))
    }

    /// The place of the first row from here on with at least this arrival number, or the end.
    pub(super) fn seek(mut self, block: &[u8], arrival: u64) -> Result<Self, Damaged> {
        while let Some((row, next)) = self.read(block)?
            && row.arrival < arrival
        {
            self = next;
        }
        Ok(self)
    }

    /// What is in a block from here on.
    pub(super) fn rest(self, block: &[u8]) -> &[u8] {
        block.get(self.offset..).unwrap_or_default()
    }
}

struct Header {
    arrival: u64,
    sent: u32,
    dialect: u8,
    size: u32,
}

fn header(rest: &mut &[u8]) -> Option<Header> {
    Some(Header {
        arrival: u64::from_be_bytes(take(rest)?),
        sent: u32::from_be_bytes(take(rest)?),
        dialect: u8::from_be_bytes(take(rest)?),
        size: u32::from_be_bytes(take(rest)?),
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*first)
}

/// Whether an envelope is in its block.
pub(super) const fn is_inside(raw: &[u8]) -> bool {
    raw.len() <= MAX_INSIDE
}

/// Whether a block has room for an envelope.
pub(super) const fn has_room(block: &[u8], raw: &[u8]) -> bool {
    let bytes = if is_inside(raw) { raw.len() } else { 0 };
    block.len() + HEADER + bytes <= MAX_BYTES
}

/// Adds an envelope to a block.
pub(super) fn push(block: &mut Vec<u8>, arrival: u64, keys: Keys, raw: &[u8]) {
    // A message has less than 16 MiB.
    let size = u32::try_from(raw.len()).unwrap_or(u32::MAX);
    block.extend_from_slice(&arrival.to_be_bytes());
    block.extend_from_slice(&keys.sent.to_be_bytes());
    block.push(keys.dialect);
    block.extend_from_slice(&size.to_be_bytes());
    if is_inside(raw) {
        block.extend_from_slice(raw);
    }
}

#[cfg(test)]
mod tests {
    use node_store::redb::{Database, ReadableTableMetadata as _, backends::InMemoryBackend};
    use proptest::prelude::*;

    use super::{super::tables::BLOCKS, *};

    /// Envelopes of these sizes, and their block.
    fn block(sizes: &[usize]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (mut raws, mut block) = (Vec::new(), Vec::new());
        for (number, size) in (1..).zip(sizes) {
            let raw = vec![number; *size];
            let keys = Keys { hash: 0, topic: 0, sent: 7 * u32::from(number), dialect: 6 };
            push(&mut block, 10 * u64::from(number), keys, &raw);
            raws.push(raw);
        }
        (raws, block)
    }

    fn rows(block: &[u8]) -> Result<Vec<Row<'_>>, Damaged> {
        let (mut rows, mut position) = (Vec::new(), Position::START);
        while let Some((row, next)) = position.read(block)? {
            rows.push(row);
            position = next;
        }
        Ok(rows)
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let (raws, block) = block(&[1, 300, MAX_INSIDE, MAX_INSIDE + 1, 0]);
        let expected = (1_u32..).zip(&raws).map(|(number, raw)| Row {
            arrival: 10 * u64::from(number),
            sent: 7 * number,
            dialect: 6,
            size: u32::try_from(raw.len()).unwrap(),
            raw: (number != 4).then_some(&raw[..]),
        });
        assert_eq!(rows(&block).unwrap(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_place_is_found_by_its_arrival_number() {
        let (_, block) = block(&[5, 6, 7]);
        for (arrival, next) in [(0, 10), (10, 10), (11, 20), (30, 30)] {
            let position = Position::START.seek(&block, arrival).unwrap();
            assert_eq!(position.read(&block).unwrap().unwrap().0.arrival, next);
            assert_eq!(rows(position.rest(&block)).unwrap()[0].arrival, next);
        }
        let end = Position::START.seek(&block, 31).unwrap();
        assert_eq!((end.read(&block), end.rest(&block)), (Ok(None), &[][..]));
    }

    #[test]
    fn a_block_that_is_cut_off_or_out_of_order_is_damaged() {
        let (_, block) = block(&[5, 6]);
        for length in 1..block.len() {
            let expected = match length {
                0..HEADER => Err(Damaged::Header { after: 0 }),
                HEADER..22 => Err(Damaged::Short { arrival: 10 }),
                22 => Ok(1),
                23..39 => Err(Damaged::Header { after: 10 }),
                _ => Err(Damaged::Short { arrival: 20 }),
            };
            assert_eq!(rows(&block[..length]).map(|rows| rows.len()), expected, "{length}");
        }
        let twice = [&block[..], &block].concat();
        assert_eq!(rows(&twice), Err(Damaged::Order { arrival: 10, after: 20 }));
    }

    /// Otherwise a block takes two pages, of which the second is almost empty.
    #[test]
    fn a_full_block_takes_one_page_of_the_file() {
        for (bytes, pages) in [(MAX_BYTES, 1), (MAX_BYTES + 1, 2)] {
            let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
            let transaction = database.begin_write().unwrap();
            let mut blocks = transaction.open_table(BLOCKS).unwrap();
            blocks.insert((1, 1), &vec![0; bytes][..]).unwrap();
            let stats = blocks.stats().unwrap();
            let taken = stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
            assert_eq!(taken, 4096 * pages);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = rows(&bytes);
        }
    }
}
