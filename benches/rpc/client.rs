//! A minimal client for each transport.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use whisper_rpc::RpcServer;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport {
    Http,
    Ws,
    Ipc,
}

/// A persistent connection.
pub(crate) enum Client {
    Http(BufReader<TcpStream>),
    Ws(Box<WebSocketStream<TcpStream>>),
    Ipc(BufReader<UnixStream>),
}

impl Client {
    pub(crate) async fn connect(transport: Transport, rpc: &RpcServer) -> Self {
        match transport {
            Transport::Http => {
                let addr = rpc.http_addr().expect("the transport is on");
                Self::Http(BufReader::new(tcp(addr).await))
            }
            Transport::Ws => {
                let stream = tcp(rpc.ws_addr().expect("the transport is on")).await;
                let (socket, _) =
                    client_async("ws://localhost/", stream).await.expect("a handshake");
                Self::Ws(Box::new(socket))
            }
            Transport::Ipc => {
                let path = rpc.ipc_path().expect("the transport is on");
                Self::Ipc(BufReader::new(UnixStream::connect(path).await.expect("a socket")))
            }
        }
    }

    /// The bytes of a request, for repeated use with [`ask`](Self::ask).
    pub(crate) fn prepare(&self, json: &str) -> String {
        match self {
            Self::Http(_) => format!(
                "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
                json.len()
            ),
            _ => json.to_owned(),
        }
    }

    /// Sends a prepared request and waits for the next message.
    pub(crate) async fn ask(&mut self, request: &str) -> String {
        match self {
            Self::Http(stream) => {
                stream.write_all(request.as_bytes()).await.expect("the request is sent");
            }
            Self::Ipc(stream) => {
                stream.write_all(request.as_bytes()).await.expect("the request is sent");
            }
            Self::Ws(socket) => {
                socket.send(Message::text(request)).await.expect("the request is sent");
            }
        }
        self.next().await
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> String {
        match self {
            Self::Http(stream) => body(stream).await,
            Self::Ipc(stream) => {
                let mut line = String::new();
                stream.read_line(&mut line).await.expect("a line");
                line
            }
            Self::Ws(socket) => loop {
                match socket.next().await.expect("a message").expect("a whole message") {
                    Message::Text(text) => return text.to_string(),
                    _ => continue,
                }
            },
        }
    }
}

async fn tcp(addr: std::net::SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// The body of a response.
async fn body(stream: &mut BufReader<TcpStream>) -> String {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("a body");
    String::from_utf8(body).expect("text")
}
