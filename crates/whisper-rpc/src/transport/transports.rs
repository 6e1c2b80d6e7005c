//! Which transports are served, each with its own namespaces. HTTP and WebSocket come and go while the node runs.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jsonrpsee::core::server::Methods;
use p2p_server::Server;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::net::Listener;
use tokio_util::sync::CancellationToken;

use crate::call::calls::Calls;
use crate::call::error::CallError;
use crate::call::refusal::Counters;
use crate::config::{HttpConfig, Limits, RpcConfig, WsConfig};
use crate::namespace::Namespace;
use crate::namespace::admin::Admin;
use crate::namespace::modules::Modules;
use crate::namespace::net::Net;
use crate::namespace::shh::Shh;
use crate::namespace::{admin, debug, modules, net, shh, web3};
use crate::transport::cors::cors;
use crate::transport::http::Http;
use crate::transport::listening::{Guest, Listening};
use crate::transport::origins::Origins;
use crate::transport::start_error::{RpcError, Transport};
use crate::transport::tls::Tls;
use crate::transport::vhosts::VirtualHosts;
use crate::transport::ws::Ws;
use whisper_protocol::Whisper;

/// How long stopping waits for answers in progress.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// A connection over TCP, with TLS or without.
type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// What the methods are about, and the ways to them.
#[derive(Debug)]
pub(crate) struct Transports {
    /// Itself, for the methods that start and stop what they came through.
    this: Weak<Self>,
    whisper: Whisper,
    server: Server,
    config: RpcConfig,
    counters: Arc<Counters>,
    stop: CancellationToken,
    http: Mutex<Option<Listening<SocketAddr>>>,
    ws: Mutex<Option<Listening<SocketAddr>>>,
    #[cfg(unix)]
    ipc: Mutex<Option<Listening<Arc<crate::transport::ipc::SocketFile>>>>,
}

impl Transports {
    /// Serves what is configured.
    pub(crate) fn start(
        config: RpcConfig,
        whisper: Whisper,
        server: Server,
    ) -> Result<Arc<Self>, RpcError> {
        let transports = Arc::new_cyclic(|this| Self {
            this: this.clone(),
            whisper,
            server,
            config,
            counters: Arc::default(),
            stop: CancellationToken::new(),
            http: Mutex::default(),
            ws: Mutex::default(),
            #[cfg(unix)]
            ipc: Mutex::default(),
        });
        let started = transports.start_all();
        if started.is_err() {
            transports.cancel();
        }
        started.map(|()| transports)
    }

    fn start_all(&self) -> Result<(), RpcError> {
        if let Some(http) = &self.config.http {
            *lock(&self.http) = Some(self.serve_http(http)?);
        }
        if let Some(ws) = &self.config.ws {
            *lock(&self.ws) = Some(self.serve_ws(ws)?);
        }
        self.start_ipc()
    }

    /// Serves HTTP, unless it is served already.
    pub(crate) fn start_http(&self, config: &HttpConfig) -> Result<(), CallError> {
        let mut http = lock(&self.http);
        if let Some(running) = &*http {
            let at = running.addr();
            return Err(CallError::AlreadyServed { transport: Transport::Http, at });
        }
        *http = Some(self.serve_http(config)?);
        Ok(())
    }

    /// As [`start_http`](Self::start_http).
    pub(crate) fn start_ws(&self, config: &WsConfig) -> Result<(), CallError> {
        let mut ws = lock(&self.ws);
        if let Some(running) = &*ws {
            let at = running.addr();
            return Err(CallError::AlreadyServed { transport: Transport::Ws, at });
        }
        *ws = Some(self.serve_ws(config)?);
        Ok(())
    }

    /// Serves HTTP no more. The port is free when this returns; answers in progress, perhaps the one to this very
    /// request, are finished.
    pub(crate) async fn stop_http(&self) -> Result<(), CallError> {
        let http = lock(&self.http).take();
        http.ok_or(CallError::NotServed { transport: Transport::Http })?.close().await;
        Ok(())
    }

