//! The dashboard: a web page that shows what the node does. It changes nothing.
//!
//! The metrics server serves it at `/`. The page opens one WebSocket at `/live`, over which it gets a snapshot each
//! second, and asks what happened to an envelope. It shows peers and their addresses, so it is served only to this machine. A
//! node with teams asks for a token: it shows administrators the node, and the clients of another team what belongs to the team.

mod feed;
mod live;
mod pages;
mod snapshot;
mod team;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use whisper_rpc::RpcView;

use crate::metrics::Sources;
use feed::Feed;
use pages::{MAX_PAGES, Pages};

/// The files of the page: path, media type, content.
const FILES: [(&str, &str, &str); 3] = [
    ("/", "text/html; charset=utf-8", include_str!("dashboard/page/index.html")),
    ("/dashboard.css", "text/css; charset=utf-8", include_str!("dashboard/page/dashboard.css")),
    (
        "/dashboard.js",
        "text/javascript; charset=utf-8",
        include_str!("dashboard/page/dashboard.js"),
    ),
];

/// The path of the WebSocket.
const LIVE_PATH: &str = "/live";

/// What the page may do: nothing but load its own files and connect to its own origin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The answer to a request.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Serves the page and its WebSocket.
#[derive(Clone, Debug)]
pub(crate) struct Dashboard {
    sources: Sources,
    feed: Feed,
    pages: Arc<Pages>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Dashboard {
    /// `tasks` gets a task for the snapshots and one for each open page, which end with `stop`.
    pub(crate) fn new(sources: Sources, tasks: TaskTracker, stop: CancellationToken) -> Self {
        let feed = Feed::default();
        let (snapshots, until) = (feed.clone().run(sources.clone()), stop.clone());
        tasks.spawn(async move { _ = until.run_until_cancelled(snapshots).await });
        Self { sources, feed, pages: Arc::default(), tasks, stop }
    }

    /// Answers a request for the page or its WebSocket; `None` if the path is none of theirs. `client`: the other end of
    /// the connection.
    pub(crate) fn respond<B>(
        &self,
        request: &mut Request<B>,
        client: SocketAddr,
    ) -> Option<Answer> {
        let path = request.uri().path();
        let file = FILES.iter().find(|(of_file, ..)| *of_file == path);
        if file.is_none() && path != LIVE_PATH {
            return None;
        }
        Some(match file {
            _ if !client.ip().to_canonical().is_loopback() => refuse(
                StatusCode::FORBIDDEN,
                "the dashboard is served only to the machine of the node. From elsewhere, use a tunnel: ssh -L PORT:127.0.0.1:PORT HOST\n",
            ),
            _ if *request.method() != Method::GET => {
                refuse(StatusCode::METHOD_NOT_ALLOWED, "GET is the only method\n")
            }
            Some((_, kind, content)) => page(kind, content),
            None => match self.sources.rpc.view(request.headers()) {
                Some(view) => self.open(request, view),
                None => {
                    let why = "the node has teams: show the token of one\n";
                    refuse(StatusCode::UNAUTHORIZED, why)
                }
            },
        })
    }

    /// Opens the WebSocket.
    fn open<B>(&self, request: &mut Request<B>, view: RpcView) -> Answer {
        if !is_same_origin(request) {
            let why = "another web page may not read the dashboard\n";
            return refuse(StatusCode::FORBIDDEN, why);
        }
        let Some(permit) = self.pages.open(&view) else {
            let why = format!("{MAX_PAGES} pages are open: close one\n");
            return refuse(StatusCode::SERVICE_UNAVAILABLE, why);
        };
        let Some((answer, upgrade)) = live::accept(request) else {
            return refuse(StatusCode::BAD_REQUEST, "the dashboard reads this path by WebSocket\n");
        };
        let (dashboard, stop) = (self.clone(), self.stop.clone());
        let headers = request.headers().clone();
        self.tasks.spawn(async move {
            let _permit = permit;
            // An error means that the client has disconnected.
            if let Ok(upgraded) = upgrade.await {
                let served = live::serve(&dashboard, upgraded, &headers, view);
                stop.run_until_cancelled(served).await;
            }
        });
        answer
    }
}

/// Whether a request comes from the page itself, or from a program. Browsers name the page that opens a WebSocket.
fn is_same_origin<B>(request: &Request<B>) -> bool {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    match (request.headers().contains_key(header::ORIGIN), header(header::ORIGIN)) {
        (false, _) => true,
        (true, origin) => {
            let own = header(header::HOST).map(|host| format!("http://{host}"));
            origin.is_some() && origin == own.as_deref()
        }
    }
}

fn page(kind: &'static str, content: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(content.as_bytes())));
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn refuse(status: StatusCode, why: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(why.into()));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}
