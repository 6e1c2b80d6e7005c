//! A listening socket and its connections.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use p2p_world::HashMap;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::net::Listener as Accept;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call::memory::{ClientMemory, MemoryBudget};
use crate::call::stats::Counters;
use crate::lock::lock;
use crate::team::account::TeamAccount;
use crate::team::credential::CertificateHash;
use crate::team::meter::InUseGuard;
use crate::team::quotas::OverQuota;
use crate::transport::connection::ClientEnd;

/// The pause after an accept error. The usual cause is a lack of file descriptors, so other connections must end first.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// A listening socket. Dropping it closes it and its connections in the background.
#[derive(Debug)]
pub(crate) struct Listener<A> {
    addr: A,
    stop: StopTokens,
    accepting: JoinHandle<()>,
    connections: TaskTracker,
}

/// The two ways to stop connections.
#[derive(Clone, Debug)]
struct StopTokens {
    /// Answers in progress are finished.
    graceful: CancellationToken,
    /// Everything is cancelled.
    immediate: CancellationToken,
}

/// The address of a client.
pub(crate) trait ClientAddr {
    /// The IP address, if the client has one.
    fn ip(&self) -> Option<IpAddr>;
}

impl ClientAddr for std::net::SocketAddr {
    fn ip(&self) -> Option<IpAddr> {
        Some(Self::ip(self))
    }
}

#[cfg(unix)]
impl ClientAddr for tokio::net::unix::SocketAddr {
    fn ip(&self) -> Option<IpAddr> {
        None
    }
}

/// How many connections a listener keeps open, and where they are accounted for.
pub(crate) struct Places {
    /// Maximum number of open connections. Further ones are counted, and closed unless another one can be ended.
    pub(crate) limit: u32,
    pub(crate) memory: Arc<MemoryBudget>,
    pub(crate) counters: Arc<Counters>,
}

/// Counts one connection as open as long as any clone exists.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionGuard {
    /// Cancelled when the connection is to end after the answers in progress.
    pub(crate) stop: CancellationToken,
    /// The address of the client; `None` over IPC.
    pub(crate) peer: Option<IpAddr>,
    /// The certificate whose private key the client has, by its TLS handshake.
    pub(crate) certificate: Option<CertificateHash>,
    /// What the client occupies.
    pub(crate) memory: Arc<ClientMemory>,
    immediate: CancellationToken,
    /// Cancelled when the connection ends for others: for a new one, or because of its memory.
    evicted: CancellationToken,
    connections: TaskTracker,
    slot: Arc<ConnectionSlot>,
}

/// A place of one connection at a listener.
#[derive(Debug)]
struct ConnectionSlot {
    /// Whether the client has made a valid request.
    is_proven: AtomicBool,
    /// The team of its client, among whose connections it counts.
    team: Mutex<Option<(Weak<TeamAccount>, InUseGuard)>>,
    _permit: OwnedSemaphorePermit,
}

impl ConnectionGuard {
    /// Continues the connection in another task, which holds this guard.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let guard = self.clone();
        self.connections.spawn(async move {
            // The block would otherwise capture one field only, and drop the permit.
            let guard = guard;
            let task = guard.evicted.run_until_cancelled(task);
            guard.immediate.run_until_cancelled(task).await
        });
    }

    /// What serving the connection needs of this.
    pub(crate) fn client_end(&self) -> ClientEnd {
        ClientEnd { memory: Arc::clone(&self.memory), stop: self.stop.clone() }
    }

    /// The client has shown that it is in a team: the connection counts as one of this team, and is kept when others need its
    /// place.
    pub(crate) fn join(&self, account: &Arc<TeamAccount>) -> Result<(), OverQuota> {
        let mut team = lock(&self.slot.team);
        let is_in =
            team.as_ref().is_some_and(|(joined, _)| joined.as_ptr() == Arc::as_ptr(account));
        if !is_in {
            let counted = account.meter.admit_connection(&account.quotas())?;
            *team = Some((Arc::downgrade(account), counted));
        }
        self.slot.is_proven.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the connection ends because the node stops, or for another connection.
    pub(crate) fn is_ending(&self) -> bool {
        self.stop.is_cancelled() || self.evicted.is_cancelled()
    }

    /// Runs the end of the connection, until the node stops.
    pub(crate) fn linger(&self, end: impl Future<Output = ()> + Send + 'static) {
        if Handle::try_current().is_ok() {
            let stop = self.stop.clone();
            self.spawn(async move { _ = stop.run_until_cancelled(end).await });
        }
    }
}

