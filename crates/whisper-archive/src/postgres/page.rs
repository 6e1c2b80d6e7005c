//! Reading envelopes.

use bytes::Bytes;
use futures_util::future::{try_join, try_join_all};
use tokio_postgres::{Client, Error, Statement};
use whisper_protocol::{
    Bloom, Dialect, Envelope, HistoryFilter, HistoryPage, HistoryQuery, StoredEnvelope,
};

use super::merge::Merge;
use crate::keys;

/// What a connection needs to read.
#[derive(Debug)]
pub(super) struct Reader {
    client: Client,
    state: Statement,
    days: Statement,
    hours: Statement,
    topics: Statement,
    log: Statement,
    hashes: Statement,
    pub(super) merge: Statement,
    fetch: Statement,
}

/// Why a page cannot be read.
pub(super) enum ReadError {
    Database(Error),
    /// A row cannot be decoded. It is not left out.
    Damaged(String),
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

const STATE: &str = "SELECT newest, removed FROM whisper_archive";

/// The days that can have an answer.
const DAYS: &str = "SELECT day FROM whisper_days WHERE last > $1 AND first <= $2 ORDER BY day";

const HOURS: &str = "
    SELECT min(first), max(last) FROM whisper_hours WHERE hour BETWEEN $1 AND $2";

/// The topics that have been seen since a day.
const TOPICS: &str = "SELECT topic FROM whisper_topics WHERE day >= $1";

const LOG: &str = "
    SELECT arrival FROM whisper_envelopes
    WHERE day = $1 AND arrival > $2 AND arrival <= $3 AND sent BETWEEN $4 AND $5
        AND ($6::SMALLINT IS NULL OR dialect = $6)
    ORDER BY arrival LIMIT $7";

const HASHES: &str = "
    SELECT arrival, day FROM whisper_envelopes
    WHERE hash = ANY($1) AND arrival > $2 AND arrival <= $3 AND sent BETWEEN $4 AND $5
        AND ($6::SMALLINT IS NULL OR dialect = $6)
    ORDER BY arrival LIMIT $7";

/// For each topic the next arrival numbers after one of its own.
const MERGE: &str = "
    SELECT wanted.position, found.arrival
    FROM unnest($1::INT[], $2::BIGINT[]) WITH ORDINALITY AS wanted (topic, after, position)
    CROSS JOIN LATERAL (
        SELECT arrival FROM whisper_envelopes
        WHERE day = $3 AND topic = wanted.topic AND arrival > wanted.after AND arrival <= $4
            AND sent BETWEEN $5 AND $6 AND ($7::SMALLINT IS NULL OR dialect = $7)
        ORDER BY arrival LIMIT $8
    ) AS found";

/// The envelopes with these numbers, which arrived in these days, up to a number of bytes; the first one in any case.
const FETCH: &str = "
    SELECT arrival, dialect, raw FROM (
        SELECT arrival, dialect, raw, sum(octet_length(raw)) OVER (ORDER BY arrival) AS bytes
        FROM whisper_envelopes WHERE day BETWEEN $1 AND $2 AND arrival = ANY($3)
    ) AS wanted WHERE bytes <= $4 OR arrival = $5 ORDER BY arrival";

/// What is asked for, in the types of the database.
pub(super) struct Wanted {
    pub(super) after: i64,
    pub(super) until: i64,
    pub(super) sent: [i64; 2],
    pub(super) dialect: Option<i16>,
    /// One more than the page may have: then there is more.
    pub(super) count: usize,
}

/// An envelope that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) arrival: i64,
    pub(super) day: i32,
}

