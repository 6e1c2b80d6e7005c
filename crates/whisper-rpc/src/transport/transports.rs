//! The transports that are served. HTTP and WebSocket can be started and stopped while the node runs.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use jsonrpsee::core::RegisterMethodError;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::net::Listener as Accept;
use tokio_util::sync::CancellationToken;

use crate::call::dispatch::{Dispatcher, ServedMethods};
use crate::call::error::CallError;
use crate::call::memory::MemoryBudget;
use crate::call::stats::Counters;
use crate::config::{HttpSettings, RpcAccess, RpcConfig, RpcLimits, WsSettings};
use crate::lock::lock;
use crate::namespace::Namespace;
use crate::team::accounts::Accounts;
use crate::team::credential::CertificateHash;
use crate::team::door::Door;
use crate::transport::client_stream::ClientStream;
use crate::transport::cors::cors;
use crate::transport::error::{RpcError, Transport};
use crate::transport::http::Http;
use crate::transport::listener::{ClientAddr, ConnectionGuard, Listener, Places};
use crate::transport::origins::Origins;
use crate::transport::tls::Tls;
use crate::transport::vhosts::VirtualHosts;
use crate::transport::ws::Ws;

/// Maximum time that stopping waits for answers in progress.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// A TCP connection, with or without TLS.
type Stream = Either<ClientStream<TcpStream>, TlsStream<ClientStream<TcpStream>>>;

/// Makes the methods of the given namespaces.
type MakeMethods =
    Box<dyn Fn(&[Namespace]) -> Result<ServedMethods, RegisterMethodError> + Send + Sync>;

/// All transports, served or not.
pub(crate) struct Transports {
    config: RpcConfig,
    methods: MakeMethods,
    counters: Arc<Counters>,
    memory: Arc<MemoryBudget>,
    door: Arc<Door>,
    stop: CancellationToken,
    http: Mutex<Option<Listener<SocketAddr>>>,
    ws: Mutex<Option<Listener<SocketAddr>>>,
    #[cfg(unix)]
    ipc: Mutex<Option<Listener<Arc<crate::transport::ipc::SocketFile>>>>,
}

