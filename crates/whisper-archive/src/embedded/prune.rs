//! Removing old envelopes.

use node_store::redb::{
    self, ReadableTable as _, ReadableTableMetadata as _, Table, WriteTransaction,
};

use super::{
    block::Position,
    cursor::{Lookup, envelope_of},
    row::hash_key,
    tables::{
        ARRIVALS, BLOCKS, BYTES, BlockKey, COUNTS, HASHES, HOURS, LARGE, META, MINUTES, REMOVED,
        number,
    },
};
use crate::Retention;

/// Maximum number of envelopes that one transaction removes: others can write between two.
const SLICE: usize = 1000;

/// Removes the oldest envelopes beyond the limits, at most a slice of them. Returns whether there may be more to remove.
pub(super) fn prune(
    transaction: &WriteTransaction,
    minute: u64,
    retention: &Retention,
) -> Result<bool, redb::Error> {
    let mut meta = transaction.open_table(META)?;
    let old = match retention.max_age {
        Some(age) => arrived_before(transaction, minute.saturating_sub(age.as_secs() / 60))?,
        None => 0,
    };
    let slice = Slice::read(transaction, old, retention.max_bytes, number(&meta, BYTES)?)?;
    let Some(&(_, last)) = slice.removed.last() else { return Ok(false) };
    let more = slice.removed.len() == SLICE;
    let bytes = slice.bytes_left;
    let is_empty = slice.remove(transaction, last)?;
    forget_times(transaction, last)?;
    // The bytes of what was damaged may not be known.
    meta.insert(BYTES, if is_empty { 0 } else { bytes })?;
    meta.insert(REMOVED, last)?;
    Ok(more)
}

/// What is removed.
struct Slice {
    /// Topics and arrival numbers, in the order of arrival.
    removed: Vec<(u32, u64)>,
    /// Their hashes and arrival numbers, of those that can be read.
    hashes: Vec<(u64, u64)>,
    /// The arrival numbers of those that cannot be read.
    damaged: Vec<u64>,
    bytes_left: u64,
}

impl Slice {
    /// Reads what is up to the arrival number `old`, or beyond `max_bytes`.
    fn read(
        transaction: &WriteTransaction,
        old: u64,
        max_bytes: Option<u64>,
        bytes: u64,
    ) -> Result<Self, redb::Error> {
        let arrivals = transaction.open_table(ARRIVALS)?;
        let blocks = transaction.open_table(BLOCKS)?;
        let large = transaction.open_table(LARGE)?;
        let mut rows = Lookup::new(&blocks);
        let (removed, hashes, damaged) = (Vec::new(), Vec::new(), Vec::new());
        let mut slice = Self { removed, hashes, damaged, bytes_left: bytes };
        for entry in arrivals.iter()?.take(SLICE) {
            let (arrival, topic) = entry?;
            let (arrival, topic) = (arrival.value(), topic.value());
            let is_too_much = max_bytes.is_some_and(|max| slice.bytes_left > max);
            if arrival > old && !is_too_much {
                break;
            }
            slice.removed.push((topic, arrival));
            let hash = rows.read(topic, arrival, |row| {
                slice.bytes_left = slice.bytes_left.saturating_sub(row.size.into());
                Ok(hash_key(envelope_of(&row, &large)?.hash()))
            });
            match hash {
                Ok(hash) => slice.hashes.push((hash, arrival)),
                Err(error @ redb::Error::Corrupted(_)) => {
                    tracing::warn!(%error, "an old envelope that cannot be read is removed");
                    slice.damaged.push(arrival);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(slice)
    }

    /// Removes it. Returns whether nothing is left.
    fn remove(mut self, transaction: &WriteTransaction, last: u64) -> Result<bool, redb::Error> {
        let mut arrivals = transaction.open_table(ARRIVALS)?;
        arrivals.retain_in(..=last, |_, _| false)?;
        transaction.open_table(LARGE)?.retain_in(..=last, |_, _| false)?;
        self.remove_hashes(&mut transaction.open_table(HASHES)?)?;
        let mut blocks = transaction.open_table(BLOCKS)?;
        let mut counts = transaction.open_table(COUNTS)?;
        self.removed.sort_unstable();
        for group in self.removed.chunk_by(|(first, _), (second, _)| first == second) {
            let topic = group[0].0;
            let is_left = lower(&mut counts, topic, group.len() as u64)?;
            cut(&mut blocks, topic, last, is_left)?;
        }
        Ok(arrivals.is_empty()?)
    }

    fn remove_hashes(&mut self, hashes: &mut Table<'_, (u64, u64), ()>) -> Result<(), redb::Error> {
        self.hashes.sort_unstable();
        for key in &self.hashes {
            hashes.remove(key)?;
        }
        // It is not known which hash they have.
        if !self.damaged.is_empty() {
            hashes.retain(|(_, arrival), ()| self.damaged.binary_search(&arrival).is_err())?;
        }
        Ok(())
    }
}

/// The greatest arrival number of those that arrived before this minute.
fn arrived_before(transaction: &WriteTransaction, minute: u64) -> Result<u64, redb::Error> {
    let minutes = transaction.open_table(MINUTES)?;
    let from = minutes.range(minute..)?.next().transpose()?;
    match from {
        Some((_, first)) => Ok(first.value() - 1),
        None => Ok(u64::MAX),
    }
}

/// A topic has fewer envelopes. Returns whether any is left.
fn lower(counts: &mut Table<'_, u32, u64>, topic: u32, removed: u64) -> Result<bool, redb::Error> {
    let before = counts.get(topic)?.map_or(0, |count| count.value());
    let left = before.saturating_sub(removed);
    match left {
        0 => counts.remove(topic)?,
        left => counts.insert(topic, left)?,
    };
    Ok(left > 0)
}

/// Removes the envelopes of a topic up to an arrival number. `is_left`: whether later ones are left.
fn cut(
    blocks: &mut Table<'_, BlockKey, &'static [u8]>,
    topic: u32,
    last: u64,
    is_left: bool,
) -> Result<(), redb::Error> {
    let mut begun = Vec::new();
    for entry in blocks.range((topic, 0)..=(topic, last))? {
        begun.push(entry?.0.value());
    }
    // Only the last one can have later envelopes.
    let newest = if is_left { begun.pop() } else { None };
    for key in begun {
        blocks.remove(key)?;
    }
    let Some(key) = newest else { return Ok(()) };
    let rest = blocks.get(key)?.map(|block| {
        let block = block.value();
        Position::START
            .seek(block, last.saturating_add(1))
            .map(|position| position.rest(block).to_vec())
    });
    match rest {
        Some(Ok(rest)) if rest.is_empty() => {
            blocks.remove(key)?;
        }
        Some(Ok(rest)) => {
            blocks.insert(key, rest.as_slice())?;
        }
        // It is removed with its last envelope.
        Some(Err(error)) => tracing::warn!(%error, "a damaged block is kept"),
        None => {}
    }
    Ok(())
}

/// Removes the hours and minutes that have only removed envelopes.
fn forget_times(transaction: &WriteTransaction, removed: u64) -> Result<(), redb::Error> {
    transaction.open_table(HOURS)?.retain(|_, (_, last)| last > removed)?;
    let mut minutes = transaction.open_table(MINUTES)?;
    // The last minute that begins before what is left contains it.
    let mut begun = Vec::new();
    for entry in minutes.iter()? {
        let (minute, first) = entry?;
        if first.value() > removed + 1 {
            break;
        }
        begun.push(minute.value());
    }
    begun.pop();
    for minute in begun {
        minutes.remove(minute)?;
    }
    Ok(())
}
