//! The tasks of a server, and how they end.

use std::{future::Future, sync::Arc};

use p2p_world::World;
use tokio_util::{
    sync::{CancellationToken, DropGuard, WaitForCancellationFuture},
    task::TaskTracker,
};

/// The tasks of a server. They end in two stages: when the server stops, connections send their
/// Disconnect; if that takes too long, what is left is dropped.
pub(crate) struct Lifecycle {
    world: Arc<dyn World>,
    stop: CancellationToken,
    kill: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// No task yet. The tasks will run in this world.
    pub(crate) fn new(world: Arc<dyn World>) -> Self {
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        Self { world, stop, kill, tasks: TaskTracker::new() }
    }

    /// Runs a task that ends by itself when the server stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.world.spawn(Box::pin(self.tasks.track_future(task)));
    }

    /// Runs a task that is dropped when the server stops.
    pub(crate) fn spawn_until_stop(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }

    /// Stops the server: no new connections, a Disconnect to the existing ones.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Stops the server when the guard is dropped.
    pub(crate) fn stop_on_drop(&self) -> DropGuard {
        self.stop.clone().drop_guard()
    }

    /// A token that is cancelled when the server stops.
    pub(crate) fn stop_token(&self) -> CancellationToken {
        self.stop.child_token()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Completes when the server stops.
    pub(crate) fn stopping(&self) -> WaitForCancellationFuture<'_> {
        self.stop.cancelled()
    }

    /// Drops what is left of the connections.
    pub(crate) fn kill(&self) {
        self.kill.cancel();
    }

    /// Completes when what is left must be dropped.
    pub(crate) fn killed(&self) -> WaitForCancellationFuture<'_> {
        self.kill.cancelled()
    }

    /// The output of `future`, or `None` if what is left must be dropped before it is ready.
    #[cfg(feature = "nat")]
    pub(crate) async fn until_killed<F: Future>(&self, future: F) -> Option<F::Output> {
        self.kill.run_until_cancelled(future).await
    }

    /// Waits until all tasks have ended. Tasks started later are not waited for.
    pub(crate) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use p2p_world::SystemWorld;

    use super::*;

    #[tokio::test]
    async fn tasks_end_when_the_server_stops() {
        let lifecycle = Lifecycle::new(SystemWorld::shared());
        lifecycle.spawn_until_stop(pending());
        let token = lifecycle.stop_token();
        lifecycle.spawn(async move { token.cancelled().await });
        assert!(!lifecycle.is_stopping());
        drop(lifecycle.stop_on_drop());
        lifecycle.ended().await;
        assert!(lifecycle.is_stopping());
    }
}