    /// As [`stop_http`](Self::stop_http).
    pub(crate) async fn stop_ws(&self) -> Result<(), CallError> {
        let ws = lock(&self.ws).take();
        ws.ok_or(CallError::NotServed { transport: Transport::Ws })?.close().await;
        Ok(())
    }

    pub(crate) fn config(&self) -> &RpcConfig {
        &self.config
    }

    pub(crate) fn http_addr(&self) -> Option<SocketAddr> {
        lock(&self.http).as_ref().map(Listening::addr)
    }

    pub(crate) fn ws_addr(&self) -> Option<SocketAddr> {
        lock(&self.ws).as_ref().map(Listening::addr)
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Lets everything end, in the background.
    pub(crate) fn cancel(&self) {
        self.stop.cancel();
    }

    /// Ends everything, after two seconds at most.
    pub(crate) async fn stop(&self) {
        self.cancel();
        let tcp = [lock(&self.http).take(), lock(&self.ws).take()];
        let tcp = tcp.into_iter().flatten().map(end);
        tokio::join!(futures_util::future::join_all(tcp), self.stop_ipc());
    }

    /// The methods of the given namespaces.
    fn methods(&self, api: &[Namespace]) -> Result<Methods, RpcError> {
        let mut methods = Methods::new();
        for namespace in Namespace::ALL {
            if namespace != Namespace::Rpc && !api.contains(&namespace) {
                continue;
            }
            let module = match namespace {
                Namespace::Admin => admin::api().install(self.admin())?,
                Namespace::Debug => debug::api().install(self.whisper.clone())?,
                Namespace::Net => net::api().install(self.net())?,
                Namespace::Rpc => modules::api().install(Modules::new(api))?,
                Namespace::Shh => shh::api().install(self.shh())?,
                Namespace::Web3 => web3::api().install(self.server.clone())?,
            };
            methods.merge(module)?;
        }
        Ok(methods)
    }

    fn admin(&self) -> Admin {
        Admin::new(self.server.clone(), &self.config.datadir, self.this.clone())
    }

    fn net(&self) -> Net {
        Net { server: self.server.clone(), network_id: self.config.network_id }
    }

    fn shh(&self) -> Shh {
        let (whisper, stop) = (self.whisper.clone(), self.stop.clone());
        Shh { whisper, stop, key_export: self.config.key_export }
    }

    fn calls(&self, api: &[Namespace]) -> Result<Calls, RpcError> {
        Ok(Calls::new(self.methods(api)?, self.config.limits, Arc::clone(&self.counters)))
    }

    fn serve_http(&self, config: &HttpConfig) -> Result<Listening<SocketAddr>, RpcError> {
        let http = Arc::new(Http {
            calls: self.calls(&config.api)?,
            vhosts: VirtualHosts::new(&config.vhosts),
            cors: cors(&config.cors)?,
            token: self.config.token.clone(),
        });
        let serve = move |stream, guest| Arc::clone(&http).serve(stream, guest);
        self.listen_tcp(Transport::Http, config.addr, serve)
    }

    fn serve_ws(&self, config: &WsConfig) -> Result<Listening<SocketAddr>, RpcError> {
        let ws = Arc::new(Ws {
            calls: self.calls(&config.api)?,
            origins: Origins::new(&config.origins),
            token: self.config.token.clone(),
        });
        let serve = move |stream, guest| Arc::clone(&ws).serve(stream, guest);
        self.listen_tcp(Transport::Ws, config.addr, serve)
    }

    /// Listens at a port; clients come with TLS, if that is configured.
    fn listen_tcp<F>(
        &self,
        transport: Transport,
        address: SocketAddr,
        serve: impl Fn(Stream, Guest) -> F + Send + Sync + 'static,
    ) -> Result<Listening<SocketAddr>, RpcError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (listener, addr) = bind(transport, address)?;
        self.warn_if_open(transport, addr);
        let (limits, tls) = (self.config.limits, self.config.tls.clone());
        let serve = Arc::new(serve);
        Ok(self.listen(listener, addr, move |stream, guest| {
            let (tls, serve) = (tls.clone(), Arc::clone(&serve));
            async move {
                if let Some(stream) = secured(stream, tls.as_ref(), &limits).await {
                    serve(stream, guest).await;
                }
            }
        }))
    }

