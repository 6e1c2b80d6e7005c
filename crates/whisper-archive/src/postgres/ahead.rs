//! Days of arrival that a clock which was ahead has written.

use tokio_postgres::{Error, Transaction};

use super::append::make_partition;
use crate::clock::FAR;

/// Maximum number of envelopes of such a day that are moved: nothing is appended meanwhile. More stay until the day is over.
const MAX_MOVED: i64 = 500_000;

/// The days that are ahead, in the order of their arrivals.
const AHEAD: &str = "SELECT day, first, last, bytes FROM whisper_days WHERE day > $1 ORDER BY day";

/// The day with the newest arrivals before those.
const BEFORE: &str = "SELECT greatest(max(day), $2) FROM whisper_days WHERE day <= $1";

/// Moves what arrived while the clock was ahead to the present: else everything that arrives until then would be in the same day, and
/// nothing of it would be removed for its age. The clock is believed now, and shows `now`, in seconds since 1970. The caller has
/// locked the archive.
pub(super) async fn move_back(transaction: &Transaction<'_>, now: i64) -> Result<(), Error> {
    let present = i32::try_from(now / 86_400).unwrap_or(i32::MAX);
    let latest = present.saturating_add(i32::try_from(FAR / 86_400).unwrap_or(0));
    let ahead = transaction.query(AHEAD, &[&latest]).await?;
    let count = |row: &tokio_postgres::Row| row.get::<_, i64>(2) - row.get::<_, i64>(1) + 1;
    let Some(first) = ahead.first().map(|row| row.get::<_, i64>(1)) else { return Ok(()) };
    let (days, envelopes) = (ahead.len(), ahead.iter().map(count).sum::<i64>());
    if envelopes > MAX_MOVED {
        tracing::warn!(
            days,
            envelopes,
            "too many envelopes arrived while the clock was ahead: they are kept until those days are over"
        );
        return Ok(());
    }
    let day: i32 = transaction.query_one(BEFORE, &[&latest, &present]).await?.get(0);
    make_partition(transaction, day, first - 1).await?;
    for row in &ahead {
        let (from, last, bytes): (i32, i64, i64) = (row.get(0), row.get(2), row.get(3));
        transaction
            .execute("UPDATE whisper_envelopes SET day = $1 WHERE day = $2", &[&day, &from])
            .await?;
        transaction.batch_execute(&format!("DROP TABLE whisper_envelopes_{from}")).await?;
        transaction.execute("DELETE FROM whisper_days WHERE day = $1", &[&from]).await?;
        let update = "UPDATE whisper_days SET last = $2, bytes = bytes + $3 WHERE day = $1";
        transaction.execute(update, &[&day, &last, &bytes]).await?;
        transaction
            .execute("UPDATE whisper_topics SET day = $1 WHERE day = $2", &[&day, &from])
            .await?;
    }
    transaction.execute("UPDATE whisper_archive SET day = $1", &[&day]).await?;
    tracing::warn!(
        days,
        envelopes,
        "what arrived while the clock was ahead counts as arrived today"
    );
    Ok(())
}
