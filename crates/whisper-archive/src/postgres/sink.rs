//! Writing and removing, as the writer needs it.

use p2p_world::rng;
use tokio_postgres::Client;
use tokio_util::sync::DropGuard;
use whisper_protocol::ArchiveError;

use super::{
    append::Appender,
    error::PostgresError,
    identity::{Head, identify},
    prune,
    session::Connector,
};
use crate::{
    Retention,
    group::{Answer, Group},
    writer::Sink,
};

/// The database, for the task that writes it.
pub(super) struct DatabaseSink {
    connector: Connector,
    retention: Retention,
    head: Head,
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
        Self { connector, retention, head, appender: None, _stop: stop }
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

    async fn write(&mut self, group: &Group) -> Answer {
        let connector = self.connector.clone();
        let appender = self.appender().await.map_err(ArchiveError::new)?;
        let envelopes: Vec<_> = group.envelopes().collect();
        let appended = appender.append(&envelopes).await;
        appended.map_err(|error| ArchiveError::new(connector.error(error)))
    }
}

impl Sink for DatabaseSink {
    async fn append(&mut self, group: Group) -> Option<(Group, Answer)> {
        let answer = self.write(&group).await;
        Some((group, answer))
    }

    async fn prune(&mut self) -> Option<Result<bool, ArchiveError>> {
        let (connector, retention) = (self.connector.clone(), self.retention);
        let pruned = async {
            let appender = self.appender().await?;
            let pruned = prune::prune(appender.client(), &retention).await;
            pruned.map_err(|error| connector.error(error))
        };
        Some(pruned.await.map_err(ArchiveError::new))
    }
}
