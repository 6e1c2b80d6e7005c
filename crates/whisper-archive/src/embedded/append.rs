//! Writing envelopes.

use node_store::redb::{self, ReadableTable as _, Table, WriteTransaction};
use whisper_protocol::{Appended, Envelope};

use crate::clock::FAR;

use super::{
    row::{self, Keys},
    tables::{BYTES, COUNTS, HASHES, HOURS, LOG, META, MINUTES, NEWEST, TOPICS, number},
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
    let (appended, new, bytes) = write_log(transaction, before, envelopes)?;
    let Some(&(_, newest)) = new.last() else { return Ok(appended) };
    meta.insert(NEWEST, newest)?;
    let bytes = number(&meta, BYTES)? + bytes;
    meta.insert(BYTES, bytes)?;
    write_minute(transaction, minute, is_believed, before + 1)?;
    write_topics(transaction, new.clone())?;
    write_hours(transaction, &new)?;
    Ok(appended)
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

type New = Vec<(Keys, u64)>;

/// Writes the log and the hashes. Returns the outcome of each envelope, the keys of the new ones, and their bytes.
fn write_log<'a>(
    transaction: &WriteTransaction,
    mut newest: u64,
    envelopes: impl Iterator<Item = &'a Envelope>,
) -> Result<(Vec<Appended>, New, u64), redb::Error> {
    let mut log = transaction.open_table(LOG)?;
    let mut hashes = transaction.open_table(HASHES)?;
    let envelopes: Vec<_> = envelopes.map(|envelope| (envelope, Keys::of(envelope))).collect();
    let mut order: Vec<usize> = (0..envelopes.len()).collect();
    order.sort_unstable_by_key(|index| (envelopes[*index].1.hash, *index));
    let places = find(&hashes, &log, &envelopes, &order)?;
    let (mut appended, mut new, mut bytes) = (Vec::<Appended>::new(), New::new(), 0);
    let mut row = Vec::new();
    for ((envelope, keys), place) in envelopes.iter().zip(&places) {
        let arrival = match place {
            Place::Stored(arrival) => *arrival,
            Place::SameAs(index) => appended[*index].arrival,
            Place::New => {
                newest += 1;
                row::encode(envelope, &mut row);
                log.insert(newest, row.as_slice())?;
                bytes += envelope.raw().len() as u64;
                new.push((*keys, newest));
                newest
            }
        };
        appended.push(Appended { arrival, known: !matches!(place, Place::New) });
    }
    for index in order.into_iter().filter(|index| matches!(places[*index], Place::New)) {
        hashes.insert((envelopes[index].1.hash, appended[index].arrival), ())?;
    }
    Ok((appended, new, bytes))
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

/// Finds the envelopes in the file. `order`: their indices, in the order of the hashes.
fn find(
    hashes: &Table<'_, (u64, u64), ()>,
    log: &Table<'_, u64, &'static [u8]>,
    envelopes: &[(&Envelope, Keys)],
    order: &[usize],
) -> Result<Vec<Place>, redb::Error> {
    let mut places = vec![Place::New; envelopes.len()];
    let mut row = Vec::new();
    for group in
        order.chunk_by(|first, second| envelopes[*first].1.hash == envelopes[*second].1.hash)
    {
        let hash = envelopes[group[0]].1.hash;
        let stored = hashes.range((hash, 0)..=(hash, u64::MAX))?;
        let stored: Vec<u64> =
            stored.map(|entry| Ok(entry?.0.value().1)).collect::<Result<_, redb::Error>>()?;
        for (count, &index) in group.iter().enumerate() {
            let (envelope, _) = envelopes[index];
            row::encode(envelope, &mut row);
            for &arrival in &stored {
                if log.get(arrival)?.is_some_and(|stored| stored.value() == row) {
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

fn write_topics(transaction: &WriteTransaction, mut new: New) -> Result<(), redb::Error> {
    let mut topics = transaction.open_table(TOPICS)?;
    let mut counts = transaction.open_table(COUNTS)?;
    new.sort_unstable_by_key(|(keys, arrival)| (keys.topic, *arrival));
    for group in new.chunk_by(|(first, _), (second, _)| first.topic == second.topic) {
        let topic = group[0].0.topic;
        for (keys, arrival) in group {
            topics.insert((topic, *arrival), (keys.sent, keys.dialect))?;
        }
        let before = counts.get(topic)?.map_or(0, |count| count.value());
        counts.insert(topic, before + group.len() as u64)?;
    }
    Ok(())
}

fn write_hours(transaction: &WriteTransaction, new: &New) -> Result<(), redb::Error> {
    let mut hours = transaction.open_table(HOURS)?;
    let mut sorted: Vec<(u32, u64)> =
        new.iter().map(|(keys, arrival)| (keys.sent / 3600, *arrival)).collect();
    sorted.sort_unstable();
    for group in sorted.chunk_by(|first, second| first.0 == second.0) {
        let (hour, first) = group[0];
        let last = group[group.len() - 1].1;
        let first = hours.get(hour)?.map_or(first, |range| range.value().0);
        hours.insert(hour, (first, last))?;
    }
    Ok(())
}
