//! Removing old envelopes.

use node_store::redb::{self, ReadableTable as _, Table, WriteTransaction};

use super::{
    row::{self, Keys},
    tables::{BYTES, COUNTS, HASHES, HOURS, LOG, META, MINUTES, REMOVED, TOPICS, number},
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
    let mut bytes = number(&meta, BYTES)?;
    let (mut removed, mut damaged, mut last) = (Vec::new(), Vec::new(), None);
    {
        let log = transaction.open_table(LOG)?;
        for entry in log.iter()?.take(SLICE) {
            let (arrival, row) = entry?;
            let too_many = retention.max_bytes.is_some_and(|max| bytes > max);
            if arrival.value() > old && !too_many {
                break;
            }
            let (arrival, row) = (arrival.value(), row.value());
            bytes = bytes.saturating_sub(row::size(row));
            last = Some(arrival);
            match row::decode(arrival, row) {
                Ok(envelope) => removed.push((Keys::of(&envelope), arrival)),
                Err(error) => {
                    tracing::warn!(%error, "an old envelope that cannot be read is removed");
                    damaged.push(arrival);
                }
            }
        }
    }
    let Some(last) = last else { return Ok(false) };
    let more = removed.len() + damaged.len() == SLICE;
    remove(transaction, removed)?;
    remove_damaged(transaction, &damaged)?;
    forget_times(transaction, last)?;
    meta.insert(BYTES, bytes)?;
    meta.insert(REMOVED, last)?;
    Ok(more)
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

fn remove(
    transaction: &WriteTransaction,
    mut removed: Vec<(Keys, u64)>,
) -> Result<(), redb::Error> {
    let mut log = transaction.open_table(LOG)?;
    let mut hashes = transaction.open_table(HASHES)?;
    let mut topics = transaction.open_table(TOPICS)?;
    let mut counts = transaction.open_table(COUNTS)?;
    for (keys, arrival) in &removed {
        log.remove(arrival)?;
        hashes.remove((keys.hash, *arrival))?;
    }
    removed.sort_unstable_by_key(|(keys, arrival)| (keys.topic, *arrival));
    for group in removed.chunk_by(|(first, _), (second, _)| first.topic == second.topic) {
        let topic = group[0].0.topic;
        for (_, arrival) in group {
            topics.remove((topic, *arrival))?;
        }
        lower(&mut counts, topic, group.len() as u64)?;
    }
    Ok(())
}

/// Removes rows that cannot be read. The indices are looked through, because it is not known where they have them.
fn remove_damaged(transaction: &WriteTransaction, damaged: &[u64]) -> Result<(), redb::Error> {
    if damaged.is_empty() {
        return Ok(());
    }
    let is_left = |arrival| damaged.binary_search(&arrival).is_err();
    let mut log = transaction.open_table(LOG)?;
    for arrival in damaged {
        log.remove(arrival)?;
    }
    transaction.open_table(HASHES)?.retain(|(_, arrival), ()| is_left(arrival))?;
    let mut counts = transaction.open_table(COUNTS)?;
    let mut of_topics = Vec::new();
    transaction.open_table(TOPICS)?.retain(|(topic, arrival), _| {
        let is_left = is_left(arrival);
        of_topics.extend((!is_left).then_some(topic));
        is_left
    })?;
    of_topics.into_iter().try_for_each(|topic| lower(&mut counts, topic, 1))
}

/// A topic has fewer envelopes.
fn lower(counts: &mut Table<'_, u32, u64>, topic: u32, removed: u64) -> Result<(), redb::Error> {
    let before = counts.get(topic)?.map_or(0, |count| count.value());
    match before.saturating_sub(removed) {
        0 => counts.remove(topic)?,
        left => counts.insert(topic, left)?,
    };
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
