//! JSON-RPC over WebSocket: the handshake over HTTP, then a conversation.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, Stream, StreamExt, stream};
use http::Request;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use crate::call::calls::Calls;
use crate::call::refusal::Refusal;
use crate::call::request::Fault;
use crate::config::Limits;
use crate::transport::conversation::{Manner, Outgoing, converse};
use crate::transport::http::{Answer, drive};
use crate::transport::listening::Guest;
use crate::transport::origins::Origins;
use crate::transport::token::{self, Token};

/// What a connection takes for its buffers while nothing is said.
const BUFFER: usize = 4096;

/// What the connections to one port have in common.
pub(crate) struct Ws {
    pub(crate) calls: Calls,
    pub(crate) origins: Origins,
    /// What clients have to show, if anything.
    pub(crate) token: Option<Token>,
}

impl Ws {
    /// Serves one connection.
    pub(crate) async fn serve<S>(self: Arc<Self>, stream: S, guest: Guest)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (limits, stop) = (self.calls.limits, guest.stop.clone());
        drive(stream, &limits, &stop, move |request| {
            ready(Ok(Arc::clone(&self).open(request, &guest)))
        })
        .await;
    }

    /// Answers the handshake, and lets the conversation begin once the answer is sent.
    fn open(self: Arc<Self>, mut request: Request<Incoming>, guest: &Guest) -> Answer {
        let response = match self.check(&request) {
            Ok(response) => response,
            Err(refusal) => return self.calls.counters.refuse(refusal),
        };
        let upgrade = hyper::upgrade::on(&mut request);
        let stop = guest.stop.clone();
        guest.stay(async move {
            // An error says that the client is gone.
            if let Ok(upgraded) = upgrade.await {
                self.talk(upgraded, &stop).await;
            }
        });
        response
    }

    fn check(&self, request: &Request<Incoming>) -> Result<Answer, Refusal> {
        if !self.origins.allow(request) {
            return Err(Refusal::Origin);
        }
        let headers = request.headers();
        let shows = |token: &Token| token.is_shown(headers) || token.is_shown_by_page(headers);
        if self.token.as_ref().is_some_and(|token| !shows(token)) {
            return Err(Refusal::Token);
        }
        let answer = create_response_with_body(request, Full::default);
        let mut answer = answer.map_err(|_| Refusal::Handshake)?;
        if let Some(chosen) = token::chosen(headers) {
            answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, chosen);
        }
        Ok(answer)
    }

    async fn talk(&self, upgraded: Upgraded, stop: &CancellationToken) {
        let limits = &self.calls.limits;
        let socket = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(socket, Role::Server, Some(bounds(limits)));
        let (outgoing, incoming) = socket.await.split();
        let outgoing = outgoing.with(|outgoing| {
            ready(Ok::<_, Error>(match outgoing {
                Outgoing::Json(json) => Message::text(String::from(Box::<str>::from(json))),
                Outgoing::Ping => Message::Ping(Bytes::new()),
            }))
        });
        let manner = Manner { ping: Some(limits.patience), stream: false };
        let incoming = requests(incoming, 2 * limits.patience, limits.request);
        converse(&self.calls, incoming, outgoing, manner, stop).await;
    }
}

fn bounds(limits: &Limits) -> WebSocketConfig {
    let request = usize::try_from(limits.request).unwrap_or(usize::MAX);
    WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(Some(request))
        .max_frame_size(Some(request))
}

/// The requests that come in, until nothing is heard of the client for too long, not even an answer to a ping.
fn requests(
    messages: impl Stream<Item = Result<Message, Error>> + Unpin,
    silence: Duration,
    limit: u32,
) -> impl Stream<Item = Result<Bytes, Fault>> {
    stream::unfold(messages, move |mut messages| async move {
        loop {
            let request = match timeout(silence, messages.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => Ok(Bytes::from(text)),
                Ok(Some(Ok(Message::Binary(bytes)))) => Ok(bytes),
                // Signs of life.
                Ok(Some(Ok(_))) => continue,
                Ok(Some(Err(Error::Capacity(_)))) => Err(Fault::TooLarge { limit }),
                Ok(Some(Err(error))) => {
                    tracing::debug!(%error, "a WebSocket connection broke");
                    return None;
                }
                Ok(None) => return None,
                Err(_) => {
                    tracing::debug!("a WebSocket client has fallen silent");
                    return None;
                }
            };
            return Some((request, messages));
        }
    })
}