impl fmt::Debug for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transports").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Transports {
    /// Starts the configured transports. `methods` gets a reference to them, for the methods that start and stop them.
    pub(crate) fn start(
        config: RpcConfig,
        accounts: Arc<Accounts>,
        stop: CancellationToken,
        methods: impl FnOnce(&Weak<Self>) -> MakeMethods,
    ) -> Result<Arc<Self>, RpcError> {
        let counters = Arc::<Counters>::default();
        let RpcLimits { memory, unread_bytes, .. } = config.limits;
        let unread_bytes = usize::try_from(unread_bytes).unwrap_or(usize::MAX);
        let token = config.access.token().cloned();
        let door = Arc::new(Door { token, accounts });
        let transports = Arc::new_cyclic(|this| Self {
            config,
            methods: methods(this),
            memory: Arc::new(MemoryBudget::new(memory, unread_bytes, Arc::clone(&counters))),
            counters,
            door,
            stop,
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

    /// Starts HTTP. It is an error if it runs already.
    pub(crate) fn start_http(&self, settings: &HttpSettings) -> Result<(), CallError> {
        let mut http = lock(&self.http);
        if let Some(running) = &*http {
            let at = running.addr();
            return Err(CallError::AlreadyServed { transport: Transport::Http, at });
        }
        *http = Some(self.serve_http(settings)?);
        Ok(())
    }

    /// Starts WebSocket. It is an error if it runs already.
    pub(crate) fn start_ws(&self, settings: &WsSettings) -> Result<(), CallError> {
        let mut ws = lock(&self.ws);
        if let Some(running) = &*ws {
            let at = running.addr();
            return Err(CallError::AlreadyServed { transport: Transport::Ws, at });
        }
        *ws = Some(self.serve_ws(settings)?);
        Ok(())
    }

    /// Stops HTTP. When this returns, the port is free. Answers in progress, perhaps the one to this very call, are
    /// finished in the background.
    pub(crate) async fn stop_http(&self) -> Result<(), CallError> {
        let http = lock(&self.http).take();
        http.ok_or(CallError::NotServed { transport: Transport::Http })?.close().await;
        Ok(())
    }

    /// Stops WebSocket. See [`stop_http`](Self::stop_http).
    pub(crate) async fn stop_ws(&self) -> Result<(), CallError> {
        let ws = lock(&self.ws).take();
        ws.ok_or(CallError::NotServed { transport: Transport::Ws })?.close().await;
        Ok(())
    }

    pub(crate) fn config(&self) -> &RpcConfig {
        &self.config
    }

    pub(crate) fn http_addr(&self) -> Option<SocketAddr> {
        lock(&self.http).as_ref().map(Listener::addr)
    }

    pub(crate) fn ws_addr(&self) -> Option<SocketAddr> {
        lock(&self.ws).as_ref().map(Listener::addr)
    }

    pub(crate) fn accounts(&self) -> &Arc<Accounts> {
        &self.door.accounts
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Stops everything in the background.
    pub(crate) fn cancel(&self) {
        self.stop.cancel();
    }

    /// Stops everything. Takes at most [`STOP_TIMEOUT`].
    pub(crate) async fn stop(&self) {
        self.cancel();
        let tcp = [lock(&self.http).take(), lock(&self.ws).take()];
        let tcp = tcp.into_iter().flatten().map(end);
        tokio::join!(futures_util::future::join_all(tcp), self.stop_ipc());
    }

    fn dispatcher(&self, api: &[Namespace]) -> Result<Dispatcher, RpcError> {
        let served = (self.methods)(api)?;
        let (counters, accounts) = (Arc::clone(&self.counters), Arc::clone(&self.door.accounts));
        let audit = self.config.audit.clone();
        Ok(Dispatcher::new(served, self.config.limits, counters, accounts, audit))
    }

    fn serve_http(&self, settings: &HttpSettings) -> Result<Listener<SocketAddr>, RpcError> {
        let http = Arc::new(Http {
            dispatcher: self.dispatcher(&settings.api)?,
            vhosts: VirtualHosts::new(&settings.vhosts),
            cors: cors(&settings.cors)?,
            door: Arc::clone(&self.door),
            chat: settings.chat,
        });
        let serve = move |stream, guard| Arc::clone(&http).serve(stream, guard);
        self.listen_tcp(Transport::Http, settings.addr, serve)
    }

    fn serve_ws(&self, settings: &WsSettings) -> Result<Listener<SocketAddr>, RpcError> {
        let ws = Arc::new(Ws {
            dispatcher: self.dispatcher(&settings.api)?,
            origins: Origins::new(&settings.origins),
            door: Arc::clone(&self.door),
        });
        let serve = move |stream, guard| Arc::clone(&ws).serve(stream, guard);
        self.listen_tcp(Transport::Ws, settings.addr, serve)
    }

    /// Listens on a TCP port, with TLS if configured.
    fn listen_tcp<F>(
        &self,
        transport: Transport,
        address: SocketAddr,
        serve: impl Fn(Stream, ConnectionGuard) -> F + Send + Sync + 'static,
    ) -> Result<Listener<SocketAddr>, RpcError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (listener, addr) = bind(transport, address)?;
        self.warn_if_exposed(transport, addr);
        if self.config.tls.is_none() && self.door.accounts.has_certificates() {
            tracing::warn!(
                "a team has client certificates, which count with TLS only: set --rpc.tls-cert and --rpc.tls-key"
            );
        }
        let (limits, tls) = (self.config.limits, self.config.tls.clone());
        let (serve, accounts) = (Arc::new(serve), Arc::clone(&self.door.accounts));
        Ok(self.listen(listener, addr, move |stream, mut guard| {
            let (tls, serve) = (tls.clone(), Arc::clone(&serve));
            let ask = accounts.has_certificates();
            async move {
                if let Some(stream) = secure(stream, &guard, tls.as_ref(), ask, &limits).await {
                    guard.certificate = certificate(&stream);
                    serve(stream, guard).await;
                }
            }
        }))
    }

    /// Warns the operator if other machines can connect and there is no token or no TLS.
    fn warn_if_exposed(&self, transport: Transport, addr: SocketAddr) {
        if addr.ip().is_loopback() {
            return;
        }
        if matches!(self.config.access, RpcAccess::Open) {
            tracing::warn!(%addr, "JSON-RPC over {transport} is reachable from other machines and asks for no token");
        } else if self.config.tls.is_none() {
            tracing::warn!(%addr, "the token for JSON-RPC over {transport} is sent without encryption");
        }
    }

    fn listen<L, A, F>(
        &self,
        listener: L,
        addr: A,
        serve: impl Fn(L::Io, ConnectionGuard) -> F + Send + 'static,
    ) -> Listener<A>
    where
        L: Accept + Send + 'static,
        L::Io: Send,
        L::Addr: ClientAddr + Send,
        A: Clone,
        F: Future<Output = ()> + Send + 'static,
    {
        let places = Places {
            limit: self.config.limits.connections,
            memory: Arc::clone(&self.memory),
            counters: Arc::clone(&self.counters),
        };
        Listener::start(listener, addr, places, self.stop.child_token(), serve)
    }
}

#[cfg(unix)]
impl Transports {
    pub(crate) fn ipc_path(&self) -> Option<PathBuf> {
        lock(&self.ipc).as_ref().map(|listener| listener.addr().path().to_owned())
    }

    fn start_ipc(&self) -> Result<(), RpcError> {
        let Some(path) = &self.config.ipc else { return Ok(()) };
        let (file, listener) = crate::transport::ipc::SocketFile::bind(path)?;
        let listener = tokio::net::UnixListener::from_std(listener)
            .map_err(|source| RpcError::IpcBind { path: path.clone(), source })?;
        let dispatcher = Arc::new(self.dispatcher(&Namespace::ALL)?);
        let door = Arc::clone(&self.door);
        let serve = move |stream, guard: ConnectionGuard| {
            let (dispatcher, door) = (Arc::clone(&dispatcher), Arc::clone(&door));
            async move {
                let Some(pass) = door.accounts.enter_ipc() else { return };
                if let Err(over) = guard.join(&pass.account) {
                    return crate::transport::ipc::refuse(stream, over).await;
                }
                let stream = ClientStream::new(stream, guard.clone(), None);
                crate::transport::ipc::serve(stream, &dispatcher, pass, guard.client_end()).await;
            }
        };
        *lock(&self.ipc) = Some(self.listen(listener, Arc::new(file), serve));
        Ok(())
    }

    async fn stop_ipc(&self) {
        let listener = lock(&self.ipc).take();
        if let Some(listener) = listener {
            end(listener).await;
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

/// Stops one transport. Its clients have [`STOP_TIMEOUT`] to read their answers.
async fn end<A: Clone>(mut listener: Listener<A>) {
    listener.close().await;
    if tokio::time::timeout(STOP_TIMEOUT, listener.finished()).await.is_err() {
        tracing::warn!("JSON-RPC clients did not finish in time and are disconnected");
        listener.abort();
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

/// The certificate whose private key the client has, if it has shown one.
fn certificate(stream: &Stream) -> Option<CertificateHash> {
    let Either::Right(stream) = stream else { return None };
    let chain = stream.get_ref().1.peer_certificates()?;
    Some(CertificateHash::of_der(chain.first()?))
}

/// Prepares a connection for HTTP: without delay, and after the TLS handshake if configured. `ask`: whether the client is asked
/// for a certificate, which it need not have.
async fn secure(
    stream: TcpStream,
    guard: &ConnectionGuard,
    tls: Option<&Tls>,
    ask: bool,
    limits: &RpcLimits,
) -> Option<Stream> {
    // Each answer is written as a whole, so waiting for more data would only delay it.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY on a connection");
    }
    let stream = ClientStream::new(stream, guard.clone(), Some(limits.first_byte_time));
    match tls {
        None => Some(Either::Left(stream)),
        Some(tls) => tls.accept(stream, ask, limits).await.map(Either::Right),
    }
}