impl<A: Clone> Listener<A> {
    /// Accepts connections from `listener`, whose address is `addr`, and runs `serve` for each.
    pub(crate) fn start<L, F>(
        listener: L,
        addr: A,
        places: Places,
        stop: CancellationToken,
        serve: impl Fn(L::Io, ConnectionGuard) -> F + Send + 'static,
    ) -> Self
    where
        L: Accept + Send + 'static,
        L::Io: Send,
        L::Addr: ClientAddr + Send,
        F: Future<Output = ()> + Send + 'static,
    {
        let connections = TaskTracker::new();
        let Places { limit, memory, counters } = places;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(limit));
        let limit = ConnectionLimit { permits, limit, memory, counters, open: VecDeque::new() };
        let stop = StopTokens { graceful: stop, immediate: CancellationToken::new() };
        let accept = accept(listener, limit, stop.clone(), connections.clone(), serve);
        let accepting = tokio::spawn(accept);
        Self { addr, stop, accepting, connections }
    }

    /// The address that it listens on.
    pub(crate) fn addr(&self) -> A {
        self.addr.clone()
    }

    /// Stops listening. When this returns, the address is free. Answers in progress are finished;
    /// [`finished`](Self::finished) waits for them.
    pub(crate) async fn close(&mut self) {
        self.stop.graceful.cancel();
        // An error means that the task panicked, which ends it as well.
        let _ = (&mut self.accepting).await;
    }

    /// Waits until all connections have ended, after [`close`](Self::close).
    pub(crate) async fn finished(&self) {
        self.connections.close();
        self.connections.wait().await;
    }

    /// Cancels all remaining connections.
    pub(crate) fn abort(&self) {
        self.stop.immediate.cancel();
    }
}

/// Limits the number of open connections.
struct ConnectionLimit {
    permits: Arc<Semaphore>,
    limit: usize,
    memory: Arc<MemoryBudget>,
    counters: Arc<Counters>,
    /// Connections that were open when this was last needed, the oldest first.
    open: VecDeque<OpenConnection>,
}

struct OpenConnection {
    slot: Weak<ConnectionSlot>,
    peer: Option<IpAddr>,
    evicted: CancellationToken,
}

impl OpenConnection {
    fn is_open(&self) -> bool {
        self.slot.strong_count() > 0 && !self.evicted.is_cancelled()
    }

    fn is_unproven(&self) -> bool {
        self.slot.upgrade().is_some_and(|slot| !slot.is_proven.load(Ordering::Relaxed))
    }
}

impl ConnectionLimit {
    /// A slot for a new connection from `peer`. If all are taken, another connection is ended for it, if there is one
    /// that has to: see [`evict`](Self::evict).
    async fn slot(
        &mut self,
        peer: Option<IpAddr>,
        evicted: &CancellationToken,
    ) -> Option<Arc<ConnectionSlot>> {
        let permits = Arc::clone(&self.permits);
        let permit = match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.counters.turn_away(self.limit);
                self.evict(peer)?;
                // The task of the ended connection drops its slot when it runs next.
                permits.acquire_owned().await.ok()?
            }
        };
        let (is_proven, team) = (AtomicBool::new(false), Mutex::default());
        let slot = Arc::new(ConnectionSlot { is_proven, team, _permit: permit });
        let (weak, evicted) = (Arc::downgrade(&slot), evicted.clone());
        self.open.push_back(OpenConnection { slot: weak, peer, evicted });
        // Entries of ended connections do not accumulate.
        if self.open.len() > 2 * self.limit {
            self.open.retain(OpenConnection::is_open);
        }
        Some(slot)
    }

    /// Ends the oldest connection whose client has not made a valid request. Without one, ends the oldest connection of
    /// an address that has more than half of all, unless the new one is from there. `None` if there is none either.
    fn evict(&mut self, newcomer: Option<IpAddr>) -> Option<()> {
        self.open.retain(OpenConnection::is_open);
        let unproven = self.open.iter().find(|open| open.is_unproven());
        let ended = unproven.or_else(|| {
            let large = self.large_address().filter(|large| Some(*large) != newcomer)?;
            self.open.iter().find(|open| open.peer == Some(large))
        })?;
        ended.evicted.cancel();
        Some(())
    }

    /// The address that has more than half of all connections.
    fn large_address(&self) -> Option<IpAddr> {
        let mut connections = HashMap::default();
        self.open.iter().filter_map(|open| open.peer).for_each(|peer| {
            *connections.entry(peer).or_insert(0) += 1;
        });
        connections.into_iter().find(|(_, count)| 2 * count > self.limit).map(|(peer, _)| peer)
    }
}

async fn accept<L, F>(
    mut listener: L,
    mut limit: ConnectionLimit,
    stop: StopTokens,
    connections: TaskTracker,
    serve: impl Fn(L::Io, ConnectionGuard) -> F,
) where
    L: Accept<Addr: ClientAddr>,
    F: Future<Output = ()> + Send + 'static,
{
    while let Some(accepted) = stop.graceful.run_until_cancelled(listener.accept()).await {
        let (stream, addr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a JSON-RPC connection");
                stop.graceful.run_until_cancelled(sleep(ACCEPT_RETRY_DELAY)).await;
                continue;
            }
        };
        let evicted = CancellationToken::new();
        let peer = addr.ip();
        let Some(slot) = limit.slot(peer, &evicted).await else { continue };
        let guard = ConnectionGuard {
            stop: stop.graceful.clone(),
            peer,
            certificate: None,
            memory: limit.memory.client(evicted.clone()),
            immediate: stop.immediate.clone(),
            evicted,
            connections: connections.clone(),
            slot,
        };
        guard.spawn(serve(stream, guard.clone()));
    }
}
