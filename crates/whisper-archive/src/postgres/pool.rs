//! The connections that read.

use std::sync::Mutex;

use tokio::sync::Semaphore;
use whisper_protocol::{HistoryPage, HistoryQuery};

use super::{
    error::PostgresError,
    identity::Head,
    page::{ReadError, Reader},
    session::Connector,
};

/// Maximum number of connections that read. Further readers wait.
const READERS: usize = 4;

/// The connections that read. They are opened when they are needed.
#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    head: Head,
    idle: Mutex<Vec<Reader>>,
    permits: Semaphore,
}

impl Pool {
    pub(super) fn new(connector: Connector, head: Head) -> Self {
        Self { connector, head, idle: Mutex::default(), permits: Semaphore::new(READERS) }
    }

    /// Reads a page. A connection that has ended since it was used last is replaced.
    pub(super) async fn page(&self, query: &HistoryQuery) -> Result<HistoryPage, PostgresError> {
        // It is never closed.
        let _permit = self.permits.acquire().await;
        self.connector.answered(self.read(query)).await
    }

    async fn read(&self, query: &HistoryQuery) -> Result<HistoryPage, PostgresError> {
        if let Some(reader) = self.take()
            && let Some(page) = self.try_page(reader, query).await?
        {
            return Ok(page);
        }
        let connector = &self.connector;
        let client = connector.connect().await?;
        let reader = Reader::new(client).await.map_err(|error| connector.error(error))?;
        match self.try_page(reader, query).await? {
            Some(page) => Ok(page),
            None => Err(PostgresError::Lost { target: connector.target().clone() }),
        }
    }

    /// An open connection.
    fn take(&self) -> Option<Reader> {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        idle.retain(|reader| !reader.is_closed());
        idle.pop()
    }

    /// `None` if the connection has ended.
    async fn try_page(
        &self,
        reader: Reader,
        query: &HistoryQuery,
    ) -> Result<Option<HistoryPage>, PostgresError> {
        let target = || self.connector.target().clone();
        let page = match reader.page(self.head.id(), query).await {
            Ok(page) => Ok(Some(page)),
            Err(ReadError::Damaged(what)) => Err(PostgresError::Damaged { target: target(), what }),
            Err(ReadError::Renewed) => Err(PostgresError::Renewed { target: target() }),
            // The reader is dropped: a transaction that has failed may be open in it.
            Err(ReadError::Database(error)) if error.is_closed() || reader.is_closed() => {
                return Ok(None);
            }
            Err(ReadError::Database(error)) => return Err(self.connector.error(error)),
        };
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(reader);
        page
    }
}
