//! Writing envelopes.

use node_store::redb::{self, ReadableTable as _, Table, WriteTransaction};
use whisper_protocol::{Appended, Envelope};

use crate::clock::FAR;

use super::{
    block::{self, Position, Row},
    cursor::find,
    row::Keys,
    tables::{
        ARRIVALS, BLOCKS, BYTES, BlockKey, COUNTS, HASHES, HOURS, LARGE, META, MINUTES, NEWEST,
        number,
    },
};

/// Writes the envelopes that are not there yet. `minute`: the present, in minutes since 1970; `is_believed`: whether the clock is
/// believed.
///
/// Each index is written in the order of its keys, because that touches the fewest pages.
pub(super) fn write<'a>(
    transaction: &WriteTransaction,
    minute: u64,
    is_believed: bool,
    envelopes: impl Iterator<Item = &'a Envelope>,
) -> Result<Vec<Appended>, redb::Error> {
    let mut meta = transaction.open_table(META)?;
    let before = number(&meta, NEWEST)?;
    let (appended, mut new) = write_arrivals(transaction, before, envelopes)?;
    let Some(last) = new.last() else { return Ok(appended) };
    meta.insert(NEWEST, last.arrival)?;
    let bytes: u64 = new.iter().map(|one| one.envelope.raw().len() as u64).sum();
    let bytes = number(&meta, BYTES)? + bytes;
    meta.insert(BYTES, bytes)?;
    write_minute(transaction, minute, is_believed, before + 1)?;
    write_hours(transaction, &new)?;
    write_blocks(transaction, &mut new)?;
    write_counts(transaction, &new)?;
    Ok(appended)
}

/// An envelope that is not in the file yet.
pub(super) struct New<'a> {
    pub(super) envelope: &'a Envelope,
    pub(super) keys: Keys,
    pub(super) arrival: u64,
}

/// Writes when the envelopes from `first` on have arrived.
fn write_minute(
    transaction: &WriteTransaction,
    minute: u64,
    is_believed: bool,
    mut first: u64,
) -> Result<(), redb::Error> {
    let mut minutes = transaction.open_table(MINUTES)?;
    let mut last = latest(&minutes)?;
    // The clock was ahead, and was set right: nothing would be old until it is there again.
    while let Some((ahead, begun)) = last
        && is_believed
        && ahead > minute.saturating_add(FAR / 60)
    {
        minutes.remove(ahead)?;
        first = begun;
        last = latest(&minutes)?;
    }
    if last.is_none_or(|(last, _)| last < minute) {
        minutes.insert(minute, first)?;
    }
    Ok(())
}

/// The last minute, and the first arrival number in it.
fn latest(minutes: &Table<'_, u64, u64>) -> Result<Option<(u64, u64)>, redb::Error> {
    Ok(minutes.last()?.map(|(minute, first)| (minute.value(), first.value())))
}

/// Writes the arrival numbers and the hashes. Returns the outcome of each envelope, and the new ones.
fn write_arrivals<'a>(
    transaction: &WriteTransaction,
    mut newest: u64,
    envelopes: impl Iterator<Item = &'a Envelope>,
) -> Result<(Vec<Appended>, Vec<New<'a>>), redb::Error> {
    let mut arrivals = transaction.open_table(ARRIVALS)?;
    let mut hashes = transaction.open_table(HASHES)?;
    let envelopes: Vec<_> = envelopes.map(|envelope| (envelope, Keys::of(envelope))).collect();
    let mut order: Vec<usize> = (0..envelopes.len()).collect();
    order.sort_unstable_by_key(|index| (envelopes[*index].1.hash, *index));
    let places = Stored::open(transaction)?.find(&hashes, &envelopes, &order)?;
    let (mut appended, mut new) = (Vec::<Appended>::new(), Vec::new());
    for (&(envelope, keys), place) in envelopes.iter().zip(&places) {
        let arrival = match place {
            Place::Stored(arrival) => *arrival,
            Place::SameAs(index) => appended[*index].arrival,
            Place::New => {
                newest += 1;
                arrivals.insert(newest, keys.topic)?;
                new.push(New { envelope, keys, arrival: newest });
                newest
            }
        };
        appended.push(Appended { arrival, known: !matches!(place, Place::New) });
    }
    for index in order.into_iter().filter(|index| matches!(places[*index], Place::New)) {
        hashes.insert((envelopes[index].1.hash, appended[index].arrival), ())?;
    }
    Ok((appended, new))
}

/// Where an envelope is.
#[derive(Clone, Copy)]
enum Place {
    /// In the file, with this arrival number.
    Stored(u64),
    /// Earlier in the same append.
    SameAs(usize),
    New,
}

/// The envelopes in the file.
struct Stored<'a> {
    blocks: Table<'a, BlockKey, &'static [u8]>,
    large: Table<'a, u64, &'static [u8]>,
}

impl<'a> Stored<'a> {
    fn open(transaction: &'a WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self { blocks: transaction.open_table(BLOCKS)?, large: transaction.open_table(LARGE)? })
    }

