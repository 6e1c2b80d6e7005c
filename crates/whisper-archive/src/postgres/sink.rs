//! Writing and removing, as the writer needs it.

use p2p_world::rng;
use tokio_postgres::Client;
use tokio_util::sync::DropGuard;
use whisper_protocol::{Appended, ArchiveError};

use super::{
    append::Appender,
    error::PostgresError,
    identity::{Head, identify},
    prune,
    session::Connector,
};
use crate::{
    Retention,
    clock::Clock,
    group::{Answer, Group},
    writer::Sink,
};

/// The database, for the task that writes it.
pub(super) struct DatabaseSink {
    connector: Connector,
    retention: Retention,
    head: Head,
    /// That of the server.
    clock: Clock,
    /// `None` until it is needed, and after it was lost.
    appender: Option<Appender>,
    /// Ends the other tasks of the archive.
    _stop: DropGuard,
}

impl DatabaseSink {
    pub(super) fn new(
        connector: Connector,
        retention: Retention,
        head: Head,
        stop: DropGuard,
    ) -> Self {
        Self { connector, retention, head, clock: Clock::default(), appender: None, _stop: stop }
    }

    /// The open connection.
    async fn appender(&mut self) -> Result<&mut Appender, PostgresError> {
        let appender = match self.appender.take().filter(|appender| !appender.is_closed()) {
            Some(appender) => appender,
            None => {
                let mut client = self.connector.connect().await?;
                self.identify(&mut client).await?;
                Appender::new(client).await.map_err(|error| self.connector.error(error))?
            }
        };
        Ok(self.appender.insert(appender))
    }

    /// Gives the archive another id if this is not the database that it was written to before.
    async fn identify(&self, client: &mut Client) -> Result<(), PostgresError> {
        let failed = |error| self.connector.error(error);
        let transaction = client.transaction().await.map_err(failed)?;
        let known = Some(self.head.identity());
        identify(&self.connector, &transaction, known, rng().bytes()).await?;
        transaction.commit().await.map_err(failed)
    }

    async fn write(&mut self, group: &Group) -> Result<Vec<Appended>, PostgresError> {
        let connector = self.connector.clone();
        let appender = self.appender().await?;
        let envelopes: Vec<_> = group.envelopes().collect();
        appender.append(&envelopes).await.map_err(|error| connector.error(error))
    }

    async fn remove(&mut self) -> Result<bool, PostgresError> {
        let (connector, retention) = (self.connector.clone(), self.retention);
        let mut clock = self.clock;
        let appender = self.appender().await?;
        let pruned = prune::prune(appender.client(), &retention, &mut clock).await;
        self.clock = clock;
        pruned.map_err(|error| connector.error(error))
    }

    /// A connection that does not answer is not used again.
    fn end<T>(&mut self, outcome: Result<T, PostgresError>) -> Result<T, ArchiveError> {
        if matches!(outcome, Err(PostgresError::Silent { .. })) {
            self.appender = None;
        }
        outcome.map_err(ArchiveError::new)
    }
}

impl Sink for DatabaseSink {
    async fn append(&mut self, group: Group) -> Option<(Group, Answer)> {
        let connector = self.connector.clone();
        let appended = connector.answered(self.write(&group)).await;
        Some((group, self.end(appended)))
    }

    async fn prune(&mut self) -> Option<Result<bool, ArchiveError>> {
        let connector = self.connector.clone();
        let pruned = connector.answered(self.remove()).await;
        Some(self.end(pruned))
    }
}
