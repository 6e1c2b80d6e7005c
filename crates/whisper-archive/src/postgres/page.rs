//! Reading envelopes.

use bytes::Bytes;
use futures_util::future::{try_join, try_join_all, try_join3};
use tokio_postgres::{Client, Error, Statement, types::ToSql};
use whisper_protocol::{
    ArchiveId, Bloom, Dialect, Envelope, HistoryFilter, HistoryPage, HistoryQuery, StoredEnvelope,
};

use super::{
    merge::Merge,
    selection::{Found, Row, Selection, Wanted},
};
use crate::{
    effort::{End, MAX_LISTED, MAX_SKIPPED, MAX_TOPICS},
    keys,
};

/// How often a page is read again because something was removed or moved meanwhile. Then nothing is, while it is read.
const TRIES: usize = 2;

/// Maximum number of rows that are read at once.
const MAX_ROWS: usize = MAX_SKIPPED;

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
    /// The archive has got another id.
    Renewed,
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

const STATE: &str = "SELECT newest, removed, id, day FROM whisper_archive";

/// Holds up who removes, and who appends, until the end of the transaction.
const HOLD: &str = "BEGIN; SELECT FROM whisper_archive FOR SHARE";

/// The days that can have an answer.
const DAYS: &str = "SELECT day FROM whisper_days WHERE last > $1 AND first <= $2 ORDER BY day";

const HOURS: &str = "
    SELECT min(first), max(last) FROM whisper_hours WHERE hour BETWEEN $1 AND $2";

/// The topics that have been seen since a day.
const TOPICS: &str = "SELECT topic FROM whisper_topics WHERE day >= $1 LIMIT $2";

const LOG: &str = "
    SELECT arrival, sent, dialect, topic FROM whisper_envelopes
    WHERE day = $1 AND arrival > $2 AND arrival <= $3 ORDER BY arrival LIMIT $4";

const HASHES: &str = "
    SELECT arrival, sent, dialect, day FROM whisper_envelopes
    WHERE hash = ANY($1) AND arrival > $2 AND arrival <= $3 ORDER BY arrival";

/// For each topic the next arrival numbers after one of its own.
const MERGE: &str = "
    SELECT wanted.position, found.arrival, found.sent, found.dialect
    FROM unnest($1::INT[], $2::BIGINT[]) WITH ORDINALITY AS wanted (topic, after, position)
    CROSS JOIN LATERAL (
        SELECT arrival, sent, dialect FROM whisper_envelopes
        WHERE day = $3 AND topic = wanted.topic AND arrival > wanted.after AND arrival <= $4
        ORDER BY arrival LIMIT $5
    ) AS found";

/// The envelopes with these numbers, which arrived in these days, up to a number of bytes; the first one in any case.
const FETCH: &str = "
    SELECT arrival, dialect, raw FROM (
        SELECT arrival, dialect, raw, sum(octet_length(raw)) OVER (ORDER BY arrival) AS bytes
        FROM whisper_envelopes WHERE day BETWEEN $1 AND $2 AND arrival = ANY($3)
    ) AS wanted WHERE bytes <= $4 OR arrival = $5 ORDER BY arrival";

/// The numbers of the archive.
#[derive(Clone, Copy)]
struct State {
    newest: u64,
    /// The greatest arrival number that was removed.
    removed: u64,
    /// The day of arrival. If it has changed, a day that was ahead may have been moved back.
    day: i32,
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

