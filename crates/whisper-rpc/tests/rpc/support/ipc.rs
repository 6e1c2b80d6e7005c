//! A client of the Unix socket that sends any bytes.

use std::path::Path;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::client::Client;
use super::eventually::PATIENCE;

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

    /// Sends the bytes unchanged. The node may have closed the connection.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.writer.write_all(bytes.as_ref()).await;
    }

    /// Closes the sending half.
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
        // The node may close the connection with bytes unread, which is reported as an error.
        line.ok().flatten()
    }
}
