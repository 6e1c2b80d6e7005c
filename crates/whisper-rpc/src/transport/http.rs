//! JSON-RPC over HTTP: checks requests, and makes responses.

mod chat;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonrpsee::core::BoxError;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::{Layer, ServiceExt};
use tower_http::cors::CorsLayer;

use crate::call::dispatch::{Dispatcher, Reply};
use crate::call::memory::Occupied;
use crate::config::RpcLimits;
use crate::team::door::Door;
use crate::team::pass::Pass;
use crate::transport::clock;
use crate::transport::listener::ConnectionGuard;
use crate::transport::refuse_reason::{HttpResponse, RefuseReason, over_quota};
use crate::transport::vhosts::VirtualHosts;

/// Maximum size of the head of a request.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The media types of JSON-RPC.
const MEDIA_TYPES: [&str; 3] =
    ["application/json", "application/json-rpc", "application/jsonrequest"];

/// Serves HTTP on one port.
pub(crate) struct Http {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) vhosts: VirtualHosts,
    pub(crate) cors: CorsLayer,
    pub(crate) door: Arc<Door>,
    /// Whether the chat page is served.
    pub(crate) chat: bool,
}

impl Http {
    /// Serves the requests of one connection, one after the other.
    pub(crate) async fn serve<S>(self: Arc<Self>, stream: S, guard: ConnectionGuard)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let limits = self.dispatcher.limits;
        let stop = guard.stop.clone();
        drive(stream, &limits, &stop, move |request| {
            Arc::clone(&self).respond(request, guard.clone())
        })
        .await;
    }

    async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        guard: ConnectionGuard,
    ) -> Result<HttpResponse, Infallible> {
        if !self.vhosts.allow(&request) {
            return Ok(self.refuse(RefuseReason::Host));
        }
        if let Some(page) = self.chat.then(|| chat::page(&request)).flatten() {
            return Ok(page);
        }
        let (cors, method) = (self.cors.clone(), request.method().clone());
        let answer = tower::service_fn(move |request| {
            let (http, guard) = (Arc::clone(&self), guard.clone());
            async move { Ok::<_, Infallible>(http.answer(request, &guard).await) }
        });
        let mut response = cors.layer(answer).oneshot(request).await?;
        if method == Method::OPTIONS {
            // As go-ethereum, although there is no content.
            set_json(&mut response);
        }
        Ok(response)
    }

    async fn answer(&self, request: Request<Incoming>, guard: &ConnectionGuard) -> HttpResponse {
        let (step_time, limit) =
            (self.dispatcher.limits.step_time, self.dispatcher.request_limit());
        let Some(pass) = self.door.enter(request.headers(), guard.certificate) else {
            return self.refuse(RefuseReason::Token);
        };
        if let Err(over) = guard.join(&pass.account) {
            return over_quota(over);
        }
        match purpose(&request, limit) {
            Ok(Purpose::Options) => Response::default(),
            Ok(Purpose::Call) => match read(request.into_body(), limit, step_time).await {
                Ok(body) => self.call(&body, pass, guard).await,
                Err(reason) => self.refuse(reason),
            },
            Err(reason) => self.refuse(reason),
        }
    }

    fn refuse(&self, reason: RefuseReason) -> HttpResponse {
        reason.refuse(&self.dispatcher.counters)
    }

    async fn call(&self, body: &[u8], pass: Pass, guard: &ConnectionGuard) -> HttpResponse {
        let _request = guard.memory.request(body.len());
        let caller = self.dispatcher.request_from(pass, guard.peer, Arc::clone(&guard.memory));
        match self.dispatcher.answer(body, &caller).await {
            // JSON-RPC does not answer a notification, but HTTP needs a response.
            Reply::Nothing => Response::default(),
            // Clients expect an error of JSON-RPC in the body of a response with status 200.
            Reply::Json(json) | Reply::Unreadable(json) => {
                let _unread = guard.memory.unread(json.get().len());
                let body = Bytes::from_owner(UnreadJson { json, _unread });
                let mut response = Response::new(Full::new(body));
                set_json(&mut response);
                response
            }
        }
    }
}

/// An answer until the client has read it.
struct UnreadJson {
    json: Box<RawValue>,
    _unread: Occupied,
}

impl AsRef<[u8]> for UnreadJson {
    fn as_ref(&self) -> &[u8] {
        self.json.get().as_bytes()
    }
}

/// Sets the content type of JSON.
fn set_json(response: &mut HttpResponse) {
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
}