    /// The answer to a query, from the archive with this id. What is removed while it is read is not left out silently: then it
    /// is read again.
    pub(super) async fn page(
        &self,
        id: ArchiveId,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, ReadError> {
        for _ in 0..TRIES {
            let (page, is_steady) = self.read(id, query).await?;
            if is_steady {
                return Ok(page);
            }
        }
        self.client.batch_execute(HOLD).await?;
        let read = self.read(id, query).await;
        self.client.batch_execute(if read.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
        Ok(read?.0)
    }

    async fn state(&self, id: ArchiveId) -> Result<State, ReadError> {
        let row = self.client.query_one(&self.state, &[]).await?;
        if row.get::<_, &[u8]>(2) != id.0 {
            return Err(ReadError::Renewed);
        }
        let (newest, removed): (i64, i64) = (row.get(0), row.get(1));
        let (newest, removed) = (newest.cast_unsigned(), removed.cast_unsigned());
        Ok(State { newest, removed, day: row.get(3) })
    }

    /// Reads a page. The second value is whether nothing was removed or moved meanwhile.
    async fn read(
        &self,
        id: ArchiveId,
        query: &HistoryQuery,
    ) -> Result<(HistoryPage, bool), ReadError> {
        let (State { newest, removed, day }, wanted, days) = self.wanted(id, query).await?;
        let mut selection = Selection::new(&wanted);
        if wanted.after < wanted.until {
            self.select(&query.filter, &days, &mut selection).await?;
        }
        let Selection { found, end, .. } = selection;
        let fetched = found.get(..query.limit).unwrap_or(&found);
        // Both are on their way at once; the server answers them in this order.
        let (envelopes, after) =
            try_join(self.fetch(fetched, query.max_bytes), self.state(id)).await?;
        let end = if envelopes.len() < found.len() { End::Full } else { end };
        let page = HistoryPage {
            end: match end {
                End::Whole => query.until.min(newest).max(query.after),
                // Without an envelope, its limit is 0.
                End::Full => envelopes.last().map_or(query.after, |last| last.arrival),
                End::Enough(last) => last,
            },
            more: end != End::Whole,
            envelopes,
            oldest: removed + 1,
            newest,
        };
        Ok((page, (after.removed, after.day) == (removed, day)))
    }

    /// Finds what a filter lets through.
    async fn select(
        &self,
        filter: &HistoryFilter,
        days: &[i32],
        selection: &mut Selection<'_>,
    ) -> Result<(), ReadError> {
        match filter {
            HistoryFilter::All => self.read_log(None, days, selection).await?,
            HistoryFilter::Topics(topics) => {
                let mut topics: Vec<i32> =
                    topics.iter().map(|topic| keys::topic_key(*topic).cast_signed()).collect();
                topics.sort_unstable();
                topics.dedup();
                self.read_topics(&topics, days, selection).await?;
            }
            HistoryFilter::Bloom(bloom) => match self.topics_in(bloom, days).await? {
                None => self.read_log(Some(bloom), days, selection).await?,
                Some(topics) => self.read_topics(&topics, days, selection).await?,
            },
            HistoryFilter::Hashes(hashes) => self.read_hashes(hashes, selection).await?,
        }
        Ok(())
    }

    /// The numbers of the archive, the arrival numbers among which all answers are, and their days.
    async fn wanted(
        &self,
        id: ArchiveId,
        query: &HistoryQuery,
    ) -> Result<(State, Wanted, Vec<i32>), ReadError> {
        let (mut after, mut until) = (number(query.after), number(query.until));
        let sent = [i64::from(*query.sent.start()), i64::from(*query.sent.end())];
        let days = async { Ok(self.client.query(&self.days, &[&after, &until]).await?) };
        let (state, days, hours) = try_join3(self.state(id), days, self.hours(query)).await?;
        after = after.max(number(state.removed));
        until = until.min(number(state.newest));
        if let Some((first, last)) = hours {
            (after, until) = (after.max(first - 1), until.min(last));
        }
        let dialect = query.dialect.map(|dialect| keys::dialect_byte(dialect).into());
        let count = query.limit.saturating_add(1);
        let days = days.iter().map(|row| row.get(0)).collect();
        Ok((state, Wanted { after, until, sent, dialect, count }, days))
    }

    /// The first and the last arrival number of those that were sent at this time; `None` if it does not matter.
    async fn hours(&self, query: &HistoryQuery) -> Result<Option<(i64, i64)>, ReadError> {
        if query.sent == (0..=u32::MAX) {
            return Ok(None);
        }
        let [first, last] =
            [query.sent.start(), query.sent.end()].map(|sent| i64::from(*sent / 3600));
        let row = self.client.query_one(&self.hours, &[&first, &last]).await?;
        let (first, last): (Option<i64>, Option<i64>) = (row.get(0), row.get(1));
        Ok(Some((first.unwrap_or(i64::MAX), last.unwrap_or(0))))
    }

    /// Reads all envelopes, or those whose topic is in a bloom.
    async fn read_log(
        &self,
        bloom: Option<&Bloom>,
        days: &[i32],
        selection: &mut Selection<'_>,
    ) -> Result<(), Error> {
        let Wanted { after, until, count, .. } = *selection.wanted;
        let mut rows = count.min(MAX_ROWS);
        for day in days {
            let mut after = after;
            loop {
                let parameters: [&(dyn ToSql + Sync); 4] = [day, &after, &until, &limit(rows)];
                let read = self.client.query(&self.log, &parameters).await?;
                for row in &read {
                    let topic = keys::topic_of(row.get::<_, i32>(3).cast_unsigned());
                    let is_asked = bloom.is_none_or(|bloom| bloom.contains(&Bloom::of(topic)));
                    let row = row_at(row, 0);
                    after = row.arrival;
                    if !selection.examine(*day, &row, is_asked) {
                        return Ok(());
                    }
                }
                if read.len() < rows {
                    break;
                }
                rows = (2 * rows).min(MAX_ROWS);
            }
        }
        Ok(())
    }

    async fn read_hashes(
        &self,
        hashes: &[[u8; 32]],
        selection: &mut Selection<'_>,
    ) -> Result<(), Error> {
        let Wanted { after, until, .. } = selection.wanted;
        let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash[..]).collect();
        let rows = self.client.query(&self.hashes, &[&hashes, after, until]).await?;
        let mut rows = rows.iter();
        while let Some(row) = rows.next().filter(|_| selection.is_open()) {
            selection.examine(row.get(3), &row_at(row, 0), true);
        }
        Ok(())
    }

    async fn read_topics(
        &self,
        topics: &[i32],
        days: &[i32],
        selection: &mut Selection<'_>,
    ) -> Result<(), Error> {
        for day in days {
            Merge::new(topics, *day, selection.wanted).read(self, selection).await?;
            if !selection.is_open() {
                break;
            }
        }
        Ok(())
    }

    /// The topics that are in a bloom and have been seen since the first of the days; `None` if all of them are in it, or if to
    /// read all envelopes costs less.
    async fn topics_in(&self, bloom: &Bloom, days: &[i32]) -> Result<Option<Vec<i32>>, Error> {
        let since = days.first().copied().unwrap_or(i32::MAX);
        let rows = self.client.query(&self.topics, &[&since, &limit(MAX_LISTED + 1)]).await?;
        let topics = rows
            .iter()
            .map(|row| row.get::<_, i32>(0))
            .filter(|topic| bloom.contains(&Bloom::of(keys::topic_of(topic.cast_unsigned()))));
        let topics: Vec<i32> = topics.collect();
        let is_better =
            topics.len() < rows.len() && topics.len() <= MAX_TOPICS && rows.len() <= MAX_LISTED;
        Ok(is_better.then_some(topics))
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

/// Arrival number, time of sending and dialect, in three columns from this one on.
pub(super) fn row_at(row: &tokio_postgres::Row, column: usize) -> Row {
    Row { arrival: row.get(column), sent: row.get(column + 1), dialect: row.get(column + 2) }
}

pub(super) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
