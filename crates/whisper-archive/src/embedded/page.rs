//! Reading envelopes.

use std::{cmp::Reverse, collections::BinaryHeap, ops::RangeInclusive};

use node_store::{
    Store, StoreError,
    redb::{self, ReadOnlyTable, ReadTransaction, ReadableTable as _},
};
use whisper_protocol::{Bloom, HistoryFilter, HistoryPage, HistoryQuery, StoredEnvelope, Topic};

use crate::{
    effort::{Effort, End, MAX_LISTED, MAX_TOPICS},
    keys,
};

use super::{
    block::{Damaged, Row},
    cursor::{Cursor, Lookup, envelope_of, find},
    row::hash_key,
    tables::{
        ARRIVALS, BLOCKS, BlockKey, COUNTS, HASHES, HOURS, LARGE, META, NEWEST, REMOVED, number,
    },
};

/// Bytes of an envelope that cost as much as another row when all topics are read.
const ROW_BYTES: usize = 1024;

/// The answer to a query, for which at most `max_skipped` rows are read that are not asked for.
pub(super) fn read(
    store: &Store,
    query: &HistoryQuery,
    max_skipped: usize,
) -> Result<HistoryPage, StoreError> {
    store.read(|transaction| {
        let meta = transaction.open_table(META)?;
        let newest = number(&meta, NEWEST)?;
        let tables = Tables {
            arrivals: transaction.open_table(ARRIVALS)?,
            blocks: transaction.open_table(BLOCKS)?,
            large: transaction.open_table(LARGE)?,
        };
        let page = Page {
            tables: &tables,
            query,
            envelopes: Vec::new(),
            bytes: 0,
            effort: Effort::new(max_skipped),
            oldest: number(&meta, REMOVED)? + 1,
            newest,
        };
        page.read(transaction)
    })
}

/// Where the envelopes are.
struct Tables {
    arrivals: ReadOnlyTable<u64, u32>,
    blocks: ReadOnlyTable<BlockKey, &'static [u8]>,
    large: ReadOnlyTable<u64, &'static [u8]>,
}

/// A page that is being filled.
struct Page<'a> {
    tables: &'a Tables,
    query: &'a HistoryQuery,
    envelopes: Vec<StoredEnvelope>,
    bytes: usize,
    effort: Effort,
    oldest: u64,
    newest: u64,
}

/// Whether an envelope found room.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Left,
    None,
}

