//! Requests that are refused before any JSON is looked at, and how often each reason occurred.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderValue, Response, StatusCode, header};

use crate::transport::http::Answer;

/// Why an HTTP request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// A `Host` header that is not served: a web page may have rebound its own name to this machine.
    #[error("invalid host specified")]
    Host,
    /// A web page from an origin that may not connect.
    #[error("origin not allowed")]
    Origin,
    /// A client that does not show the token.
    #[error("a bearer token is required")]
    Token,
    /// Neither a POST nor a harmless question for life.
    #[error("method not allowed")]
    Method,
    /// A WebSocket handshake where only HTTP is served.
    #[error("WebSocket is not served at this port")]
    Upgrade,
    /// Anything else where only WebSocket is served.
    #[error("this port serves WebSocket, and this is no handshake of version 13")]
    Handshake,
    /// A body that a browser would send without asking first, or no JSON at all.
    #[error("invalid content type, only application/json is supported")]
    ContentType,
    /// A body that says it is too long.
    #[error("content length too large ({length}>{limit})")]
    TooLarge { length: u64, limit: u32 },
    /// A body that did not say its length, and was too long.
    #[error("content too large (limit {limit})")]
    Overflow { limit: u32 },
    /// A body that did not arrive in time.
    #[error("request body did not arrive in time")]
    Slow,
    /// A body that broke off.
    #[error("request body could not be read")]
    Broken,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::Host | Self::Origin | Self::Upgrade => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } | Self::Overflow { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Handshake => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer to the client: the reason as a line of text, as go-ethereum gives it.
    pub(crate) fn response(self) -> Answer {
        let mut response = Response::new(format!("{self}\n").into());
        *response.status_mut() = self.status();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        if self == Self::Token {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

/// How often the servers answered, failed and refused since they started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RpcStats {
    /// Calls answered, notifications included.
    pub calls: u64,
    /// Of these, calls answered with an error.
    pub errors: u64,
    /// Calls that are being answered now. One whose client goes away is given up.
    pub in_progress: u64,
    /// Requests refused for their `Host` header.
    pub refused_host: u64,
    /// Connections refused for their `Origin` header.
    pub refused_origin: u64,
    /// Requests and connections refused for want of the right token.
    pub refused_token: u64,
    /// Requests refused for their HTTP method or content type, or because they are not of the port's protocol.
    pub refused_form: u64,
    /// Requests refused for their length.
    pub refused_size: u64,
    /// Requests whose body broke off or did not arrive in time.
    pub refused_body: u64,
    /// Connections hung up on because there were as many as allowed ([`Limits::connections`](crate::Limits)).
    pub turned_away: u64,
}

/// A call in progress; dropped when it is answered or given up.
pub(crate) struct InProgress<'a>(&'a AtomicU64);

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The running counters behind [`RpcStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    errors: AtomicU64,
    in_progress: AtomicU64,
    host: AtomicU64,
    origin: AtomicU64,
    token: AtomicU64,
    form: AtomicU64,
    size: AtomicU64,
    body: AtomicU64,
    turned_away: AtomicU64,
}

impl Counters {
    /// Counts a call as in progress until the returned value is dropped.
    pub(crate) fn begin(&self) -> InProgress<'_> {
        self.in_progress.fetch_add(1, Ordering::Relaxed);
        InProgress(&self.in_progress)
    }

    /// Counts one answered call.
    pub(crate) fn count_call(&self, failed: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
    }

    /// Counts one refusal, and answers it.
    pub(crate) fn refuse(&self, refusal: Refusal) -> Answer {
        tracing::debug!(reason = %refusal, "JSON-RPC request refused");
        let counter = match refusal {
            Refusal::Host => &self.host,
            Refusal::Origin => &self.origin,
            Refusal::Token => &self.token,
            Refusal::Method | Refusal::ContentType | Refusal::Upgrade | Refusal::Handshake => {
                &self.form
            }
            Refusal::TooLarge { .. } | Refusal::Overflow { .. } => &self.size,
            Refusal::Slow | Refusal::Broken => &self.body,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        refusal.response()
    }

    /// Counts a connection that was hung up on; the log tells of the first, the second, the fourth and so on.
    pub(crate) fn turn_away(&self, limit: usize) {
        let times = self.turned_away.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            tracing::warn!(limit, times, "too many JSON-RPC connections: one more is hung up on");
        }
    }

    /// The counts so far.
    pub(crate) fn read(&self) -> RpcStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RpcStats {
            calls: read(&self.calls),
            errors: read(&self.errors),
            in_progress: read(&self.in_progress),
            refused_host: read(&self.host),
            refused_origin: read(&self.origin),
            refused_token: read(&self.token),
            refused_form: read(&self.form),
            refused_size: read(&self.size),
            refused_body: read(&self.body),
            turned_away: read(&self.turned_away),
        }
    }
}
