//! A minimal client for each transport.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
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
    Http(BufReader<TcpStream>, Option<String>),
    Ws(Box<WebSocketStream<TcpStream>>),
    Ipc(BufReader<UnixStream>),
}

impl Client {
    pub(crate) async fn connect(transport: Transport, rpc: &RpcServer) -> Self {
        Self::connect_with(transport, rpc, None).await
    }

    /// Connects with the token of a team.
    pub(crate) async fn connect_with(
        transport: Transport,
        rpc: &RpcServer,
        token: Option<&str>,
    ) -> Self {
        match transport {
            Transport::Http => {
                Self::over_http(rpc.http_addr().expect("the transport is on"), token).await
            }
            Transport::Ws => {
                Self::over_ws(rpc.ws_addr().expect("the transport is on"), token).await
            }
            Transport::Ipc => {
                let path = rpc.ipc_path().expect("the transport is on");
                Self::Ipc(BufReader::new(UnixStream::connect(path).await.expect("a socket")))
            }
        }
    }

    pub(crate) async fn over_http(addr: SocketAddr, token: Option<&str>) -> Self {
        Self::Http(BufReader::new(tcp(addr).await), token.map(bearer))
    }

    pub(crate) async fn over_ws(addr: SocketAddr, token: Option<&str>) -> Self {
        let stream = tcp(addr).await;
        let mut request = "ws://localhost/".into_client_request().expect("a request");
        if let Some(token) = token {
            let bearer = bearer(token).parse().expect("a header");
            request.headers_mut().insert("authorization", bearer);
        }
        let (socket, _) = client_async(request, stream).await.expect("a handshake");
        Self::Ws(Box::new(socket))
    }

    /// The bytes of a request, for repeated use with [`ask`](Self::ask).
    pub(crate) fn prepare(&self, json: &str) -> String {
        match self {
            Self::Http(_, bearer) => {
                let bearer = bearer.as_ref().map(|bearer| format!("authorization: {bearer}\r\n"));
                format!(
                    "POST / HTTP/1.1\r\nhost: localhost\r\n{}content-type: application/json\r\ncontent-length: {}\r\n\r\n\
                     {json}",
                    bearer.unwrap_or_default(),
                    json.len()
                )
            }
            _ => json.to_owned(),
        }
    }

    /// Sends a prepared request and waits for the next message.
    pub(crate) async fn ask(&mut self, request: &str) -> String {
        self.send(request).await;
        self.next().await
    }

    /// Sends a prepared request.
    pub(crate) async fn send(&mut self, request: &str) {
        match self {
            Self::Http(stream, _) => {
                stream.write_all(request.as_bytes()).await.expect("the request is sent");
            }
            Self::Ipc(stream) => {
                stream.write_all(request.as_bytes()).await.expect("the request is sent");
            }
            Self::Ws(socket) => {
                socket.send(Message::text(request)).await.expect("the request is sent");
            }
        }
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> String {
        match self {
            Self::Http(stream, _) => body(stream).await,
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

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

async fn tcp(addr: SocketAddr) -> TcpStream {
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
