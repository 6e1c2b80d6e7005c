//! The tasks of a machine.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::task::{AbortHandle, yield_now};

/// Whether a machine still runs that was started once. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running {
    stopped: Arc<AtomicBool>,
}

impl Running {
    pub(crate) fn has_ended(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// The tasks that a machine has started since it runs.
#[derive(Debug, Default)]
pub(crate) struct HostTasks {
    running: Running,
    tasks: Vec<AbortHandle>,
}

impl HostTasks {
    pub(crate) fn running(&self) -> Running {
        self.running.clone()
    }

    /// A task was started.
    pub(crate) fn add(&mut self, task: AbortHandle) {
        // A handle keeps the memory of a task that has ended.
        if self.tasks.len().is_power_of_two() {
            self.tasks.retain(|task| !task.is_finished());
        }
        self.tasks.push(task);
    }

    /// The machine stops: from now on it does nothing. Its tasks are still to be [cancelled](Self::cancel).
    pub(crate) fn end(&mut self) -> Self {
        self.running.stopped.store(true, Ordering::Relaxed);
        std::mem::take(self)
    }

    /// Cancels the tasks. They are gone soon.
    pub(crate) fn abort(self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }

    /// Cancels the tasks, and waits until they are gone.
    pub(crate) async fn cancel(self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        while !self.tasks.iter().all(AbortHandle::is_finished) {
            yield_now().await;
        }
    }
}
