//! Connections to a database.

use std::{fmt, future::poll_fn, sync::Arc, time::Duration};

use p2p_world::World;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Connection, Socket, tls::TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    address::{PostgresAddress, Target},
    error::PostgresError,
    identity::{Head, Identity},
    tls,
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

/// Maximum time to open a connection.
const OPEN_TIME: Duration = Duration::from_secs(30);

/// Maximum time for a page, an append or a removal: more than the server gives to a statement. A server that is frozen ends none.
const ANSWER_TIME: Duration = Duration::from_secs(150);

/// Opens connections to one database.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) world: Arc<dyn World>,
    pub(super) address: PostgresAddress,
    tls: MakeRustlsConnect,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Connector {
    pub(super) fn new(
        world: Arc<dyn World>,
        address: PostgresAddress,
    ) -> Result<Self, PostgresError> {
        let tls = tls::connector(&address.trust, Arc::clone(&world))?;
        Ok(Self { world, address, tls })
    }

    pub(super) fn target(&self) -> &Target {
        &self.address.target
    }

    pub(super) fn error(&self, error: tokio_postgres::Error) -> PostgresError {
        PostgresError::of(self.target(), error)
    }

    /// Waits for an answer of the database, for a limited time. The connection must not be used again if there is none.
    pub(super) async fn answered<T>(
        &self,
        answer: impl Future<Output = Result<T, PostgresError>>,
    ) -> Result<T, PostgresError> {
        self.within(ANSWER_TIME, answer).await
    }

    async fn within<T>(
        &self,
        time: Duration,
        answer: impl Future<Output = Result<T, PostgresError>>,
    ) -> Result<T, PostgresError> {
        let silent = |_| Err(PostgresError::Silent { target: self.target().clone() });
        timeout(time, answer).await.unwrap_or_else(silent)
    }

    /// Opens a connection. It ends when the client is dropped.
    pub(super) async fn connect(&self) -> Result<Client, PostgresError> {
        self.within(OPEN_TIME, self.open()).await
    }

    async fn open(&self) -> Result<Client, PostgresError> {
        let connected = self.address.config.connect(self.tls.clone()).await;
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
        let connected = self.address.config.connect(self.tls.clone()).await;
        let (client, connection) = connected.map_err(|error| self.error(error))?;
        let (open, ended) = tokio::sync::oneshot::channel();
        self.world.spawn(Box::pin(async move {
            receive(connection, head).await;
            drop(open);
        }));
        Ok((client, ended))
    }
}

async fn receive<S: TlsStream + Unpin>(mut connection: Connection<Socket, S>, head: Head) {
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message
            && let Some(identity) = Identity::parse(notification.payload())
        {
            head.set(identity);
        }
    }
}

#[cfg(test)]
mod tests {
    use p2p_world::SystemWorld;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("postgres://node@{}/whisper", listener.local_addr().unwrap());
        let connector = Connector::new(SystemWorld::shared(), address.parse().unwrap()).unwrap();
        let (server, client) = tokio::join!(listener.accept(), connector.connect());
        assert!(matches!(client, Err(PostgresError::Silent { .. })));
        server.unwrap();
    }
}
