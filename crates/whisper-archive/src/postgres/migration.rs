//! The versions of the tables.

use tokio_postgres::Client;

use super::{
    error::PostgresError,
    identity::{Identity, identify},
    session::Connector,
};

/// The steps from each version to the next.
const MIGRATIONS: &[&str] = &[include_str!("1.sql"), include_str!("2.sql")];

/// Other nodes wait here while one of them changes the tables of this schema.
const LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtext('whisper_archive'), hashtext(current_schema()))";

const FOUND: &str = "SELECT to_regclass('whisper_archive') IS NOT NULL";
const VERSION: &str = "SELECT version FROM whisper_archive";
const FIRST: &str = "INSERT INTO whisper_archive (version, id) VALUES (0, $1)";
const MIGRATED: &str = "UPDATE whisper_archive SET version = $1";

/// Makes the tables, or brings them to the present version. Returns the identity of the archive, whose id is `fresh` if it is
/// new.
pub(super) async fn migrate(
    connector: &Connector,
    client: &mut Client,
    fresh: [u8; 8],
) -> Result<Identity, PostgresError> {
    let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    let failed = |error| connector.error(error);
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.execute(LOCK, &[]).await.map_err(failed)?;
    let is_there: bool = transaction.query_one(FOUND, &[]).await.map_err(failed)?.get(0);
    let mut steps = MIGRATIONS;
    if is_there {
        let found: i32 = transaction.query_one(VERSION, &[]).await.map_err(failed)?.get(0);
        if found > known {
            let target = connector.target().clone();
            return Err(PostgresError::Newer { target, found, known });
        }
        steps = usize::try_from(found).ok().and_then(|found| steps.get(found..)).unwrap_or(steps);
    } else if let Some((first, others)) = steps.split_first() {
        transaction.batch_execute(first).await.map_err(failed)?;
        transaction.execute(FIRST, &[&&fresh[..]]).await.map_err(failed)?;
        steps = others;
    }
    for step in steps {
        transaction.batch_execute(step).await.map_err(failed)?;
    }
    if !is_there || !steps.is_empty() {
        transaction.execute(MIGRATED, &[&known]).await.map_err(failed)?;
    }
    let identity = identify(connector, &transaction, None, fresh).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(identity)
}