    /// Finds envelopes. `order`: their indices, in the order of the hashes.
    fn find(
        &self,
        hashes: &Table<'_, (u64, u64), ()>,
        envelopes: &[(&Envelope, Keys)],
        order: &[usize],
    ) -> Result<Vec<Place>, redb::Error> {
        let mut places = vec![Place::New; envelopes.len()];
        for group in
            order.chunk_by(|first, second| envelopes[*first].1.hash == envelopes[*second].1.hash)
        {
            let hash = envelopes[group[0]].1.hash;
            let stored = hashes.range((hash, 0)..=(hash, u64::MAX))?;
            let stored: Vec<u64> =
                stored.map(|entry| Ok(entry?.0.value().1)).collect::<Result<_, redb::Error>>()?;
            for (count, &index) in group.iter().enumerate() {
                let (envelope, keys) = envelopes[index];
                for &arrival in &stored {
                    if self.has(arrival, envelope, keys)? {
                        places[index] = Place::Stored(arrival);
                    }
                }
                let is_same = |earlier: &&usize| {
                    let earlier = envelopes[**earlier].0;
                    earlier.dialect() == envelope.dialect() && earlier.raw() == envelope.raw()
                };
                if let Place::New = places[index]
                    && let Some(&earlier) = group[..count].iter().find(is_same)
                {
                    places[index] = Place::SameAs(earlier);
                }
            }
        }
        Ok(places)
    }

    /// Whether an envelope has this arrival number.
    fn has(&self, arrival: u64, envelope: &Envelope, keys: Keys) -> Result<bool, redb::Error> {
        let is_same = |row: Row<'_>| {
            let is_same = match row.raw {
                Some(raw) => raw == envelope.raw(),
                None => self.large.get(arrival)?.is_some_and(|raw| raw.value() == envelope.raw()),
            };
            Ok(is_same && row.dialect == keys.dialect)
        };
        Ok(find(&self.blocks, keys.topic, arrival, is_same)?.unwrap_or(false))
    }
}

/// Writes envelopes into the blocks of their topics, and sorts them by topic and arrival.
pub(super) fn write_blocks(
    transaction: &WriteTransaction,
    new: &mut [New<'_>],
) -> Result<(), redb::Error> {
    let mut blocks = transaction.open_table(BLOCKS)?;
    let mut large = transaction.open_table(LARGE)?;
    new.sort_unstable_by_key(|one| (one.keys.topic, one.arrival));
    for group in new.chunk_by(|first, second| first.keys.topic == second.keys.topic) {
        let (topic, first) = (group[0].keys.topic, &group[0]);
        let last = last_block(&blocks, topic)?;
        let last = last.filter(|(_, block)| block::has_room(block, first.envelope.raw()));
        let (mut begun, mut block) = last.unwrap_or((first.arrival, Vec::new()));
        for one in group {
            let raw = one.envelope.raw();
            if !block::has_room(&block, raw) {
                blocks.insert((topic, begun), block.as_slice())?;
                block.clear();
                begun = one.arrival;
            }
            block::push(&mut block, one.arrival, one.keys, raw);
            if !block::is_inside(raw) {
                large.insert(one.arrival, &raw[..])?;
            }
        }
        blocks.insert((topic, begun), block.as_slice())?;
    }
    Ok(())
}

/// The last block of a topic, and the arrival number with which it was begun.
///
/// # Errors
///
/// If it is damaged: what is written after the damage could not be read.
fn last_block(
    blocks: &Table<'_, BlockKey, &'static [u8]>,
    topic: u32,
) -> Result<Option<(u64, Vec<u8>)>, redb::Error> {
    // Not from the first block of the topic on: the library would read that as well.
    let last = blocks.range(..=(topic, u64::MAX))?.next_back().transpose()?;
    let Some((key, block)) = last.filter(|(key, _)| key.value().0 == topic) else {
        return Ok(None);
    };
    let block = block.value();
    Position::START.seek(block, u64::MAX)?;
    Ok(Some((key.value().1, block.to_vec())))
}

/// Counts envelopes that are sorted by topic.
fn write_counts(transaction: &WriteTransaction, new: &[New<'_>]) -> Result<(), redb::Error> {
    let mut counts = transaction.open_table(COUNTS)?;
    for group in new.chunk_by(|first, second| first.keys.topic == second.keys.topic) {
        let topic = group[0].keys.topic;
        let before = counts.get(topic)?.map_or(0, |count| count.value());
        counts.insert(topic, before + group.len() as u64)?;
    }
    Ok(())
}

fn write_hours(transaction: &WriteTransaction, new: &[New<'_>]) -> Result<(), redb::Error> {
    let mut hours = transaction.open_table(HOURS)?;
    let mut sorted: Vec<(u32, u64)> =
        new.iter().map(|one| (one.keys.sent / 3600, one.arrival)).collect();
    sorted.sort_unstable();
    for group in sorted.chunk_by(|first, second| first.0 == second.0) {
        let (hour, first) = group[0];
        let last = group[group.len() - 1].1;
        let first = hours.get(hour)?.map_or(first, |range| range.value().0);
        hours.insert(hour, (first, last))?;
    }
    Ok(())
}
