//! Writing envelopes.
//!
//! Who appends locks the only row of `whisper_archive` until its transaction ends, and takes the next arrival numbers from it.
//! So they are committed in their order: who sees a number sees all lower ones, and no open transaction has a lower one. A
//! sequence would give numbers out in another order than that of the commits. A reader could then leave out those numbers for
//! good, or would have to stop at the oldest transaction of the whole server (`pg_snapshot_xmin`), also of those that have
//! nothing to do with the archive.

use futures_util::future::try_join_all;
use p2p_world::HashMap;
use tokio_postgres::{Client, Error, Statement, Transaction, types::ToSql};
use whisper_protocol::{Appended, Envelope};

use crate::keys;

/// What a connection needs to append.
pub(super) struct Appender {
    client: Client,
    lock: Statement,
    known: Statement,
    insert: Statement,
    /// What is written beside the envelopes.
    days: Statement,
    hours: Statement,
    topics: Statement,
    newest: Statement,
}

const LOCK: &str = "
    SELECT newest, greatest(day, floor(extract(epoch FROM clock_timestamp()) / 86400)::INT) AS day
    FROM whisper_archive FOR UPDATE";

const KNOWN: &str = "SELECT hash, arrival FROM whisper_envelopes WHERE hash = ANY($1)";

const INSERT: &str = "
    INSERT INTO whisper_envelopes (day, arrival, sent, topic, dialect, hash, raw)
    SELECT $1, * FROM unnest($2::BIGINT[], $3::BIGINT[], $4::INT[], $5::SMALLINT[], $6::BYTEA[], $7::BYTEA[])";

const MAKE_DAY: &str = "
    INSERT INTO whisper_days (day, first, last, bytes) VALUES ($1, $2::BIGINT + 1, $2, 0)
    ON CONFLICT DO NOTHING";

const DAYS: &str = "
    UPDATE whisper_days SET last = $2, bytes = bytes + $3 WHERE day = $1";

const HOURS: &str = "
    INSERT INTO whisper_hours SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[])
    ON CONFLICT (hour) DO UPDATE SET last = greatest(whisper_hours.last, EXCLUDED.last)";

const TOPICS: &str = "
    INSERT INTO whisper_topics SELECT unnest($1::INT[]), $2
    ON CONFLICT (topic) DO UPDATE SET day = EXCLUDED.day WHERE whisper_topics.day < EXCLUDED.day";

/// Other nodes are notified.
const NEWEST: &str = "
    WITH changed AS (
        UPDATE whisper_archive SET newest = greatest(newest, $1), day = $2 RETURNING tableoid, id, newest
    )
    SELECT pg_notify('whisper_archive_' || tableoid, encode(id, 'hex') || ' ' || newest) FROM changed";

/// The envelopes that are not there yet, as columns.
#[derive(Default)]
struct Rows<'a> {
    arrivals: Vec<i64>,
    sent: Vec<i64>,
    topics: Vec<i32>,
    dialects: Vec<i16>,
    hashes: Vec<&'a [u8]>,
    raws: Vec<&'a [u8]>,
}

