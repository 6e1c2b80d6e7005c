//! JSON-RPC over the Unix socket of a node: one message a line.

use std::io;
use std::path::Path;
use std::time::Duration;

use jsonrpsee::core::client::{
    Client, ClientBuilder, Error, ReceivedMessage, TransportReceiverT, TransportSenderT,
};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Connects to the socket at `path`.
pub(super) async fn connect(path: &Path, timeout: Duration) -> Result<Client, Error> {
    let stream = UnixStream::connect(path).await.map_err(|error| Error::Transport(error.into()))?;
    let (reader, writer) = stream.into_split();
    let client = ClientBuilder::default().request_timeout(timeout);
    Ok(client.build_with_tokio(Writer(writer), Reader(BufReader::new(reader))))
}

struct Writer(OwnedWriteHalf);

impl TransportSenderT for Writer {
    type Error = io::Error;

    async fn send(&mut self, mut message: String) -> io::Result<()> {
        message.push('\n');
        self.0.write_all(message.as_bytes()).await
    }
}

struct Reader(BufReader<OwnedReadHalf>);

impl TransportReceiverT for Reader {
    type Error = io::Error;

    async fn receive(&mut self) -> io::Result<ReceivedMessage> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(ReceivedMessage::Text(line)),
        }
    }
}
