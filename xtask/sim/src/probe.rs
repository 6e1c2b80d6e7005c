//! A sub-protocol that runs beside Whisper, and that is removed while it runs.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use p2p_server::mux::{Capability, Channel, Exit, Protocol};
use tokio::time::{Instant, timeout};

/// How often an end sends a message.
const SEND_EVERY: Duration = Duration::from_secs(5);

/// What the sub-protocol of one node does.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    running: AtomicUsize,
    last_message: Mutex<Option<Instant>>,
    removed: Mutex<Option<Instant>>,
}

impl Probe {
    /// Its name and version.
    pub(crate) fn capability() -> Capability {
        Capability::new("probe", 1)
    }

    pub(crate) fn protocol(self: Arc<Self>) -> Protocol {
        Protocol::new("probe", 1, 1, move |_, channel| Arc::clone(&self).run(channel))
    }

    /// The sub-protocol is removed now.
    pub(crate) fn remove(&self) {
        *self.removed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// What is wrong a second after it was removed.
    pub(crate) fn check(&self) -> Result<(), String> {
        let removed = *self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(removed) = removed.filter(|at| at.elapsed() >= Duration::from_secs(1)) else {
            return Ok(());
        };
        let running = self.running.load(Ordering::Relaxed);
        if running > 0 {
            return Err(format!("{running} tasks of a removed sub-protocol still run"));
        }
        let last = *self.last_message.lock().unwrap_or_else(PoisonError::into_inner);
        match last.filter(|last| *last > removed) {
            Some(_) => Err("a removed sub-protocol got a message".to_owned()),
            None => Ok(()),
        }
    }

    async fn run(self: Arc<Self>, mut channel: Channel) -> Result<(), Exit> {
        let _running = Running::new(&self.running);
        loop {
            match timeout(SEND_EVERY, channel.recv()).await {
                Ok(None) => return Ok(()),
                Ok(Some(_)) => {
                    let now = Some(Instant::now());
                    *self.last_message.lock().unwrap_or_else(PoisonError::into_inner) = now;
                }
                Err(_) => channel.send(0, &0_u64).await?,
            }
        }
    }
}

/// Counts a task while it runs.
struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
