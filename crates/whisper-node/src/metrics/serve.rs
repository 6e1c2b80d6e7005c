//! The port where Prometheus fetches the figures: HTTP, one kind of answer, little to attack.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Sources;
use whisper_rpc::VirtualHosts;

/// Where the figures are: Prometheus' own habit, and go-ethereum's path.
const PATHS: [&str; 2] = ["/metrics", "/debug/metrics/prometheus"];

/// How many connections are answered at a time; more wait to be accepted.
const CONNECTIONS: usize = 16;

/// The longest that a connection lives, from its first byte to its last.
const LIFE: Duration = Duration::from_secs(10);

/// The longest that the head of a request may take, and the most it may have, in bytes. Bodies are
/// not read.
const HEAD_TIME: Duration = Duration::from_secs(5);
const HEAD_BYTES: usize = 16 * 1024;

/// The metrics cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address} for metrics")]
pub struct MetricsError {
    /// Where.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

/// The running metrics server. It ends when stopped or dropped.
#[derive(Debug)]
pub struct MetricsServer {
    addr: SocketAddr,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Serves the figures at `/metrics`, and at `/debug/metrics/prometheus` as go-ethereum does. Port 0
/// takes a free one.
///
/// Whoever reaches the port can read them; they hold nothing secret. A web page cannot, unless its
/// name is `localhost`: the `Host` header has to be that or an IP address.
///
/// # Errors
///
/// When the port cannot be bound.
pub async fn serve(address: SocketAddr, sources: Sources) -> Result<MetricsServer, MetricsError> {
    let failed = |source| MetricsError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let (accepting, stopped) = (accept(listener, sources, tasks.clone()), stop.clone());
    tasks.spawn(async move { stopped.run_until_cancelled(accepting).await });
    Ok(MetricsServer { addr, tasks, stop })
}

impl MetricsServer {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening and gives up what is being answered.
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

async fn accept(listener: TcpListener, sources: Sources, tasks: TaskTracker) {
    let sources = Arc::new((sources, VirtualHosts::new(&["localhost".to_owned()])));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = timeout(LIFE, answer(stream, Arc::clone(&sources)));
                tasks.spawn(async move {
                    let _place = place;
                    // Who is too slow is dropped.
                    let _ = connection.await;
                });
            }
            // Out of file descriptors, most often: others have to end first.
            Err(error) => {
                tracing::debug!(%error, "metrics connection not accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Answers one request; keeping the connection for another would only keep others waiting.
async fn answer(stream: TcpStream, about: Arc<(Sources, VirtualHosts)>) {
    let service = service_fn(move |request| {
        let response = respond(&request, &about.0, &about.1);
        async move { Ok::<_, Infallible>(response) }
    });
    // An error is the client's: it went away, or what it sent was no HTTP.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn respond<B>(
    request: &Request<B>,
    sources: &Sources,
    hosts: &VirtualHosts,
) -> Response<Full<Bytes>> {
    if !hosts.allow(request) {
        return text(StatusCode::FORBIDDEN, "invalid host specified\n");
    }
    if !PATHS.contains(&request.uri().path()) {
        return text(StatusCode::NOT_FOUND, "the metrics are at /metrics\n");
    }
    if *request.method() != Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "GET is the only method\n");
    }
    text(StatusCode::OK, sources.render())
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
