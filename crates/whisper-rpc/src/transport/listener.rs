//! A listening socket and its connections.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::net::Listener as Accept;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call::stats::Counters;

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

/// Counts one connection as open as long as any clone exists.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionGuard {
    /// Cancelled when the connection is to end after the answers in progress.
    pub(crate) stop: CancellationToken,
    /// The address of the client; `None` over IPC.
    pub(crate) peer: Option<IpAddr>,
    immediate: CancellationToken,
    /// Cancelled when the connection ends for a new one.
    evicted: CancellationToken,
    connections: TaskTracker,
    slot: Arc<ConnectionSlot>,
}

/// A place of one connection at a listener.
#[derive(Debug)]
struct ConnectionSlot {
    /// Whether the client has made a valid request.
    is_proven: AtomicBool,
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

    /// Keeps the connection when others need its place: its client has made a valid request.
    pub(crate) fn prove(&self) {
        self.slot.is_proven.store(true, Ordering::Relaxed);
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
    /// Accepts connections from `listener`, whose address is `addr`, and runs `serve` for each. At most `limit`
    /// connections are open; further ones are closed and counted.
    pub(crate) fn start<L, F>(
        listener: L,
        addr: A,
        limit: u32,
        counters: Arc<Counters>,
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
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(limit));
        let limit = ConnectionLimit { permits, limit, counters, unproven: VecDeque::new() };
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
    counters: Arc<Counters>,
    /// Connections that were not proven when this was last needed, the oldest first.
    unproven: VecDeque<(Weak<ConnectionSlot>, CancellationToken)>,
}

impl ConnectionLimit {
    /// A slot for a new connection. If all are taken, the oldest connection whose client has not made a valid request
    /// is ended for it.
    async fn slot(&mut self, evicted: &CancellationToken) -> Option<Arc<ConnectionSlot>> {
        let permits = Arc::clone(&self.permits);
        let permit = match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.counters.turn_away(self.limit);
                self.evict()?;
                // The task of the ended connection drops its slot when it runs next.
                permits.acquire_owned().await.ok()?
            }
        };
        let slot = Arc::new(ConnectionSlot { is_proven: AtomicBool::new(false), _permit: permit });
        self.unproven.push_back((Arc::downgrade(&slot), evicted.clone()));
        // Entries of ended and proven connections do not accumulate.
        if self.unproven.len() > 2 * self.limit {
            self.unproven.retain(|(slot, _)| is_unproven(slot));
        }
        Some(slot)
    }

    /// Ends the oldest unproven connection. `None` if there is none.
    fn evict(&mut self) -> Option<()> {
        while let Some((slot, evicted)) = self.unproven.pop_front() {
            if is_unproven(&slot) {
                evicted.cancel();
                return Some(());
            }
        }
        None
    }
}

fn is_unproven(slot: &Weak<ConnectionSlot>) -> bool {
    slot.upgrade().is_some_and(|slot| !slot.is_proven.load(Ordering::Relaxed))
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
        let Some(slot) = limit.slot(&evicted).await else { continue };
        let guard = ConnectionGuard {
            stop: stop.graceful.clone(),
            peer: addr.ip(),
            immediate: stop.immediate.clone(),
            evicted,
            connections: connections.clone(),
            slot,
        };
        guard.spawn(serve(stream, guard.clone()));
    }
}
