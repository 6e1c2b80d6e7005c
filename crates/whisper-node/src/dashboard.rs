//! The dashboard: a web page that shows what the node does. It changes nothing.
//!
//! The metrics server serves it at `/`. The page opens one WebSocket at `/live`, over which it gets a snapshot each
//! second, and asks what happened to an envelope. It shows peers and their addresses, so it is served only to this machine. A
//! node with teams asks for the token of an administrator.

mod live;
mod snapshot;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Sources;

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

/// Maximum number of open pages.
const MAX_PAGES: usize = 8;

/// What the page may do: nothing but load its own files and connect to its own origin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The answer to a request.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Serves the page and its WebSocket.
#[derive(Clone, Debug)]
pub(crate) struct Dashboard {
    sources: Sources,
    pages: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Dashboard {
    /// `tasks` gets a task for each open page, which ends with `stop`.
    pub(crate) fn new(sources: Sources, tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self { sources, pages: Arc::new(Semaphore::new(MAX_PAGES)), tasks, stop }
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
            None if !self.sources.rpc.may_see_all(request.headers()) => {
                let why = "the node has teams: show the token of an administrator\n";
                refuse(StatusCode::UNAUTHORIZED, why)
            }
            None => self.open(request),
        })
    }

    /// Opens the WebSocket.
    fn open<B>(&self, request: &mut Request<B>) -> Answer {
        if !is_same_origin(request) {
            let why = "another web page may not read the dashboard\n";
            return refuse(StatusCode::FORBIDDEN, why);
        }
        let Ok(permit) = Arc::clone(&self.pages).try_acquire_owned() else {
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
                stop.run_until_cancelled(live::serve(&dashboard, upgraded, &headers)).await;
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

#[cfg(test)]
mod tests {
    use p2p_identity::SecretKey;
    use p2p_server::{Config, Server};
    use p2p_world::SystemWorld;
    use whisper_protocol::Whisper;
    use whisper_rpc::{
        RpcAccess, RpcConfig, RpcServer, Scopes, Team, TeamToken, Teams, TeamsSettings, TokenHash,
    };

    use super::*;

    #[test]
    fn only_the_page_itself_and_programs_may_connect() {
        let from = |origin: Option<&str>| {
            let request = Request::builder().header(header::HOST, "127.0.0.1:6060");
            let request = match origin {
                Some(origin) => request.header(header::ORIGIN, origin),
                None => request,
            };
            is_same_origin(&request.body(()).unwrap())
        };
        assert!(from(None) && from(Some("http://127.0.0.1:6060")));
        for other in
            ["http://127.0.0.1:6061", "https://127.0.0.1:6060", "http://evil.example", "null"]
        {
            assert!(!from(Some(other)), "{other}");
        }
        let no_host = Request::builder().header(header::ORIGIN, "http://127.0.0.1:6060");
        assert!(!is_same_origin(&no_host.body(()).unwrap()));
    }

    /// A node whose JSON-RPC is only in this process.
    async fn node(access: RpcAccess) -> (Dashboard, RpcServer, Server) {
        let whisper = Whisper::new(whisper_protocol::Config::default());
        let server = Server::start(Config::new(SecretKey::generate())).await.unwrap();
        let rpc = RpcConfig { http: None, ws: None, access, ..RpcConfig::default() };
        let rpc = whisper_rpc::serve(rpc, whisper.clone(), server.clone()).await.unwrap();
        let world = SystemWorld::shared();
        let sources = Sources { whisper, server: server.clone(), rpc: rpc.meter(), world };
        let dashboard = Dashboard::new(sources, TaskTracker::new(), CancellationToken::new());
        (dashboard, rpc, server)
    }

    #[tokio::test]
    async fn the_dashboard_is_served_only_to_this_machine_and_to_its_own_page() {
        let (dashboard, rpc, server) = node(RpcAccess::Open).await;
        let answer = |method, path: &str, origin: &str, client: &str| {
            let request = Request::builder().method(method).uri(path);
            let request = request.header(header::HOST, "127.0.0.1:6060");
            let mut request = request.header(header::ORIGIN, origin).body(()).unwrap();
            dashboard.respond(&mut request, client.parse().unwrap())
        };
        let status = |method, path: &str, origin: &str, client: &str| {
            answer(method, path, origin, client).unwrap().status()
        };
        let (own, here) = ("http://127.0.0.1:6060", "127.0.0.1:4000");
        let page = answer(Method::GET, "/", own, "[::ffff:127.0.0.1]:4000").unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(page.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        for path in ["/", "/dashboard.js", "/live"] {
            assert_eq!(status(Method::GET, path, own, "10.0.0.7:4000"), StatusCode::FORBIDDEN);
            assert_eq!(status(Method::POST, path, own, here), StatusCode::METHOD_NOT_ALLOWED);
        }
        let foreign = status(Method::GET, "/live", "http://evil.example", here);
        assert_eq!(foreign, StatusCode::FORBIDDEN);
        assert_eq!(status(Method::GET, "/live", own, here), StatusCode::BAD_REQUEST);
        assert!(answer(Method::GET, "/metrics", own, here).is_none());
        rpc.stop().await;
        server.stop().await;
    }

    #[tokio::test]
    async fn a_node_with_teams_shows_itself_to_administrators_only() {
        let team = |name: &str, token: &str, admin| Team {
            tokens: vec![TeamToken { hash: TokenHash::of(token), expires: None }],
            scopes: Scopes { admin, ..Scopes::default() },
            ..Team::new(name.parse().unwrap())
        };
        let (operators, payments) = ("operators-token-1", "payments-token-1");
        let all = vec![team("operators", operators, true), team("payments", payments, false)];
        let teams = Teams { teams: all.clone(), ipc: None };
        let access = RpcAccess::Teams(TeamsSettings { teams, keeper: None });
        let (dashboard, rpc, server) = node(access).await;
        let status = |protocols: &str| {
            let request = Request::builder().uri("/live").header(header::HOST, "127.0.0.1:6060");
            let request = request.header(header::SEC_WEBSOCKET_PROTOCOL, protocols);
            let mut request = request.body(()).unwrap();
            dashboard.respond(&mut request, "127.0.0.1:4000".parse().unwrap()).unwrap().status()
        };
        let with = |token: &str| status(&format!("bearer.{token}"));
        for token in ["", "another-token-16", payments] {
            assert_eq!(with(token), StatusCode::UNAUTHORIZED, "{token}");
        }
        // It is no handshake, but it may enter.
        assert_eq!(with(operators), StatusCode::BAD_REQUEST);
        rpc.set_teams(Teams { teams: all[1..].to_vec(), ipc: None });
        assert_eq!(with(operators), StatusCode::UNAUTHORIZED);
        rpc.stop().await;
        server.stop().await;
    }

    #[test]
    fn the_page_needs_nothing_but_its_own_files() {
        for (path, _, content) in FILES {
            for foreign in ["http://", "https://", "//cdn", "@import", "url("] {
                let found = content.replace("http://www.w3.org/2000/svg", "").contains(foreign);
                assert!(!found, "{path} has {foreign}");
            }
            // Names of peers and messages are text, not HTML.
            for unsafe_call in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"] {
                assert!(!content.contains(unsafe_call), "{path} has {unsafe_call}");
            }
        }
    }
}
