//! The HTTP side of JSON-RPC: what a request must look like, and the form of the response.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jsonrpsee::core::BoxError;
use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse};
use tower::{Layer, Service};

use super::calls::NoReply;
use super::refusal::{Counters, Refusal};
use super::request_id;

/// How long a request's body may take to arrive, go-ethereum's read timeout.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// The media types that stand for JSON-RPC.
const MEDIA_TYPES: [&str; 3] =
    ["application/json", "application/json-rpc", "application/jsonrequest"];

/// Puts a [`Gate`] before the HTTP server of `jsonrpsee`.
#[derive(Clone)]
pub(super) struct GateLayer {
    limit: u32,
    counters: Arc<Counters>,
}

impl GateLayer {
    /// A gate that lets bodies of up to `limit` bytes through.
    pub(super) fn new(limit: u32, counters: Arc<Counters>) -> Self {
        Self { limit, counters }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, limit: self.limit, counters: Arc::clone(&self.counters) }
    }
}

/// Lets POST requests of JSON through, whole, and answers everything else.
#[derive(Clone)]
pub(super) struct Gate<S> {
    inner: S,
    limit: u32,
    counters: Arc<Counters>,
}

impl<S> Service<HttpRequest> for Gate<S>
where
    S: Service<HttpRequest, Response = HttpResponse, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<HttpResponse, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        match judge(&request, self.limit) {
            Verdict::Call => self.clone().forward(request).boxed(),
            Verdict::Alive => async { Ok(HttpResponse::new(HttpBody::empty())) }.boxed(),
            Verdict::Pass => self.inner.call(request).boxed(),
            Verdict::Refuse(refusal) => {
                let response = self.counters.refuse(refusal);
                async { Ok(response) }.boxed()
            }
        }
    }
}

impl<S> Gate<S>
where
    S: Service<HttpRequest, Response = HttpResponse, Error = BoxError>,
{
    /// Reads the whole body, within its bounds, and hands the request on.
    async fn forward(mut self, request: HttpRequest) -> Result<HttpResponse, BoxError> {
        let (mut head, body) = request.into_parts();
        let body = match read(body, self.limit).await {
            Ok(body) => body,
            Err(refusal) => return Ok(self.counters.refuse(refusal)),
        };
        if let Err(fault) = request_id::check(&body) {
            self.counters.count_call(true);
            return Ok(fault.response());
        }
        // Already judged here, and more kindly: the server behind knows fewer spellings of it.
        head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = HttpBody::new(http_body_util::Full::new(body));
        let response = self.inner.call(HttpRequest::from_parts(head, body)).await?;
        Ok(settle(response))
    }
}

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Read its body and hand it on.
    Call,
    /// Say that the server lives: what load balancers ask, and go-ethereum answers, with an empty GET.
    Alive,
    /// A WebSocket upgrade: for the server behind to refuse or accept.
    Pass,
    Refuse(Refusal),
}

fn judge(request: &HttpRequest, limit: u32) -> Verdict {
    let headers = request.headers();
    match *request.method() {
        Method::POST => match body_fault(headers, limit) {
            None => Verdict::Call,
            Some(refusal) => Verdict::Refuse(refusal),
        },
        Method::GET if headers.contains_key(header::UPGRADE) => Verdict::Pass,
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

async fn read(body: HttpBody, limit: u32) -> Result<Bytes, Refusal> {
    let bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    let whole = Limited::new(body, bytes).collect();
    match tokio::time::timeout(BODY_DEADLINE, whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::Overflow { limit }),
        Ok(Err(_)) => Err(Refusal::Broken),
        Err(_) => Err(Refusal::Slow),
    }
}

/// Gives a response go-ethereum's form.
fn settle(mut response: HttpResponse) -> HttpResponse {
    if response.extensions().get::<NoReply>().is_some() {
        // A notification: JSON-RPC forbids an answer, HTTP demands one.
        return HttpResponse::new(HttpBody::empty());
    }
    if response.status() == StatusCode::BAD_REQUEST {
        // Unreadable JSON is an error of JSON-RPC, which clients look for in the body of a 200.
        *response.status_mut() = StatusCode::OK;
    }
    if response.status() == StatusCode::OK {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, headers: &[(header::HeaderName, &str)]) -> HttpRequest {
        let mut request = HttpRequest::new(HttpBody::empty());
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
        assert_eq!(verdict(Method::GET, &[(header::UPGRADE, "websocket")]), Verdict::Pass);
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
        let body = |length| HttpBody::from(vec![b' '; length]);
        assert_eq!(read(body(1001), 1000).await, Err(Refusal::Overflow { limit: 1000 }));
        assert_eq!(read(body(1000), 1000).await.unwrap().len(), 1000);
    }
}
