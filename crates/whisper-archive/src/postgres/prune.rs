//! Removing old envelopes.

use tokio_postgres::{Client, Error, Transaction};

use super::ahead;
use crate::{Retention, clock::Clock};

/// Maximum number of envelopes that one transaction removes one by one: others can write between two.
const SLICE: i64 = 1000;

/// Readers are not made to wait longer for a day that is removed. It is tried again later.
const BEGIN: &str = "SET LOCAL lock_timeout = '2s'";

const LOCK: &str = "
    SELECT floor(extract(epoch FROM clock_timestamp()))::BIGINT, day FROM whisper_archive FOR UPDATE";

const DAYS: &str = "SELECT day, last, bytes FROM whisper_days ORDER BY day";

/// Removes the oldest of a day, while more than `$3` bytes are too many.
const OLDEST: &str = "
    WITH oldest AS (
        SELECT arrival, octet_length(raw) AS size FROM whisper_envelopes
        WHERE day = $1 ORDER BY arrival LIMIT $2
    ), too_many AS (
        SELECT arrival, sum(size) OVER (ORDER BY arrival) - size AS before FROM oldest
    ), removed AS (
        DELETE FROM whisper_envelopes USING too_many
        WHERE day = $1 AND whisper_envelopes.arrival = too_many.arrival AND before < $3
        RETURNING whisper_envelopes.arrival, octet_length(raw) AS size
    )
    SELECT max(arrival), coalesce(sum(size), 0)::BIGINT, count(*) FROM removed";

/// A day in the database.
struct Day {
    day: i32,
    last: i64,
    bytes: i64,
}

/// Removes the days that are too old, and the oldest envelopes beyond the limit in bytes, at most a slice of those. Before that,
/// days that a wrong clock has written ahead are moved back. Returns whether there may be more to remove.
pub(super) async fn prune(
    client: &mut Client,
    retention: &Retention,
    clock: &mut Clock,
) -> Result<bool, Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(BEGIN).await?;
    let row = transaction.query_one(LOCK, &[]).await?;
    let (now, newest): (i64, i32) = (row.get(0), row.get(1));
    let newest = u64::try_from(newest).ok().filter(|day| *day > 0);
    clock.begin(newest.map(|day| day * 86400));
    let is_believed = clock.is_believed(now.try_into().unwrap_or(0));
    if is_believed {
        ahead::move_back(&transaction, now).await?;
    }
    let rows = transaction.query(DAYS, &[]).await?;
    let days = rows.iter().map(|row| Day { day: row.get(0), last: row.get(1), bytes: row.get(2) });
    let days: Vec<Day> = days.collect();
    let mut total: i64 = days.iter().map(|day| day.bytes).sum();
    let max_bytes =
        retention.max_bytes.map_or(i64::MAX, |max| i64::try_from(max).unwrap_or(i64::MAX));
    let mut more = false;
    for day in &days {
        let end = (i64::from(day.day) + 1) * 86400;
        let old = retention.max_age.filter(|_| is_believed).is_some_and(|age| {
            end.saturating_add(i64::try_from(age.as_secs()).unwrap_or(i64::MAX)) <= now
        });
        if old || total - day.bytes >= max_bytes {
            drop_day(&transaction, day).await?;
            total -= day.bytes;
            continue;
        }
        if total > max_bytes {
            more = remove_oldest(&transaction, day.day, total - max_bytes).await?;
        }
        break;
    }
    transaction.commit().await?;
    Ok(more)
}

async fn drop_day(transaction: &Transaction<'_>, day: &Day) -> Result<(), Error> {
    let Day { day, last, .. } = day;
    transaction.batch_execute(&format!("DROP TABLE whisper_envelopes_{day}")).await?;
    transaction.execute("DELETE FROM whisper_days WHERE day = $1", &[day]).await?;
    transaction.execute("DELETE FROM whisper_topics WHERE day <= $1", &[day]).await?;
    removed(transaction, *last).await
}

/// Returns whether there may be more to remove.
async fn remove_oldest(
    transaction: &Transaction<'_>,
    day: i32,
    too_many: i64,
) -> Result<bool, Error> {
    let row = transaction.query_one(OLDEST, &[&day, &SLICE, &too_many]).await?;
    let (last, bytes, count): (Option<i64>, i64, i64) = (row.get(0), row.get(1), row.get(2));
    let Some(last) = last else { return Ok(false) };
    let update =
        "UPDATE whisper_days SET bytes = bytes - $2, first = $3::BIGINT + 1 WHERE day = $1";
    transaction.execute(update, &[&day, &bytes, &last]).await?;
    removed(transaction, last).await?;
    Ok(count == SLICE)
}

/// Everything up to this arrival number was removed.
async fn removed(transaction: &Transaction<'_>, last: i64) -> Result<(), Error> {
    transaction.execute("DELETE FROM whisper_hours WHERE last <= $1", &[&last]).await?;
    transaction.execute("UPDATE whisper_archive SET removed = $1", &[&last]).await?;
    Ok(())
}
