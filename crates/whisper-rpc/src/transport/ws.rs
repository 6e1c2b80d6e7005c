//! JSON-RPC over WebSocket: the handshake over HTTP, then requests and notifications.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, Stream, StreamExt, stream};
use http::Request;
use http::header::{ORIGIN, SEC_WEBSOCKET_PROTOCOL};
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

use crate::call::dispatch::Dispatcher;
use crate::call::memory::ClientMemory;
use crate::call::request::RequestError;
use crate::team::door::Door;
use crate::team::pass::Pass;
use crate::transport::connection::{ClientEnd, ConnectionSettings, Outgoing, serve_requests};
use crate::transport::http::drive;
use crate::transport::listener::ConnectionGuard;
use crate::transport::origins::Origins;
use crate::transport::refuse_reason::{HttpResponse, RefuseReason, over_quota};
use crate::transport::token;

/// Size of the read and write buffers of an idle connection.
const BUFFER_BYTES: usize = 4096;

/// Serves WebSocket on one port.
pub(crate) struct Ws {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) origins: Origins,
    pub(crate) door: Arc<Door>,
}

impl Ws {
    /// Serves one connection.
    pub(crate) async fn serve<S>(self: Arc<Self>, stream: S, guard: ConnectionGuard)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (limits, stop) = (self.dispatcher.limits, guard.stop.clone());
        drive(stream, &limits, &stop, move |request| {
            ready(Ok(Arc::clone(&self).accept(request, &guard)))
        })
        .await;
    }

    /// Answers the handshake. The WebSocket is served after the answer is sent.
    fn accept(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        guard: &ConnectionGuard,
    ) -> HttpResponse {
        let (response, pass) = match self.check(&request, guard) {
            Ok(accepted) => accepted,
            Err(RefuseReason::Origin) => {
                let origin = request.headers().get(ORIGIN);
                return RefuseReason::refuse_page(origin, &self.dispatcher.counters);
            }
            Err(reason) => return reason.refuse(&self.dispatcher.counters),
        };
        if let Err(over) = guard.join(&pass.account) {
            return over_quota(over);
        }
        let upgrade = hyper::upgrade::on(&mut request);
        let client = guard.client_end();
        guard.spawn(async move {
            // An error means that the client has disconnected.
            if let Ok(upgraded) = upgrade.await {
                self.serve_socket(upgraded, pass, client).await;
            }
        });
        response
    }

    fn check(
        &self,
        request: &Request<Incoming>,
        guard: &ConnectionGuard,
    ) -> Result<(HttpResponse, Pass), RefuseReason> {
        if !self.origins.allow(request) {
            return Err(RefuseReason::Origin);
        }
        let headers = request.headers();
        let pass = self.door.enter_ws(headers, guard.certificate).ok_or(RefuseReason::Token)?;
        let answer = create_response_with_body(request, Full::default);
        let mut answer = answer.map_err(|_| RefuseReason::Handshake)?;
        if let Some(accepted) = token::accepted_sub_protocol(headers) {
            answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, accepted);
        }
        Ok((answer, pass))
    }

    async fn serve_socket(&self, upgraded: Upgraded, pass: Pass, client: ClientEnd) {
        let (limits, request_limit) = (&self.dispatcher.limits, self.dispatcher.request_limit());
        let socket = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(
            socket,
            Role::Server,
            Some(socket_config(request_limit)),
        );
        let (outgoing, incoming) = socket.await.split();
        let outgoing = outgoing.with(|outgoing| {
            ready(Ok::<_, Error>(match outgoing {
                Outgoing::Json(json) => Message::text(String::from(Box::<str>::from(json))),
                Outgoing::Ping => Message::Ping(Bytes::new()),
            }))
        });
        let settings =
            ConnectionSettings { ping_interval: Some(limits.step_time), is_stream: false };
        let memory = Arc::clone(&client.memory);
        let incoming = requests(incoming, 2 * limits.step_time, request_limit, memory);
        serve_requests(&self.dispatcher, incoming, outgoing, settings, pass, client).await;
    }
}

fn socket_config(request_limit: u32) -> WebSocketConfig {
    let request = usize::try_from(request_limit).unwrap_or(usize::MAX);
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(request))
        .max_frame_size(Some(request))
}

/// The requests of the client. They end when nothing, not even the answer to a ping, arrives for `silence`.
fn requests(
    messages: impl Stream<Item = Result<Message, Error>> + Unpin,
    silence: Duration,
    limit: u32,
    memory: Arc<ClientMemory>,
) -> impl Stream<Item = Result<Bytes, RequestError>> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    stream::unfold((messages, memory), move |(mut messages, memory)| async move {
        loop {
            let request = match timeout(silence, messages.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => Ok(Bytes::from(text)),
                Ok(Some(Ok(Message::Binary(bytes)))) => Ok(bytes),
                // Pings and pongs.
                Ok(Some(Ok(_))) => {
                    memory.keep_at_most(most);
                    continue;
                }
                Ok(Some(Err(Error::Capacity(_)))) => Err(RequestError::TooLarge { limit }),
                Ok(Some(Err(error))) => {
                    tracing::debug!(%error, "a WebSocket connection failed");
                    return None;
                }
                Ok(None) => return None,
                Err(_) => {
                    tracing::debug!("a WebSocket client did not answer in time");
                    return None;
                }
            };
            return Some((request, (messages, memory)));
        }
    })
}
