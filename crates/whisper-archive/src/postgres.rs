//! An archive in a PostgreSQL database.

mod address;
mod ahead;
mod append;
mod error;
mod identity;
mod merge;
mod migration;
mod page;
mod pool;
mod prune;
mod selection;
mod session;
mod sink;
mod tls;

use std::{sync::Arc, time::Duration};

use p2p_world::{World, rng};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;
use whisper_protocol::{
    Appended, Archive, ArchiveError, ArchiveFuture, ArchiveId, Envelope, HistoryPage, HistoryQuery,
};

pub use address::{PostgresAddress, Target};
pub use error::PostgresError;

use crate::{
    Retention,
    group::Appends,
    writer::{Newest, Writer},
};
use identity::{Head, Identity};
use pool::Pool;
use session::Connector;
use sink::DatabaseSink;

/// Time between two attempts to connect, after a connection was lost.
const RECONNECT: Duration = Duration::from_secs(1);

/// An archive in a PostgreSQL database. Clones share it, and several nodes can write and read the same one.
///
/// Appends are grouped: they wait up to 50 ms for others, and are then written in one transaction. When the last clone is
/// dropped, what was appended before is still written; [`close`](Self::close) waits for that.
///
/// A connection that is lost is opened again. An append that fails meanwhile is an error, and can be repeated: what is stored
/// already is not stored twice.
///
/// ```no_run
/// use p2p_world::SystemWorld;
/// use whisper_archive::{PostgresAddress, PostgresArchive, Retention};
///
/// # async fn example() -> Result<(), whisper_archive::PostgresError> {
/// let address: PostgresAddress = "postgres://node@localhost/whisper".parse()?;
/// let address = address.password_from_env();
/// let archive = PostgresArchive::open(SystemWorld::shared(), address, Retention::default()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresArchive {
    head: Head,
    pool: Arc<Pool>,
    appends: Appends,
    newest: watch::Receiver<u64>,
}

impl PostgresArchive {
    /// Connects to the database, makes the tables or brings them to the present version, and starts the tasks that write them
    /// and watch them. Call it on a Tokio runtime with IO and time.
    ///
    /// [`Retention`] is applied to whole days of arrival, by the clock of the server: an envelope stays up to a day longer than
    /// [`Retention::max_age`]. Nodes with different limits apply the strictest.
    ///
    /// # Errors
    ///
    /// [`PostgresError`].
    pub async fn open(
        world: Arc<dyn World>,
        address: PostgresAddress,
        retention: Retention,
    ) -> Result<Self, PostgresError> {
        let connector = Connector::new(world, address)?;
        let mut client = connector.connect().await?;
        let identity = migration::migrate(&connector, &mut client, rng().bytes()).await?;
        warn_if_unsafe(&connector, &client).await?;
        let (raised, newest) = Newest::new(identity.newest);
        let head = Head::new(identity, raised.clone());
        let (appends, receiver) = Appends::new();
        let stop = CancellationToken::new();
        let listener = listen(connector.clone(), head.clone());
        let stopped = stop.clone();
        connector.world.spawn(Box::pin(async move {
            stopped.run_until_cancelled(listener).await;
        }));
        let sink = DatabaseSink::new(connector.clone(), retention, head.clone(), stop.drop_guard());
        connector.world.spawn(Box::pin(Writer::new(sink, raised).run(receiver)));
        let pool = Arc::new(Pool::new(connector, head.clone()));
        Ok(Self { head, pool, appends, newest })
    }

    /// Waits until everything that was appended is written. It waits for the other clones, too.
    pub async fn close(self) {
        let Self { appends, pool, head, mut newest } = self;
        drop((appends, pool, head));
        // The writer and the listener drop the other end last.
        while newest.changed().await.is_ok() {}
    }
}

impl Archive for PostgresArchive {
    fn id(&self) -> ArchiveId {
        self.head.id()
    }

    fn append(&self, envelopes: Vec<Envelope>) -> ArchiveFuture<'_, Vec<Appended>> {
        Box::pin(self.appends.append(envelopes))
    }

    fn page(&self, query: HistoryQuery) -> ArchiveFuture<'_, HistoryPage> {
        Box::pin(async move { self.pool.page(&query).await.map_err(ArchiveError::new) })
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.newest.clone()
    }
}

/// A server without `fsync` can lose what it has acknowledged.
async fn warn_if_unsafe(
    connector: &Connector,
    client: &tokio_postgres::Client,
) -> Result<(), PostgresError> {
    let row = client.query_one("SELECT current_setting('fsync')", &[]).await;
    if row.map_err(|error| connector.error(error))?.get::<_, &str>(0) == "off" {
        let target = connector.target();
        tracing::warn!(%target, "the server runs with fsync=off: stored envelopes are lost if its power fails");
    }
    Ok(())
}

/// Learns of what other nodes append, without end.
async fn listen(connector: Connector, head: Head) {
    loop {
        if let Err(error) = listen_once(&connector, &head).await {
            let error = whisper_protocol::identity::causes(&error);
            tracing::warn!(%error, "what other nodes store in the archive is seen only when the database answers again");
        }
        sleep(RECONNECT).await;
    }
}

/// Returns when the connection has ended.
async fn listen_once(connector: &Connector, head: &Head) -> Result<(), PostgresError> {
    const CHANNEL: &str = "SELECT 'whisper_archive_' || tableoid FROM whisper_archive";
    const NOW: &str = "SELECT id, newest FROM whisper_archive";
    let failed = |error| connector.error(error);
    let (client, ended) = connector.listen(head.clone()).await?;
    let channel = client.query_one(CHANNEL, &[]).await.map_err(failed)?;
    client.batch_execute(&format!("LISTEN {}", channel.get::<_, &str>(0))).await.map_err(failed)?;
    // What happened before.
    let row = client.query_one(NOW, &[]).await.map_err(failed)?;
    if let Some(identity) = Identity::of(&row) {
        head.set(identity);
    }
    let _ = ended.await;
    Ok(())
}
