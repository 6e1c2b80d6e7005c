//! JSON-RPC over HTTP: what a request must look like, and the form of the response.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonrpsee::core::BoxError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::{Layer, ServiceExt};
use tower_http::cors::CorsLayer;

use crate::call::calls::{Caller, Calls, Reply};
use crate::call::refusal::Refusal;
use crate::config::Limits;
use crate::transport::listening::Guest;
use crate::transport::token::Token;
use crate::transport::vhosts::VirtualHosts;

/// The most bytes that the head of a request may have.
const HEAD_BYTES: usize = 64 * 1024;

/// The media types that stand for JSON-RPC.
const MEDIA_TYPES: [&str; 3] =
    ["application/json", "application/json-rpc", "application/jsonrequest"];

/// A response, whole.
pub(crate) type Answer = Response<Full<Bytes>>;

/// What the requests to one port have in common.
pub(crate) struct Http {
    pub(crate) calls: Calls,
    pub(crate) vhosts: VirtualHosts,
    pub(crate) cors: CorsLayer,
    /// What clients have to show, if anything.
    pub(crate) token: Option<Token>,
}

impl Http {
    /// Serves one connection, request after request.
    pub(crate) async fn serve<S>(self: Arc<Self>, stream: S, guest: Guest)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let limits = self.calls.limits;
        drive(stream, &limits, &guest.stop, move |request| Arc::clone(&self).respond(request))
            .await;
    }

    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, Infallible> {
        if !self.vhosts.allow(&request) {
            return Ok(self.calls.counters.refuse(Refusal::Host));
        }
        let cors = self.cors.clone();
        let answer = tower::service_fn(move |request| {
            let http = Arc::clone(&self);
            async move { Ok::<_, Infallible>(http.answer(request).await) }
        });
        cors.layer(answer).oneshot(request).await
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let limits = &self.calls.limits;
        if self.token.as_ref().is_some_and(|token| !token.is_shown(request.headers())) {
            return self.calls.counters.refuse(Refusal::Token);
        }
        match judge(&request, limits.request) {
            Verdict::Alive => Response::default(),
            Verdict::Refuse(refusal) => self.calls.counters.refuse(refusal),
            Verdict::Call => match read(request.into_body(), limits).await {
                Ok(body) => self.call(&body).await,
                Err(refusal) => self.calls.counters.refuse(refusal),
            },
        }
    }

    async fn call(&self, body: &[u8]) -> Answer {
        let caller = Caller { connection: self.calls.next_connection(), push: None };
        match self.calls.answer(body, &caller).await {
            // JSON-RPC forbids an answer to a notification, HTTP demands one.
            Reply::Nothing => Response::default(),
            // Unreadable JSON is an error of JSON-RPC, which clients look for in the body of a 200.
            Reply::Json(json) | Reply::Unreadable(json) => {
                let body = String::from(Box::<str>::from(json));
                let mut response = Response::new(Full::new(body.into()));
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                response
            }
        }
    }
}

/// Speaks HTTP with one client to the end of the connection, and to a good one when the port is closed.
///
/// The client may take [`Limits::patience`] over the head of a request, the time before it included, and as long over
/// taking what it is sent.
pub(crate) async fn drive<S, F>(
    stream: S,
    limits: &Limits,
    stop: &CancellationToken,
    answer: impl Fn(Request<Incoming>) -> F,
) where
    S: AsyncRead + AsyncWrite + Send + 'static,
    F: Future<Output = Result<Answer, Infallible>>,
{
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.patience));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_header_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service_fn(answer))
        .with_upgrades();
    let mut connection = pin!(connection);
    // An error is the client's: it went away, was too slow, or what it sent was no HTTP.
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended");
    }
}

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Read its body and carry it out.
    Call,
    /// Say that the server lives: what load balancers ask, and go-ethereum answers, with an empty GET.
    Alive,
    Refuse(Refusal),
}

fn judge<B>(request: &Request<B>, limit: u32) -> Verdict {
    let headers = request.headers();
    match *request.method() {
        Method::POST => match body_fault(headers, limit) {
            None => Verdict::Call,
            Some(refusal) => Verdict::Refuse(refusal),
        },
        Method::GET if headers.contains_key(header::UPGRADE) => Verdict::Refuse(Refusal::Upgrade),
        Method::GET | Method::HEAD | Method::OPTIONS => Verdict::Alive,
        _ => Verdict::Refuse(Refusal::Method),
    }
}

/// What the head of a POST request already says against its body.
fn body_fault(headers: &HeaderMap, limit: u32) -> Option<Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if let Some(length) = length.filter(|&length| length > u64::from(limit)) {
        return Some(Refusal::TooLarge { length, limit });
    }
    // A browser sends any other type across origins without asking; this one needs the CORS preflight.
    let media_type = text(header::CONTENT_TYPE).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let known = MEDIA_TYPES.iter().any(|known| media_type.eq_ignore_ascii_case(known));
    (!known).then_some(Refusal::ContentType)
}

/// Reads the whole body, within its bounds.
async fn read<B>(body: B, limits: &Limits) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let bytes = usize::try_from(limits.request).unwrap_or(usize::MAX);
    match timeout(limits.patience, Limited::new(body, bytes).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Refusal::Overflow { limit: limits.request })
        }
        Ok(Err(_)) => Err(Refusal::Broken),
        Err(_) => Err(Refusal::Slow),
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

    fn verdict(method: Method, headers: &[(header::HeaderName, &str)]) -> Verdict {
        judge(&request(method, headers), 1000)
    }

    #[test]
    fn only_posts_of_json_are_calls() {
        let kinds = ["application/json", "Application/JSON; charset=utf-8", "application/json-rpc"];
        for kind in kinds {
            assert_eq!(
                verdict(Method::POST, &[(header::CONTENT_TYPE, kind)]),
                Verdict::Call,
                "{kind}"
            );
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"] {
            let refused = Verdict::Refuse(Refusal::ContentType);
            assert_eq!(verdict(Method::POST, &[(header::CONTENT_TYPE, kind)]), refused, "{kind}");
        }
        assert_eq!(verdict(Method::POST, &[]), Verdict::Refuse(Refusal::ContentType));
        assert_eq!(verdict(Method::PUT, &[]), Verdict::Refuse(Refusal::Method));
        assert_eq!(verdict(Method::DELETE, &[]), Verdict::Refuse(Refusal::Method));
        assert_eq!(verdict(Method::GET, &[]), Verdict::Alive);
        let upgrade = Verdict::Refuse(Refusal::Upgrade);
        assert_eq!(verdict(Method::GET, &[(header::UPGRADE, "websocket")]), upgrade);
    }

    #[test]
    fn a_length_over_the_limit_is_refused_unread() {
        let headers =
            [(header::CONTENT_TYPE, "application/json"), (header::CONTENT_LENGTH, "1001")];
        let refused = Verdict::Refuse(Refusal::TooLarge { length: 1001, limit: 1000 });
        assert_eq!(verdict(Method::POST, &headers), refused);
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_read_no_further_than_the_limit() {
        let limits = Limits { request: 1000, ..Limits::default() };
        let body = |length| Full::new(Bytes::from(vec![b' '; length]));
        assert_eq!(read(body(1001), &limits).await, Err(Refusal::Overflow { limit: 1000 }));
        assert_eq!(read(body(1000), &limits).await.unwrap().len(), 1000);
    }
}
