//! Why an HTTP request is refused before its JSON is read.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::call::error::{CallError, error_without_id};
use crate::call::stats::Counters;
use crate::team::quotas::OverQuota;

/// Maximum length of an origin that is logged, in bytes. A header can be much longer.
const MAX_LOGGED_ORIGIN: usize = 256;

/// A complete HTTP response.
pub(crate) type HttpResponse = Response<Full<Bytes>>;

/// Why an HTTP request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RefuseReason {
    /// The `Host` header is not served. A web page may have bound its own name to this machine.
    #[error(
        "invalid host specified: it is not among the virtual hosts of this node (http.vhosts); add it there, or use an \
         IP address of the node"
    )]
    Host,
    /// The web page is from an origin that may not connect.
    #[error(
        "origin not allowed: it is not among the origins of this node (ws.origins); add it there"
    )]
    Origin,
    /// The request does not carry the token.
    #[error("a bearer token is required: send the header Authorization: Bearer TOKEN")]
    Token,
    /// GET or HEAD: a browser, or a check whether the node works.
    #[error(
        "JSON-RPC over HTTP is a POST request; the state of the node is at /healthz of the metrics port"
    )]
    Get,
    /// The method is none of POST, GET, HEAD and OPTIONS.
    #[error("method not allowed")]
    Method,
    /// A WebSocket handshake on a port that serves HTTP only.
    #[error("WebSocket is not served at this port")]
    Upgrade,
    /// Not a WebSocket handshake, on a port that serves WebSocket only.
    #[error("this port serves WebSocket, and this is no handshake of version 13")]
    Handshake,
    /// The content type is not JSON. Browsers send some other types across origins without a CORS preflight.
    #[error("invalid content type, only application/json is supported")]
    ContentType,
    /// The `Content-Length` header is above the limit.
    #[error("content length too large ({length}>{limit})")]
    TooLarge { length: u64, limit: u32 },
    /// The body has no length in advance, and was longer than the limit.
    #[error("content too large (limit {limit})")]
    Overflow { limit: u32 },
    /// The body did not arrive in time.
    #[error("request body did not arrive in time")]
    Slow,
    /// The body ended early.
    #[error("request body could not be read")]
    Broken,
}

impl RefuseReason {
    /// Counts and logs the refusal, and returns the response for the client.
    pub(crate) fn refuse(self, counters: &Counters) -> HttpResponse {
        tracing::debug!(reason = %self, "JSON-RPC request refused");
        self.count(counters);
        self.response()
    }

    /// Like [`refuse`](Self::refuse), for a web page. Its browser does not show the response to a WebSocket handshake, so
    /// the log is the only place that tells the reason. The 1st, 2nd, 4th, 8th, … is logged as a warning.
    pub(crate) fn refuse_page(origin: Option<&HeaderValue>, counters: &Counters) -> HttpResponse {
        let times = Self::Origin.count(counters);
        if times.is_power_of_two() {
            let origin = origin.filter(|origin| origin.len() <= MAX_LOGGED_ORIGIN);
            let origin = origin.and_then(|origin| origin.to_str().ok());
            tracing::warn!(origin, times, "JSON-RPC: web page refused: {}", Self::Origin);
        }
        Self::Origin.response()
    }

    /// Counts the refusal, and returns the number of refusals of its kind.
    fn count(self, counters: &Counters) -> u64 {
        let counter = match self {
            Self::Host => &counters.refused_host,
            Self::Origin => &counters.refused_origin,
            Self::Token => &counters.refused_token,
            Self::Get | Self::Method | Self::ContentType | Self::Upgrade | Self::Handshake => {
                &counters.refused_form
            }
            Self::TooLarge { .. } | Self::Overflow { .. } => &counters.refused_size,
            Self::Slow | Self::Broken => &counters.refused_body,
        };
        counter.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Host | Self::Origin | Self::Upgrade => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Get | Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } | Self::Overflow { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Handshake => StatusCode::BAD_REQUEST,
        }
    }

    /// The reason as one line of text, like go-ethereum.
    fn response(self) -> HttpResponse {
        let mut response = Response::new(format!("{self}\n").into());
        *response.status_mut() = self.status();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        if matches!(self, Self::Get | Self::Method) {
            let allowed = HeaderValue::from_static("OPTIONS, POST");
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        if self == Self::Token {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

/// The response to a client whose team has too many connections: the error of JSON-RPC with status 429.
pub(crate) fn over_quota(over: OverQuota) -> HttpResponse {
    tracing::debug!(%over, "JSON-RPC connection refused");
    let mut response = Response::new(Full::from(error_without_id(CallError::from(over))));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status and text of every refusal. Those of go-ethereum are the same; `RPC.md` has the others.
    const REFUSALS: [(RefuseReason, u16, &str); 12] = [
        (RefuseReason::Host, 403, "invalid host specified: it is not among the virtual hosts"),
        (RefuseReason::Origin, 403, "origin not allowed: it is not among the origins"),
        (RefuseReason::Token, 401, "a bearer token is required: send the header Authorization"),
        (RefuseReason::Get, 405, "JSON-RPC over HTTP is a POST request"),
        (RefuseReason::Method, 405, "method not allowed"),
        (RefuseReason::Upgrade, 403, "WebSocket is not served at this port"),
        (RefuseReason::Handshake, 400, "this port serves WebSocket"),
        (
            RefuseReason::ContentType,
            415,
            "invalid content type, only application/json is supported",
        ),
        (RefuseReason::TooLarge { length: 9, limit: 8 }, 413, "content length too large (9>8)"),
        (RefuseReason::Overflow { limit: 8 }, 413, "content too large (limit 8)"),
        (RefuseReason::Slow, 408, "request body did not arrive in time"),
        (RefuseReason::Broken, 400, "request body could not be read"),
    ];

    /// A refusal by a setting says which one, and what to do.
    #[test]
    fn every_refusal_says_what_to_change() {
        for (reason, status, text) in REFUSALS {
            let response = reason.response();
            assert_eq!(response.status().as_u16(), status, "{reason}");
            assert!(reason.to_string().starts_with(text), "{reason}");
            assert!(!reason.to_string().contains("--"), "only the program has flags: {reason}");
            let setting = match reason {
                RefuseReason::Host => "http.vhosts",
                RefuseReason::Origin => "ws.origins",
                RefuseReason::Token => "Bearer",
                RefuseReason::Get => "POST",
                RefuseReason::ContentType => "application/json",
                RefuseReason::TooLarge { limit, .. } | RefuseReason::Overflow { limit } => {
                    assert_eq!(limit, 8);
                    "8"
                }
                RefuseReason::Method
                | RefuseReason::Upgrade
                | RefuseReason::Handshake
                | RefuseReason::Slow
                | RefuseReason::Broken => "",
            };
            assert!(reason.to_string().contains(setting), "{reason}");
        }
    }
}
