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
    row::{self, Keys},
    tables::{COUNTS, HASHES, HOURS, LOG, META, NEWEST, REMOVED, TOPICS, number},
};

/// Bytes of a row of the log that cost as much as another row: it is read as a whole.
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
        let page = Page {
            log: transaction.open_table(LOG)?,
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

/// A page that is being filled.
struct Page<'a> {
    log: ReadOnlyTable<u64, &'static [u8]>,
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

/// The next row of a topic: its arrival number, its time of sending and its dialect.
type Head = (u64, u32, u8);

impl Page<'_> {
    fn read(mut self, transaction: &ReadTransaction) -> Result<HistoryPage, redb::Error> {
        let arrivals = self.arrivals(transaction)?;
        let end = match &self.query.filter {
            _ if arrivals.is_empty() => End::Whole,
            HistoryFilter::All => self.read_log(arrivals)?,
            HistoryFilter::Topics(topics) => {
                let mut topics: Vec<u32> = topics.iter().copied().map(keys::topic_key).collect();
                topics.sort_unstable();
                topics.dedup();
                self.read_topics(transaction, &topics, arrivals)?
            }
            HistoryFilter::Bloom(bloom) => match topics_in(transaction, bloom)? {
                None => self.read_log(arrivals)?,
                Some(topics) => self.read_topics(transaction, &topics, arrivals)?,
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

    fn read_log(&mut self, arrivals: RangeInclusive<u64>) -> Result<End, redb::Error> {
        for entry in self.log.range(arrivals)? {
            let (arrival, row) = entry?;
            let (arrival, row) = (arrival.value(), row.value());
            let envelope = row::decode(arrival, row)?;
            if self.query.asks_for(arrival, &envelope) {
                if self.put(StoredEnvelope { arrival, envelope }) == Room::None {
                    return Ok(End::Full);
                }
            } else if !self.effort.skip(1 + row.len() / ROW_BYTES) {
                return Ok(End::Enough(arrival));
            }
        }
        Ok(End::Whole)
    }

    /// Merges the envelopes of the topics, in the order of their arrival.
    fn read_topics(
        &mut self,
        transaction: &ReadTransaction,
        topics: &[u32],
        arrivals: RangeInclusive<u64>,
    ) -> Result<End, redb::Error> {
        let table = transaction.open_table(TOPICS)?;
        let (first, last) = arrivals.into_inner();
        let mut ranges = Vec::with_capacity(topics.len());
        let mut heads = BinaryHeap::with_capacity(topics.len());
        for &topic in topics {
            let mut range = table.range((topic, first)..=(topic, last))?;
            if let Some(head) = next_of(&mut range)? {
                heads.push(Reverse((head, ranges.len())));
                ranges.push(range);
            }
        }
        while let Some(Reverse(((arrival, sent, dialect), index))) = heads.pop() {
            if self.is_wanted(sent, dialect) {
                if self.put_arrival(arrival)? == Room::None {
                    return Ok(End::Full);
                }
            } else if !self.effort.skip(1) {
                return Ok(End::Enough(arrival));
            }
            if let Some(next) = next_of(&mut ranges[index])? {
                heads.push(Reverse((next, index)));
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
            let key = row::hash_key(hash);
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
            let Some(stored) = self.log.get(arrival)? else { continue };
            let envelope = row::decode(arrival, stored.value())?;
            let Keys { sent, dialect, .. } = Keys::of(&envelope);
            if envelope.hash() == hash
                && self.is_wanted(sent, dialect)
                && self.put(StoredEnvelope { arrival, envelope }) == Room::None
            {
                return Ok(End::Full);
            }
        }
        Ok(End::Whole)
    }

    /// Whether an envelope has the time and the dialect that are asked for.
    fn is_wanted(&self, sent: u32, dialect: u8) -> bool {
        let query = self.query;
        query.dialect.is_none_or(|wanted| keys::dialect_byte(wanted) == dialect)
            && query.sent.contains(&sent)
    }

    fn put_arrival(&mut self, arrival: u64) -> Result<Room, redb::Error> {
        let stored = self.log.get(arrival)?;
        let missing = || redb::Error::Corrupted(format!("envelope {arrival} is missing"));
        let envelope = row::decode(arrival, stored.ok_or_else(missing)?.value())?;
        Ok(self.put(StoredEnvelope { arrival, envelope }))
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

/// The next row of a topic.
fn next_of(
    range: &mut redb::Range<'_, (u32, u64), (u32, u8)>,
) -> Result<Option<Head>, redb::Error> {
    let Some((key, value)) = range.next().transpose()? else { return Ok(None) };
    let ((_, arrival), (sent, dialect)) = (key.value(), value.value());
    Ok(Some((arrival, sent, dialect)))
}

/// The topics of the archive that are in a bloom; `None` if all of them are, or if to read the log costs less.
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
