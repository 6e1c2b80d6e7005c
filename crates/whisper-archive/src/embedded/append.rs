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
    let (mut appended, mut new, mut bytes) = (Vec::new(), New::new(), 0);
    let mut row = Vec::new();
    for envelope in envelopes {
        let keys = Keys::of(envelope);
        row::encode(envelope, &mut row);
        if let Some(arrival) = find(&hashes, &log, keys.hash, &row)? {
            appended.push(Appended { arrival, known: true });
            continue;
        }
        newest += 1;
        log.insert(newest, row.as_slice())?;
        hashes.insert((keys.hash, newest), ())?;
        bytes += envelope.raw().len() as u64;
        new.push((keys, newest));
        appended.push(Appended { arrival: newest, known: false });
    }
    Ok((appended, new, bytes))
}

/// The arrival number of a row that is in the log already.
fn find(
    hashes: &Table<'_, (u64, u64), ()>,
    log: &Table<'_, u64, &'static [u8]>,
    hash: u64,
    row: &[u8],
) -> Result<Option<u64>, redb::Error> {
    for entry in hashes.range((hash, 0)..=(hash, u64::MAX))? {
        let (_, arrival) = entry?.0.value();
        if log.get(arrival)?.is_some_and(|stored| stored.value() == row) {
            return Ok(Some(arrival));
        }
    }
    Ok(None)
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