    /// Tells the operator of a door that others can come to and that is not locked.
    fn warn_if_open(&self, transport: Transport, addr: SocketAddr) {
        if addr.ip().is_loopback() {
            return;
        }
        if self.config.token.is_none() {
            tracing::warn!(%addr, "JSON-RPC over {transport} is open to whoever reaches it: see --rpc.token-file");
        } else if self.config.tls.is_none() {
            tracing::warn!(%addr, "the token for JSON-RPC over {transport} can be read on its way: see --rpc.tls-cert");
        }
    }

    fn listen<L, A, F>(
        &self,
        listener: L,
        addr: A,
        serve: impl Fn(L::Io, Guest) -> F + Send + 'static,
    ) -> Listening<A>
    where
        L: Listener + Send + 'static,
        L::Io: Send,
        L::Addr: Send,
        A: Clone,
        F: Future<Output = ()> + Send + 'static,
    {
        let counters = Arc::clone(&self.counters);
        let (limit, stop) = (self.config.limits.connections, self.stop.child_token());
        Listening::start(listener, addr, limit, counters, stop, serve)
    }
}

#[cfg(unix)]
impl Transports {
    pub(crate) fn ipc_path(&self) -> Option<PathBuf> {
        lock(&self.ipc).as_ref().map(|listening| listening.addr().path().to_owned())
    }

    fn start_ipc(&self) -> Result<(), RpcError> {
        let Some(path) = &self.config.ipc else { return Ok(()) };
        let (file, listener) = crate::transport::ipc::SocketFile::bind(path)?;
        let listener = tokio::net::UnixListener::from_std(listener)
            .map_err(|source| RpcError::IpcBind { path: path.clone(), source })?;
        let calls = Arc::new(self.calls(&Namespace::ALL)?);
        let serve = move |stream, guest: Guest| {
            let calls = Arc::clone(&calls);
            async move { crate::transport::ipc::serve(stream, &calls, &guest.stop).await }
        };
        *lock(&self.ipc) = Some(self.listen(listener, Arc::new(file), serve));
        Ok(())
    }

    async fn stop_ipc(&self) {
        let listening = lock(&self.ipc).take();
        if let Some(listening) = listening {
            end(listening).await;
        }
    }
}

#[cfg(not(unix))]
impl Transports {
    pub(crate) fn ipc_path(&self) -> Option<PathBuf> {
        None
    }

    fn start_ipc(&self) -> Result<(), RpcError> {
        match &self.config.ipc {
            None => Ok(()),
            Some(path) => {
                let source = io::ErrorKind::Unsupported.into();
                Err(RpcError::IpcBind { path: path.clone(), source })
            }
        }
    }

    async fn stop_ipc(&self) {}
}

/// Ends one transport: its clients have some time for their answers.
async fn end<A: Clone>(mut listening: Listening<A>) {
    listening.close().await;
    if tokio::time::timeout(STOP_LIMIT, listening.finished()).await.is_err() {
        tracing::warn!("JSON-RPC clients did not finish in time and are dropped");
        listening.abandon();
    }
}

fn bind(transport: Transport, address: SocketAddr) -> Result<(TcpListener, SocketAddr), RpcError> {
    let bind = || -> io::Result<_> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        Ok((TcpListener::from_std(listener)?, addr))
    };
    bind().map_err(|error| RpcError::bind(transport, address, error))
}

/// The stream to speak HTTP over, after the TLS handshake where there is to be one.
async fn secured(stream: TcpStream, tls: Option<&Tls>, limits: &Limits) -> Option<Stream> {
    // Answers are written whole: nothing is gained by waiting for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection may be slow to answer");
    }
    match tls {
        None => Some(Either::Left(stream)),
        Some(tls) => tls.accept(stream, limits).await.map(Either::Right),
    }
}

/// Poisoning is ignored: what is behind these locks is always consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