impl Page<'_> {
    fn read(mut self, transaction: &ReadTransaction) -> Result<HistoryPage, redb::Error> {
        let arrivals = self.arrivals(transaction)?;
        let end = match &self.query.filter {
            _ if arrivals.is_empty() => End::Whole,
            HistoryFilter::All => self.read_all(None, arrivals)?,
            HistoryFilter::Topics(topics) => {
                let mut topics: Vec<u32> = topics.iter().copied().map(keys::topic_key).collect();
                topics.sort_unstable();
                topics.dedup();
                self.read_topics(&topics, arrivals)?
            }
            HistoryFilter::Bloom(bloom) => match topics_in(transaction, bloom)? {
                None => self.read_all(Some(bloom), arrivals)?,
                Some(topics) => self.read_topics(&topics, arrivals)?,
            },
            HistoryFilter::Hashes(hashes) => self.read_hashes(transaction, hashes, arrivals)?,
        };
        let query = self.query;
        let whole = query.until.min(self.newest).max(query.after);
        Ok(HistoryPage {
            end: match end {
                End::Whole => whole,
                // Without an envelope, its limit is 0.
                End::Full => self.envelopes.last().map_or(query.after, |last| last.arrival),
                End::Enough(last) => last,
            },
            more: end != End::Whole,
            envelopes: self.envelopes,
            oldest: self.oldest,
            newest: self.newest,
        })
    }

    /// The arrival numbers among which all answers are.
    fn arrivals(&self, transaction: &ReadTransaction) -> Result<RangeInclusive<u64>, redb::Error> {
        let query = self.query;
        let first = query.after.saturating_add(1).max(self.oldest);
        let last = query.until.min(self.newest);
        if query.sent == (0..=u32::MAX) {
            return Ok(first..=last);
        }
        let (mut least, mut greatest) = (u64::MAX, 0);
        let hours = query.sent.start() / 3600..=query.sent.end() / 3600;
        for (count, entry) in transaction.open_table(HOURS)?.range(hours)?.enumerate() {
            if count == MAX_LISTED {
                return Ok(first..=last); // It would cost more than it saves.
            }
            let (from, to) = entry?.1.value();
            (least, greatest) = (least.min(from), greatest.max(to));
        }
        Ok(first.max(least)..=last.min(greatest))
    }

    /// Reads the envelopes of all topics, or of those in a bloom.
    fn read_all(
        &mut self,
        bloom: Option<&Bloom>,
        arrivals: RangeInclusive<u64>,
    ) -> Result<End, redb::Error> {
        let tables = self.tables;
        let mut rows = Lookup::new(&tables.blocks);
        for entry in tables.arrivals.range(arrivals)? {
            let (arrival, topic) = entry?;
            let (arrival, topic) = (arrival.value(), topic.value());
            let is_in = |bloom: &Bloom| bloom.contains(&Bloom::of(keys::topic_of(topic)));
            let mut cost = 1;
            if bloom.is_none_or(is_in) {
                let stored = rows.read(topic, arrival, |row| {
                    cost += row.size as usize / ROW_BYTES;
                    self.is_wanted(&row).then(|| self.stored(&row)).transpose()
                })?;
                if let Some(stored) = stored {
                    if self.put(stored) == Room::None {
                        return Ok(End::Full);
                    }
                    continue;
                }
            }
            if !self.effort.skip(cost) {
                return Ok(End::Enough(arrival));
            }
        }
        Ok(End::Whole)
    }

    /// Merges the envelopes of the topics, in the order of their arrival.
    fn read_topics(
        &mut self,
        topics: &[u32],
        arrivals: RangeInclusive<u64>,
    ) -> Result<End, redb::Error> {
        let (first, last) = arrivals.into_inner();
        let mut cursors = Vec::with_capacity(topics.len());
        let mut heads = BinaryHeap::with_capacity(topics.len());
        for &topic in topics {
            let cursor = Cursor::new(&self.tables.blocks, topic, first, last)?;
            if let Some(row) = cursor.row()? {
                heads.push(Reverse((row.arrival, cursors.len())));
                cursors.push(cursor);
            }
        }
        while let Some(Reverse((arrival, index))) = heads.pop() {
            let cursor = &mut cursors[index];
            if let Some(row) = cursor.row()?.filter(|row| self.is_wanted(row)) {
                let stored = self.stored(&row)?;
                if self.put(stored) == Room::None {
                    return Ok(End::Full);
                }
            } else if !self.effort.skip(1) {
                return Ok(End::Enough(arrival));
            }
            cursor.advance()?;
            if let Some(row) = cursor.row()? {
                heads.push(Reverse((row.arrival, index)));
            }
        }
        Ok(End::Whole)
    }

    fn read_hashes(
        &mut self,
        transaction: &ReadTransaction,
        hashes: &[[u8; 32]],
        arrivals: RangeInclusive<u64>,
    ) -> Result<End, redb::Error> {
        let table = transaction.open_table(HASHES)?;
        let mut found = Vec::new();
        for hash in hashes {
            let key = hash_key(hash);
            for entry in table.range((key, 0)..=(key, u64::MAX))? {
                let (_, arrival) = entry?.0.value();
                if arrivals.contains(&arrival) {
                    found.push((arrival, hash));
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        for (arrival, hash) in found {
            let Some(topic) = self.tables.arrivals.get(arrival)? else { continue };
            let read = |row: Row<'_>| self.is_wanted(&row).then(|| self.stored(&row)).transpose();
            let stored = find(&self.tables.blocks, topic.value(), arrival, read)?;
            let stored = stored.ok_or(Damaged::Missing { arrival })?;
            if let Some(stored) = stored.filter(|stored| stored.envelope.hash() == hash)
                && self.put(stored) == Room::None
            {
                return Ok(End::Full);
            }
        }
        Ok(End::Whole)
    }

    /// Whether an envelope has the time and the dialect that are asked for.
    fn is_wanted(&self, row: &Row<'_>) -> bool {
        let query = self.query;
        query.dialect.is_none_or(|wanted| keys::dialect_byte(wanted) == row.dialect)
            && query.sent.contains(&row.sent)
    }

    fn stored(&self, row: &Row<'_>) -> Result<StoredEnvelope, redb::Error> {
        let envelope = envelope_of(row, &self.tables.large)?;
        Ok(StoredEnvelope { arrival: row.arrival, envelope })
    }

    /// Puts an envelope that is asked for into the page.
    fn put(&mut self, stored: StoredEnvelope) -> Room {
        let bytes = self.bytes + stored.envelope.raw().len();
        let full = self.envelopes.len() >= self.query.limit
            || (bytes > self.query.max_bytes && !self.envelopes.is_empty());
        if full {
            return Room::None;
        }
        self.bytes = bytes;
        self.envelopes.push(stored);
        Room::Left
    }
}

/// The topics of the archive that are in a bloom; `None` if all of them are, or if it costs less to read all envelopes.
fn topics_in(
    transaction: &ReadTransaction,
    bloom: &Bloom,
) -> Result<Option<Vec<u32>>, redb::Error> {
    let (mut topics, mut all) = (Vec::new(), true);
    for (count, entry) in transaction.open_table(COUNTS)?.iter()?.enumerate() {
        let topic: Topic = keys::topic_of(entry?.0.value());
        if bloom.contains(&Bloom::of(topic)) {
            topics.push(keys::topic_key(topic));
        } else {
            all = false;
        }
        if count == MAX_LISTED || topics.len() > MAX_TOPICS {
            return Ok(None);
        }
    }
    Ok((!all).then_some(topics))
}