/// Speaks HTTP with one client until the connection ends. When `stop` is cancelled, the current request is finished.
///
/// The client may take [`RpcLimits::step_time`] for the head of a request, including the idle time before it, and the same
/// time for reading what it is sent.
pub(crate) async fn drive<S, F>(
    stream: S,
    limits: &RpcLimits,
    stop: &CancellationToken,
    answer: impl Fn(Request<Incoming>) -> F,
) where
    S: AsyncRead + AsyncWrite + Send + 'static,
    F: Future<Output = Result<HttpResponse, Infallible>>,
{
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.step_time));
    if !clock::is_usable(SystemTime::now()) {
        return clock::refuse(Box::pin(stream), limits.step_time).await;
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.step_time)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service_fn(answer))
        .with_upgrades();
    let mut connection = pin!(connection);
    // An error is caused by the client: it disconnected, was too slow, or did not send HTTP.
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        ended = connection.as_mut() => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended with an error");
    }
}

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
enum Purpose {
    /// A JSON-RPC request in its body.
    Call,
    /// A question for the methods. The answer is empty, unless CORS answers it.
    Options,
}

fn purpose<B>(request: &Request<B>, limit: u32) -> Result<Purpose, RefuseReason> {
    let headers = request.headers();
    match *request.method() {
        Method::POST => check_body_headers(headers, limit).map(|()| Purpose::Call),
        Method::GET if headers.contains_key(header::UPGRADE) => Err(RefuseReason::Upgrade),
        Method::GET | Method::HEAD => Err(RefuseReason::Get),
        Method::OPTIONS => Ok(Purpose::Options),
        _ => Err(RefuseReason::Method),
    }
}

/// Checks length and type of the body of a POST request, before the body is read.
fn check_body_headers(headers: &HeaderMap, limit: u32) -> Result<(), RefuseReason> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if let Some(length) = length.filter(|&length| length > u64::from(limit)) {
        return Err(RefuseReason::TooLarge { length, limit });
    }
    // A browser sends some other types across origins without asking, but JSON needs a CORS preflight.
    let media_type = text(header::CONTENT_TYPE).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let known = MEDIA_TYPES.iter().any(|known| media_type.eq_ignore_ascii_case(known));
    if known { Ok(()) } else { Err(RefuseReason::ContentType) }
}

/// Reads the body, within the limits on size and time.
async fn read<B>(body: B, limit: u32, step_time: Duration) -> Result<Bytes, RefuseReason>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    match timeout(step_time, Limited::new(body, bytes).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(RefuseReason::Overflow { limit }),
        Ok(Err(_)) => Err(RefuseReason::Broken),
        Err(_) => Err(RefuseReason::Slow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, headers: &[(header::HeaderName, &str)]) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = method;
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        request
    }

    fn purpose(
        method: Method,
        headers: &[(header::HeaderName, &str)],
    ) -> Result<Purpose, RefuseReason> {
        super::purpose(&request(method, headers), 1000)
    }

    #[test]
    fn only_a_post_of_json_is_a_call() {
        let kinds = ["application/json", "Application/JSON; charset=utf-8", "application/json-rpc"];
        for kind in kinds {
            assert_eq!(
                purpose(Method::POST, &[(header::CONTENT_TYPE, kind)]),
                Ok(Purpose::Call),
                "{kind}"
            );
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"] {
            let refused = Err(RefuseReason::ContentType);
            assert_eq!(purpose(Method::POST, &[(header::CONTENT_TYPE, kind)]), refused, "{kind}");
        }
        assert_eq!(purpose(Method::POST, &[]), Err(RefuseReason::ContentType));
        assert_eq!(purpose(Method::PUT, &[]), Err(RefuseReason::Method));
        assert_eq!(purpose(Method::DELETE, &[]), Err(RefuseReason::Method));
        assert_eq!(purpose(Method::OPTIONS, &[]), Ok(Purpose::Options));
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(purpose(method, &[]), Err(RefuseReason::Get));
        }
        let upgrade = Err(RefuseReason::Upgrade);
        assert_eq!(purpose(Method::GET, &[(header::UPGRADE, "websocket")]), upgrade);
    }

    #[test]
    fn a_length_above_the_limit_is_refused_before_reading() {
        let headers =
            [(header::CONTENT_TYPE, "application/json"), (header::CONTENT_LENGTH, "1001")];
        let refused = Err(RefuseReason::TooLarge { length: 1001, limit: 1000 });
        assert_eq!(purpose(Method::POST, &headers), refused);
    }

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_body_of_unknown_length_is_read_up_to_the_limit() {
        let body = |length| Full::new(Bytes::from(vec![b' '; length]));
        assert_eq!(
            read(body(1001), 1000, PATIENCE).await,
            Err(RefuseReason::Overflow { limit: 1000 })
        );
        assert_eq!(read(body(1000), 1000, PATIENCE).await.unwrap().len(), 1000);
    }
}
