//! Reading envelopes.

use std::{cmp::Reverse, collections::BinaryHeap, ops::RangeInclusive};

use node_store::{
    Store, StoreError,
    redb::{self, ReadOnlyTable, ReadTransaction, ReadableTable as _},
};
use whisper_protocol::{Bloom, HistoryFilter, HistoryPage, HistoryQuery, StoredEnvelope, Topic};

use crate::keys;

use super::{
    row,
    tables::{COUNTS, HASHES, HOURS, LOG, META, NEWEST, REMOVED, TOPICS, number},
};

/// The answer to a query.
pub(super) fn read(store: &Store, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
    store.read(|transaction| {
        let meta = transaction.open_table(META)?;
        let newest = number(&meta, NEWEST)?;
        let page = Page {
            log: transaction.open_table(LOG)?,
            query,
            envelopes: Vec::new(),
            bytes: 0,
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
    oldest: u64,
    newest: u64,
}

/// Whether the page has room for more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Left,
    None,
}

impl Page<'_> {
    fn read(mut self, transaction: &ReadTransaction) -> Result<HistoryPage, redb::Error> {
        let arrivals = self.arrivals(transaction)?;
        let room = match &self.query.filter {
            _ if arrivals.is_empty() => Room::Left,
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
        let end = match (room, self.envelopes.last()) {
            (Room::None, Some(last)) => last.arrival,
            // A limit of 0.
            (Room::None, None) => self.query.after,
            (Room::Left, _) => self.query.until.min(self.newest).max(self.query.after),
        };
        Ok(HistoryPage {
            more: room == Room::None,
            envelopes: self.envelopes,
            end,
            oldest: self.oldest,
            newest: self.newest,
        })
    }

    /// The arrival numbers among which all answers are.
    fn arrivals(&self, transaction: &ReadTransaction) -> Result<RangeInclusive<u64>, redb::Error> {
        let query = self.query;
        let mut first = query.after.saturating_add(1).max(self.oldest);
        let mut last = query.until.min(self.newest);
        if query.sent != (0..=u32::MAX) {
            let (mut least, mut greatest) = (u64::MAX, 0);
            let hours = query.sent.start() / 3600..=query.sent.end() / 3600;
            for entry in transaction.open_table(HOURS)?.range(hours)? {
                let (from, to) = entry?.1.value();
                (least, greatest) = (least.min(from), greatest.max(to));
            }
            (first, last) = (first.max(least), last.min(greatest));
        }
        Ok(first..=last)
    }

    fn read_log(&mut self, arrivals: RangeInclusive<u64>) -> Result<Room, redb::Error> {
        for entry in self.log.range(arrivals)? {
            let (arrival, row) = entry?;
            if self.put(arrival.value(), row.value())? == Room::None {
                return Ok(Room::None);
            }
        }
        Ok(Room::Left)
    }

    /// Merges the envelopes of the topics, in the order of their arrival.
    fn read_topics(
        &mut self,
        transaction: &ReadTransaction,
        topics: &[u32],
        arrivals: RangeInclusive<u64>,
    ) -> Result<Room, redb::Error> {
        let table = transaction.open_table(TOPICS)?;
        let (first, last) = arrivals.into_inner();
        let mut ranges = Vec::with_capacity(topics.len());
        let mut heads = BinaryHeap::with_capacity(topics.len());
        for &topic in topics {
            let mut range = table.range((topic, first)..=(topic, last))?;
            if let Some(arrival) = self.next_of(&mut range)? {
                heads.push(Reverse((arrival, ranges.len())));
                ranges.push(range);
            }
        }
        while let Some(Reverse((arrival, index))) = heads.pop() {
            if self.put_arrival(arrival)? == Room::None {
                return Ok(Room::None);
            }
            if let Some(next) = self.next_of(&mut ranges[index])? {
                heads.push(Reverse((next, index)));
            }
        }
        Ok(Room::Left)
    }

    /// The next arrival number of a topic that has the right time and dialect.
    fn next_of(
        &self,
        range: &mut redb::Range<'_, (u32, u64), (u32, u8)>,
    ) -> Result<Option<u64>, redb::Error> {
        for entry in range {
            let (key, value) = entry?;
            let (sent, dialect) = value.value();
            let wanted =
                self.query.dialect.is_none_or(|wanted| keys::dialect_byte(wanted) == dialect);
            if wanted && self.query.sent.contains(&sent) {
                return Ok(Some(key.value().1));
            }
        }
        Ok(None)
    }

    fn read_hashes(
        &mut self,
        transaction: &ReadTransaction,
        hashes: &[[u8; 32]],
        arrivals: RangeInclusive<u64>,
    ) -> Result<Room, redb::Error> {
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
            if row::decode(arrival, stored.value())?.hash() == hash
                && self.put(arrival, stored.value())? == Room::None
            {
                return Ok(Room::None);
            }
        }
        Ok(Room::Left)
    }

    fn put_arrival(&mut self, arrival: u64) -> Result<Room, redb::Error> {
        let stored = self.log.get(arrival)?;
        let missing = || redb::Error::Corrupted(format!("envelope {arrival} is missing"));
        self.put(arrival, stored.ok_or_else(missing)?.value())
    }

    /// Puts an envelope into the page, if it was asked for.
    fn put(&mut self, arrival: u64, row: &[u8]) -> Result<Room, redb::Error> {
        let envelope = row::decode(arrival, row)?;
        let query = self.query;
        let wanted = query.dialect.is_none_or(|dialect| dialect == envelope.dialect())
            && query.sent.contains(&keys::sent(&envelope));
        if !wanted {
            return Ok(Room::Left);
        }
        let bytes = self.bytes + envelope.raw().len();
        let full = self.envelopes.len() >= query.limit
            || (bytes > query.max_bytes && !self.envelopes.is_empty());
        if full {
            return Ok(Room::None);
        }
        self.bytes = bytes;
        self.envelopes.push(StoredEnvelope { arrival, envelope });
        Ok(Room::Left)
    }
}

/// The topics of the archive that are in a bloom; `None` if all are.
fn topics_in(
    transaction: &ReadTransaction,
    bloom: &Bloom,
) -> Result<Option<Vec<u32>>, redb::Error> {
    let (mut topics, mut all) = (Vec::new(), true);
    for entry in transaction.open_table(COUNTS)?.iter()? {
        let topic: Topic = keys::topic_of(entry?.0.value());
        if bloom.contains(&Bloom::of(topic)) {
            topics.push(keys::topic_key(topic));
        } else {
            all = false;
        }
    }
    Ok((!all).then_some(topics))
}
