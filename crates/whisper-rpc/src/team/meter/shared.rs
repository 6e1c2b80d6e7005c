//! What the clients of a team have at the moment, together.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// Maximum time until a changed limit is noticed.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// A number of things that are in use. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct InUse(Arc<AtomicU64>);

impl InUse {
    /// Their number now.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more, until the returned value is dropped; `None` if there are `limit` already.
    pub(crate) fn add(&self, limit: Option<u64>) -> Option<InUseGuard> {
        let more = |used: u64| limit.is_none_or(|limit| used < limit).then(|| used + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(InUseGuard(self.clone()))
    }
}

/// Something that is in use.
#[derive(Debug)]
pub(crate) struct InUseGuard(InUse);

impl Drop for InUseGuard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes that are in use. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct InUseBytes(Arc<Bytes>);

#[derive(Debug, Default)]
struct Bytes {
    used: AtomicU64,
    /// Notified when some are free again.
    freed: Notify,
}

impl InUseBytes {
    /// Their number now.
    pub(crate) fn get(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// More, until the returned value is dropped.
    pub(crate) fn add(&self, bytes: usize) -> BytesGuard {
        self.0.used.fetch_add(bytes as u64, Ordering::Relaxed);
        BytesGuard { of: self.clone(), bytes: bytes as u64 }
    }

    /// Waits until there are fewer than `limit`, which returns what is true at the time. `None`: there is no limit.
    pub(crate) async fn wait_below(&self, limit: impl Fn() -> Option<u64>) {
        let is_full = || limit().is_some_and(|limit| self.get() >= limit);
        while is_full() {
            let mut freed = pin!(self.0.freed.notified());
            freed.as_mut().enable();
            if is_full() {
                // The limit may have changed.
                let _ = timeout(CHECK_INTERVAL, freed).await;
            }
        }
    }
}

/// Bytes that are in use.
#[derive(Debug)]
pub(crate) struct BytesGuard {
    of: InUseBytes,
    bytes: u64,
}

impl Drop for BytesGuard {
    fn drop(&mut self) {
        self.of.0.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.of.0.freed.notify_waiters();
    }
}
