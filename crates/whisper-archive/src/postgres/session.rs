//! Connections to a database.

use std::{future::poll_fn, sync::Arc};

use p2p_world::World;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Socket, tls::NoTlsStream};

use super::{
    address::{PostgresAddress, Target},
    error::PostgresError,
    identity::{Head, Identity},
};

/// What each connection begins with. What is acknowledged must be on the disk, whatever is the default of the server. A
/// transaction whose node is gone ends by itself: it keeps others from appending.
const BEGIN: &str = "
    SELECT set_config('synchronous_commit', 'on', FALSE)
        WHERE current_setting('synchronous_commit') = 'off';
    SET idle_in_transaction_session_timeout = '10s';
    SET lock_timeout = '30s';
    SET statement_timeout = '120s';
    SET default_transaction_isolation = 'read committed'";

/// Opens connections to one database.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) world: Arc<dyn World>,
    pub(super) address: PostgresAddress,
}

impl Connector {
    pub(super) fn target(&self) -> &Target {
        &self.address.target
    }

    pub(super) fn error(&self, error: tokio_postgres::Error) -> PostgresError {
        PostgresError::of(self.target(), error)
    }

    /// Opens a connection. It ends when the client is dropped.
    pub(super) async fn connect(&self) -> Result<Client, PostgresError> {
        let connected = self.address.config.connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| self.error(error))?;
        self.world.spawn(Box::pin(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the archive's database has ended");
            }
        }));
        client.batch_execute(BEGIN).await.map_err(|error| self.error(error))?;
        Ok(client)
    }

    /// Opens a connection that takes over what each notification says. The channel closes when the connection ends.
    pub(super) async fn listen(
        &self,
        head: Head,
    ) -> Result<(Client, tokio::sync::oneshot::Receiver<()>), PostgresError> {
        let connected = self.address.config.connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| self.error(error))?;
        let (open, ended) = tokio::sync::oneshot::channel();
        self.world.spawn(Box::pin(async move {
            receive(connection, head).await;
            drop(open);
        }));
        Ok((client, ended))
    }
}

async fn receive(mut connection: Connection<Socket, NoTlsStream>, head: Head) {
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message
            && let Some(identity) = Identity::parse(notification.payload())
        {
            head.set(identity);
        }
    }
}