impl Appender {
    pub(super) async fn new(client: Client) -> Result<Self, Error> {
        let texts = [LOCK, KNOWN, INSERT, DAYS, HOURS, TOPICS, NEWEST];
        let statements = try_join_all(texts.map(|text| client.prepare(text))).await?;
        let all: Result<[Statement; 7], _> = statements.try_into();
        let Ok([lock, known, insert, days, hours, topics, newest]) = all else {
            unreachable!("one for each text")
        };
        Ok(Self { client, lock, known, insert, days, hours, topics, newest })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The connection, for other work between two appends.
    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Writes the envelopes that are not there yet. They are on the disk of the server when this returns.
    pub(super) async fn append(&mut self, envelopes: &[&Envelope]) -> Result<Vec<Appended>, Error> {
        let Self { client, lock, known, insert, days, hours, topics, newest } = self;
        let transaction = client.transaction().await?;
        let hashes: Vec<&[u8]> = envelopes.iter().map(|one| &one.hash()[..]).collect();
        let row = transaction.query_one(&*lock, &[]).await?;
        let (before, day): (i64, i32) = (row.get(0), row.get(1));
        let known = transaction.query(&*known, &[&hashes]).await?;
        let known = known.iter().map(|row| (row.get(0), row.get(1)));
        let (appended, rows) = sort(envelopes, known.collect(), before);
        let Some(&last) = rows.arrivals.last() else { return Ok(appended) };
        make_partition(&transaction, day, before).await?;
        let Rows { arrivals, sent, topics: of_topics, dialects, hashes, raws } = &rows;
        let bytes: i64 = raws.iter().map(|raw| raw.len().cast_signed() as i64).sum();
        let [of_hours, first, latest] = by_hour(sent, arrivals);
        let mut distinct = of_topics.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let columns: &[&(dyn ToSql + Sync)] =
            &[&day, arrivals, sent, of_topics, dialects, hashes, raws];
        try_join_all([
            transaction.execute(&*insert, columns),
            transaction.execute(&*days, &[&day, &last, &bytes]),
            transaction.execute(&*hours, &[&of_hours, &first, &latest]),
            transaction.execute(&*topics, &[&distinct, &day]),
            transaction.execute(&*newest, &[&last, &day]),
        ])
        .await?;
        transaction.commit().await?;
        Ok(appended)
    }
}

/// Gives the new envelopes their numbers. `known`: arrival numbers by hash.
fn sort<'a>(
    envelopes: &[&'a Envelope],
    mut known: HashMap<&'a [u8], i64>,
    mut newest: i64,
) -> (Vec<Appended>, Rows<'a>) {
    let mut rows = Rows::default();
    let appended = envelopes.iter().map(|envelope| {
        let hash = &envelope.hash()[..];
        if let Some(arrival) = known.get(hash) {
            return Appended { arrival: arrival.cast_unsigned(), known: true };
        }
        newest += 1;
        known.insert(hash, newest);
        rows.arrivals.push(newest);
        rows.sent.push(keys::sent(envelope).into());
        rows.topics.push(keys::topic_key(envelope.topic()).cast_signed());
        rows.dialects.push(keys::dialect_byte(envelope.dialect()).into());
        rows.hashes.push(hash);
        rows.raws.push(envelope.raw());
        Appended { arrival: newest.cast_unsigned(), known: false }
    });
    (appended.collect(), rows)
}

/// The hours of sending, with the first and the last arrival number of each.
fn by_hour(sent: &[i64], arrivals: &[i64]) -> [Vec<i64>; 3] {
    let mut sorted: Vec<(i64, i64)> =
        sent.iter().map(|sent| sent / 3600).zip(arrivals.iter().copied()).collect();
    sorted.sort_unstable();
    let mut columns = [Vec::new(), Vec::new(), Vec::new()];
    for group in sorted.chunk_by(|one, other| one.0 == other.0) {
        let (first, last) = (group[0], group[group.len() - 1]);
        for (column, value) in columns.iter_mut().zip([first.0, first.1, last.1]) {
            column.push(value);
        }
    }
    columns
}

/// Makes the partition of a day, if it is not there. It is attached, because to create one in place would wait for all readers.
pub(super) async fn make_partition(
    transaction: &Transaction<'_>,
    day: i32,
    newest: i64,
) -> Result<(), Error> {
    if transaction.execute(MAKE_DAY, &[&day, &newest]).await? == 0 {
        return Ok(());
    }
    let next = day.saturating_add(1);
    let make = format!(
        "CREATE TABLE whisper_envelopes_{day} (LIKE whisper_envelopes INCLUDING ALL);
         ALTER TABLE whisper_envelopes ATTACH PARTITION whisper_envelopes_{day} FOR VALUES FROM ({day}) TO ({next})"
    );
    transaction.batch_execute(&make).await
}
