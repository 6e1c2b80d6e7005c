//! A socket that is listened at, and the connections that came in through it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::net::Listener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call::refusal::Counters;

/// How long nothing is accepted after that failed: most often there are no file descriptors, and others have to end.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket that is listened at. Dropping it ends it, and its connections, in the background.
#[derive(Debug)]
pub(crate) struct Listening<A> {
    addr: A,
    ends: Ends,
    accepting: JoinHandle<()>,
    connections: TaskTracker,
}

/// How connections end.
#[derive(Clone, Debug)]
struct Ends {
    /// In good order.
    stop: CancellationToken,
    /// At once.
    drop: CancellationToken,
}

/// One connection's right to be there; it counts as long as any clone lives.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    /// When the connection is to end in good order.
    pub(crate) stop: CancellationToken,
    drop: CancellationToken,
    connections: TaskTracker,
    _place: Arc<OwnedSemaphorePermit>,
}

impl Guest {
    /// Goes on with the connection in another task; the guest is there as long.
    pub(crate) fn stay(&self, task: impl Future<Output = ()> + Send + 'static) {
        let guest = self.clone();
        self.connections.spawn(async move {
            // All of it: by itself, the block would take hold of the token, and let go of the place.
            let guest = guest;
            guest.drop.run_until_cancelled(task).await
        });
    }
}

impl<A: Clone> Listening<A> {
    /// Accepts what comes to `listener`, known as `addr`, and lets `serve` do the rest; at most `limit` at a time,
    /// others are hung up on and counted.
    pub(crate) fn start<L, F>(
        listener: L,
        addr: A,
        limit: u32,
        counters: Arc<Counters>,
        stop: CancellationToken,
        serve: impl Fn(L::Io, Guest) -> F + Send + 'static,
    ) -> Self
    where
        L: Listener + Send + 'static,
        L::Io: Send,
        L::Addr: Send,
        F: Future<Output = ()> + Send + 'static,
    {
        let (connections, drop) = (TaskTracker::new(), CancellationToken::new());
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let door = Door { places: Arc::new(Semaphore::new(limit)), limit, counters };
        let ends = Ends { stop, drop };
        let accept = accept(listener, door, ends.clone(), connections.clone(), serve);
        let accepting = tokio::spawn(accept);
        Self { addr, ends, accepting, connections }
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> A {
        self.addr.clone()
    }

    /// Stops listening: when this returns, the address is free. Answers in progress are finished, and
    /// [`finished`](Self::finished) waits for them.
    pub(crate) async fn close(&mut self) {
        self.ends.stop.cancel();
        // An error would say that the task panicked, which ends it as well.
        let _ = (&mut self.accepting).await;
    }

    /// Waits until all connections have ended, after [`close`](Self::close).
    pub(crate) async fn finished(&self) {
        self.connections.close();
        self.connections.wait().await;
    }

    /// Gives up what has not ended by itself.
    pub(crate) fn abandon(&self) {
        self.ends.drop.cancel();
    }
}

/// Who may come in.
struct Door {
    places: Arc<Semaphore>,
    limit: usize,
    counters: Arc<Counters>,
}

async fn accept<L, F>(
    mut listener: L,
    door: Door,
    ends: Ends,
    connections: TaskTracker,
    serve: impl Fn(L::Io, Guest) -> F,
) where
    L: Listener,
    F: Future<Output = ()> + Send + 'static,
{
    while let Some(accepted) = ends.stop.run_until_cancelled(listener.accept()).await {
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection for JSON-RPC is not accepted");
                ends.stop.run_until_cancelled(sleep(PAUSE)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&door.places).try_acquire_owned() else {
            door.counters.turn_away(door.limit);
            continue;
        };
        let guest = Guest {
            stop: ends.stop.clone(),
            drop: ends.drop.clone(),
            connections: connections.clone(),
            _place: Arc::new(place),
        };
        guest.stay(serve(stream, guest.clone()));
    }
}