impl Reader {
    pub(super) async fn new(client: Client) -> Result<Self, Error> {
        let texts = [STATE, DAYS, HOURS, TOPICS, LOG, HASHES, MERGE, FETCH];
        let statements = try_join_all(texts.map(|text| client.prepare(text))).await?;
        let all: Result<[Statement; 8], _> = statements.try_into();
        let Ok([state, days, hours, topics, log, hashes, merge, fetch]) = all else {
            unreachable!("one for each text")
        };
        Ok(Self { client, state, days, hours, topics, log, hashes, merge, fetch })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The answer to a query. What is removed while it is read is not left out silently: then it is read again.
    pub(super) async fn page(&self, query: &HistoryQuery) -> Result<HistoryPage, ReadError> {
        loop {
            let (newest, removed) = self.state().await?;
            let page = self.page_of(query, newest, removed).await?;
            if self.state().await?.1 == removed {
                return Ok(page);
            }
        }
    }

    /// The newest arrival number, and the greatest one that was removed.
    async fn state(&self) -> Result<(u64, u64), Error> {
        let row = self.client.query_one(&self.state, &[]).await?;
        let (newest, removed): (i64, i64) = (row.get(0), row.get(1));
        Ok((newest.cast_unsigned(), removed.cast_unsigned()))
    }

    async fn page_of(
        &self,
        query: &HistoryQuery,
        newest: u64,
        removed: u64,
    ) -> Result<HistoryPage, ReadError> {
        let (wanted, days) = self.wanted(query, newest, removed).await?;
        let found = match &query.filter {
            _ if wanted.after >= wanted.until => Vec::new(),
            HistoryFilter::All => self.read_log(&days, &wanted).await?,
            HistoryFilter::Topics(topics) => {
                let mut topics: Vec<i32> =
                    topics.iter().map(|topic| keys::topic_key(*topic).cast_signed()).collect();
                topics.sort_unstable();
                topics.dedup();
                self.read_topics(topics, &days, &wanted).await?
            }
            HistoryFilter::Bloom(bloom) => match self.topics_in(bloom, &days).await? {
                None => self.read_log(&days, &wanted).await?,
                Some(topics) => self.read_topics(topics, &days, &wanted).await?,
            },
            HistoryFilter::Hashes(hashes) => self.read_hashes(hashes, &wanted).await?,
        };
        let fetched = found.get(..query.limit).unwrap_or(&found);
        let envelopes = self.fetch(fetched, query.max_bytes).await?;
        let more = envelopes.len() < found.len();
        let end = match envelopes.last() {
            Some(last) if more => last.arrival,
            None if more => query.after, // a limit of 0
            _ => query.until.min(newest).max(query.after),
        };
        Ok(HistoryPage { envelopes, end, more, oldest: removed + 1, newest })
    }

    /// The arrival numbers among which all answers are, and their days.
    async fn wanted(
        &self,
        query: &HistoryQuery,
        newest: u64,
        removed: u64,
    ) -> Result<(Wanted, Vec<i32>), Error> {
        let mut after = number(query.after.max(removed));
        let mut until = number(query.until.min(newest));
        let sent = [i64::from(*query.sent.start()), i64::from(*query.sent.end())];
        let all = query.sent == (0..=u32::MAX);
        let hours = [sent[0] / 3600, sent[1] / 3600];
        let (days, hours) = try_join(
            self.client.query(&self.days, &[&after, &until]),
            self.client.query_one(&self.hours, &[&hours[0], &hours[1]]),
        )
        .await?;
        if !all {
            let (first, last): (Option<i64>, Option<i64>) = (hours.get(0), hours.get(1));
            after = after.max(first.map_or(i64::MAX, |first| first - 1));
            until = until.min(last.unwrap_or(0));
        }
        let dialect = query.dialect.map(|dialect| keys::dialect_byte(dialect).into());
        let count = query.limit.saturating_add(1);
        let days = days.iter().map(|row| row.get(0)).collect();
        Ok((Wanted { after, until, sent, dialect, count }, days))
    }

    async fn read_log(&self, days: &[i32], wanted: &Wanted) -> Result<Vec<Found>, Error> {
        let Wanted { after, until, sent: [from, to], dialect, count } = wanted;
        let mut found = Vec::new();
        for day in days {
            let room = limit(count - found.len());
            let rows = self
                .client
                .query(&self.log, &[day, after, until, from, to, dialect, &room])
                .await?;
            found.extend(rows.iter().map(|row| Found { arrival: row.get(0), day: *day }));
            if found.len() >= *count {
                break;
            }
        }
        Ok(found)
    }

    async fn read_hashes(&self, hashes: &[[u8; 32]], wanted: &Wanted) -> Result<Vec<Found>, Error> {
        let Wanted { after, until, sent: [from, to], dialect, count } = wanted;
        let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash[..]).collect();
        let room = limit(*count);
        let rows = self
            .client
            .query(&self.hashes, &[&hashes, after, until, from, to, dialect, &room])
            .await?;
        Ok(rows.iter().map(|row| Found { arrival: row.get(0), day: row.get(1) }).collect())
    }

    async fn read_topics(
        &self,
        topics: Vec<i32>,
        days: &[i32],
        wanted: &Wanted,
    ) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        for day in days {
            Merge::new(&topics, *day, wanted).read(self, &mut found).await?;
            if found.len() >= wanted.count {
                break;
            }
        }
        Ok(found)
    }

    /// The topics that are in a bloom and have been seen since the first of the days; `None` if all of them are in it.
    async fn topics_in(&self, bloom: &Bloom, days: &[i32]) -> Result<Option<Vec<i32>>, Error> {
        let since = days.first().copied().unwrap_or(i32::MAX);
        let rows = self.client.query(&self.topics, &[&since]).await?;
        let topics = rows
            .iter()
            .map(|row| row.get::<_, i32>(0))
            .filter(|topic| bloom.contains(&Bloom::of(keys::topic_of(topic.cast_unsigned()))));
        let topics: Vec<i32> = topics.collect();
        Ok((topics.len() < rows.len()).then_some(topics))
    }

    async fn fetch(
        &self,
        found: &[Found],
        max_bytes: usize,
    ) -> Result<Vec<StoredEnvelope>, ReadError> {
        let (Some(first), Some(last)) = (found.first(), found.last()) else {
            return Ok(Vec::new());
        };
        let (arrivals, max_bytes) =
            (found.iter().map(|found| found.arrival).collect::<Vec<_>>(), limit(max_bytes));
        let rows = self
            .client
            .query(&self.fetch, &[&first.day, &last.day, &arrivals, &max_bytes, &first.arrival])
            .await?;
        let decode = |row: &tokio_postgres::Row| {
            let (arrival, dialect, raw): (i64, i16, &[u8]) = (row.get(0), row.get(1), row.get(2));
            let dialect = match dialect {
                5 => Dialect::V5,
                6 => Dialect::V6,
                other => {
                    return Err(ReadError::Damaged(format!(
                        "envelope {arrival} is of shh/{other}"
                    )));
                }
            };
            let envelope = Envelope::decode(dialect, Bytes::copy_from_slice(raw));
            let envelope = envelope
                .map_err(|error| ReadError::Damaged(format!("envelope {arrival}: {error}")))?;
            Ok(StoredEnvelope { arrival: arrival.cast_unsigned(), envelope })
        };
        rows.iter().map(decode).collect()
    }
}

/// An arrival number of the database. No archive has more than fit.
fn number(arrival: u64) -> i64 {
    i64::try_from(arrival).unwrap_or(i64::MAX)
}

pub(super) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
