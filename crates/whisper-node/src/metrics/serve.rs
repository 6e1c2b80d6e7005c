//! The HTTP server from which Prometheus reads the metrics, and browsers the dashboard.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use whisper_rpc::VirtualHosts;

use super::Sources;
use crate::dashboard::Dashboard;

/// The paths of the metrics: the default of Prometheus, and the path in go-ethereum.
const PATHS: [&str; 2] = ["/metrics", "/debug/metrics/prometheus"];

/// The path that tells whether the node works.
const HEALTH_PATH: &str = "/healthz";

/// The path that tells whether the node has peers, and no damaged file.
const READY_PATH: &str = "/readyz";

/// Maximum number of concurrent connections. Further connections wait until they are accepted.
const MAX_CONNECTIONS: usize = 16;

/// Maximum duration of a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Delay after an error when accepting a connection.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Maximum time for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum size of the head of a request, in bytes. Bodies are not read.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The metrics server cannot listen at its address.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address} for metrics")]
pub struct MetricsError {
    /// The address.
    pub address: SocketAddr,
    /// The error of the system.
    pub source: io::Error,
}

/// The running metrics server. It stops when it is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    addr: SocketAddr,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Serves the metrics at `/metrics`, and at `/debug/metrics/prometheus` like go-ethereum. Port 0: any free port.
///
/// `/healthz` has status 200 while the parts of the node answer. `/readyz` has status 200 with at least one peer
/// (`/readyz?peers=N`: with at least N) and no damaged file, otherwise 503.
///
/// All programs that reach the port can read the metrics, which contain no secrets. Web pages cannot read them, because
/// the `Host` header must be `localhost` or an IP address. The dashboard, a web page at `/`, names peers and envelopes: it
/// is served only to this machine.
///
/// # Errors
///
/// The port cannot be bound.
pub async fn serve(address: SocketAddr, sources: Sources) -> Result<MetricsServer, MetricsError> {
    let bind_error = |source| MetricsError { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind_error)?;
    let addr = listener.local_addr().map_err(bind_error)?;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let dashboard = Dashboard::new(sources.clone(), tasks.clone(), stop.clone());
    let connections = Connections { tasks: tasks.clone(), stop: stop.clone() };
    let hosts = VirtualHosts::new(&["localhost".to_owned()]);
    tasks.spawn(connections.accept(listener, Context { sources, dashboard, hosts }));
    Ok(MetricsServer { addr, tasks, stop })
}

impl MetricsServer {
    /// The address that the server listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening and closes all connections.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What is served, and under which names.
struct Context {
    sources: Sources,
    dashboard: Dashboard,
    hosts: VirtualHosts,
}

/// Accepts connections until the server stops.
struct Connections {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Connections {
    async fn accept(self, listener: TcpListener, context: Context) {
        let context = Arc::new(context);
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let accept = async || {
            loop {
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((stream, client)) => {
                        self.spawn(answer(stream, client, Arc::clone(&context)), permit);
                    }
                    // Most often there are no file descriptors left. Retry when other connections may have ended.
                    Err(error) => {
                        tracing::debug!(%error, "cannot accept a connection for metrics");
                        sleep(ACCEPT_RETRY_DELAY).await;
                    }
                }
            }
        };
        self.stop.run_until_cancelled(accept()).await;
    }

    /// Runs a connection until it ends, takes too long, or the server stops.
    fn spawn(
        &self,
        connection: impl Future<Output = ()> + Send + 'static,
        permit: OwnedSemaphorePermit,
    ) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let _permit = permit;
            stop.run_until_cancelled(timeout(CONNECTION_TIMEOUT, connection)).await
        });
    }
}

/// Answers one request. The connection is then closed, so that it does not keep others waiting, unless it becomes the
/// WebSocket of a dashboard.
async fn answer(stream: TcpStream, client: SocketAddr, context: Arc<Context>) {
    if SystemTime::now() < SystemTime::UNIX_EPOCH {
        // The HTTP library panics.
        tracing::warn!("metrics are not served: the system clock is before 1970");
        return;
    }
    let service = service_fn(move |mut request| {
        let mut response = context.respond(&mut request, client);
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        async move { Ok::<_, Infallible>(response) }
    });
    // The error is ignored: the client disconnected, or sent no HTTP.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

impl Context {
    fn respond(
        &self,
        request: &mut Request<Incoming>,
        client: SocketAddr,
    ) -> Response<Full<Bytes>> {
        if !self.hosts.allow(request) {
            let accepted = "invalid host specified: use localhost, or an IP address of the node\n";
            return text(StatusCode::FORBIDDEN, accepted);
        }
        if let Some(answer) = self.dashboard.respond(request, client) {
            return answer;
        }
        let path = request.uri().path();
        if !PATHS.contains(&path) && ![HEALTH_PATH, READY_PATH].contains(&path) {
            let paths = "the metrics are at /metrics, the state of the node at /healthz and /readyz, the dashboard at /\n";
            return text(StatusCode::NOT_FOUND, paths);
        }
        if *request.method() != Method::GET {
            return text(StatusCode::METHOD_NOT_ALLOWED, "GET is the only method\n");
        }
        match path {
            HEALTH_PATH => healthy(&self.sources),
            READY_PATH => ready(&self.sources, request.uri().query()),
            _ => text(StatusCode::OK, self.sources.render()),
        }
    }
}

/// Whether the node works: its parts answer. It says nothing about peers, because a restart brings none.
fn healthy(sources: &Sources) -> Response<Full<Bytes>> {
    let (envelopes, peers) = (sources.whisper.info().envelopes, sources.server.peer_count());
    text(StatusCode::OK, format!("ok: {envelopes} envelopes, {peers} peers\n"))
}

/// Whether a post can reach the network, and is kept where it should be: no file is damaged, and there is a peer, or as many as the
/// query `peers=N` asks for.
fn ready(sources: &Sources, query: Option<&str>) -> Response<Full<Bytes>> {
    let wanted = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("peers="));
    let Ok(wanted) = wanted.unwrap_or("1").parse::<usize>() else {
        return text(StatusCode::BAD_REQUEST, "peers is not a number\n");
    };
    if let Some(name) = sources.files.damaged().next() {
        let reason =
            format!("not ready: a file of the node is damaged ({name}): its log says what to do\n");
        return text(StatusCode::SERVICE_UNAVAILABLE, reason);
    }
    let peers = sources.server.peer_count();
    match peers >= wanted {
        true => text(StatusCode::OK, format!("ready: {peers} peers\n")),
        false => {
            let reason = format!("not ready: {peers} peers, {wanted} are needed\n");
            text(StatusCode::SERVICE_UNAVAILABLE, reason)
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
