//! A client of the Unix socket that sends what it is told.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::client::Client;

/// Longer than any answer takes, shorter than a test may.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub struct IpcClient {
    writer: OwnedWriteHalf,
    lines: Lines<BufReader<OwnedReadHalf>>,
}

impl IpcClient {
    pub async fn connect(path: &Path) -> Self {
        let (reader, writer) = UnixStream::connect(path).await.unwrap().into_split();
        Self { writer, lines: BufReader::new(reader).lines() }
    }

    /// Sends the bytes as they are. The node may have hung up.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.writer.write_all(bytes.as_ref()).await;
    }

    /// Says that it sends no more.
    pub async fn finish(&mut self) {
        self.writer.shutdown().await.unwrap();
    }
}

impl Client for IpcClient {
    async fn send(&mut self, text: String) {
        self.write(text).await;
    }

    async fn next(&mut self) -> Option<String> {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("a line in time");
        // Hung up with our bytes unread: an end like any other.
        line.ok().flatten()
    }
}
