//! A WebSocket client.

use std::net::SocketAddr;

use jsonrpsee::client_transport::ws::{Url, WsHandshakeError, WsTransportClientBuilder};
use jsonrpsee::core::client::{ReceivedMessage, TransportReceiverT as _, TransportSenderT as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::Client;
use super::eventually::PATIENCE;

/// One connection. It reads at most one message ahead. Dropping it closes the connection.
pub struct WsClient {
    outgoing: mpsc::Sender<String>,
    incoming: mpsc::Receiver<String>,
    _tasks: JoinSet<()>,
}

impl WsClient {
    pub async fn connect(addr: SocketAddr) -> Self {
        Self::connect_from(addr, None).await.unwrap()
    }

    /// Connects like a web page from `origin`.
    pub async fn connect_from(
        addr: SocketAddr,
        origin: Option<&str>,
    ) -> Result<Self, WsHandshakeError> {
        let mut headers = http::HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(http::header::ORIGIN, origin.parse().unwrap());
        }
        let url = Url::parse(&format!("ws://{addr}")).unwrap();
        let builder = WsTransportClientBuilder::default().set_headers(headers);
        let (mut sender, mut receiver) = builder.build(url).await?;
        let (outgoing, mut to_send) = mpsc::channel(1);
        let (received, incoming) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Some(text) = to_send.recv().await {
                sender.send(text).await.unwrap();
            }
        });
        tasks.spawn(async move {
            while let Ok(message) = receiver.receive().await {
                let text = match message {
                    ReceivedMessage::Text(text) => text,
                    ReceivedMessage::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
                    ReceivedMessage::Pong => continue,
                };
                if received.send(text).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { outgoing, incoming, _tasks: tasks })
    }
}

impl Client for WsClient {
    async fn send(&mut self, text: String) {
        self.outgoing.send(text).await.unwrap();
    }

    async fn next(&mut self) -> Option<String> {
        timeout(PATIENCE, self.incoming.recv()).await.expect("a message in time")
    }
}

/// A TCP connection with a small receive buffer, on which the WebSocket handshake was sent. Nothing is read from it.
pub async fn upgraded(addr: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(addr).await.unwrap();
    let upgrade = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    stream
}

/// A text frame of at most 64 KiB, with a length of two bytes, masked with zeros.
pub fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&[0x81, 0xfe], &length[..], &[0; 4], text.as_bytes()].concat()
}
