//! What one connection has of the memory that it shares with others.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Waker,
};

use super::Pool;

/// What a connection costs by being there: its machine, its tasks, the tables of its ciphers.
const FIXED: usize = 16 * 1024;

/// In what steps a connection takes memory and gives it back. What it holds beyond its need is at
/// most twice that.
const GRAIN: usize = 8 * 1024;

/// A connection's account. When it is dropped, everything goes back.
#[derive(Debug)]
pub(crate) struct Account {
    share: Arc<Share>,
    number: u64,
}

/// What the account and the senders of its connection have in common.
#[derive(Debug)]
pub(crate) struct Share {
    pool: Arc<Pool>,
    used: AtomicUsize,
    /// What the pool has granted, in whole grains. Written under the lock only.
    granted: AtomicUsize,
    /// Whether the account is open still.
    open: Mutex<bool>,
    marked: AtomicBool,
    waker: Waker,
}

impl Account {
    pub(crate) fn open(pool: &Arc<Pool>, waker: Waker) -> Self {
        let share = Arc::new(Share {
            pool: Arc::clone(pool),
            used: AtomicUsize::new(0),
            granted: AtomicUsize::new(0),
            open: Mutex::new(true),
            marked: AtomicBool::new(false),
            waker,
        });
        let number = pool.insert(Arc::clone(&share));
        share.charge(FIXED);
        Self { share, number }
    }

    /// The part of it that senders may use.
    #[cfg(feature = "tokio")]
    pub(crate) const fn share(&self) -> &Arc<Share> {
        &self.share
    }

    /// So many bytes more are held.
    pub(crate) fn charge(&self, bytes: usize) {
        self.share.charge(bytes);
    }

    /// So many bytes are free again, which were charged before.
    pub(crate) fn release(&self, bytes: usize) {
        self.share.release(bytes);
    }

    /// What was `before` is `after` now.
    pub(crate) fn adjust(&self, before: usize, after: usize) {
        if before < after {
            self.charge(after - before);
        } else if after < before {
            self.release(before - after);
        }
    }

    /// Whether the connection has to end, at once.
    pub(crate) fn is_marked(&self) -> bool {
        self.share.is_marked()
    }

    /// Whether memory is short and the connection has more than its share.
    pub(crate) fn exceeds_share(&self) -> bool {
        self.share.exceeds_share()
    }

    /// The connection has waited long enough: it ends if nobody has more.
    pub(crate) fn mark_if_largest(&self) -> bool {
        self.share.pool.mark_if_largest(&self.share)
    }

    /// What it holds, and what its share is, in bytes.
    pub(crate) fn held_and_fair_share(&self) -> (usize, usize) {
        (self.share.granted(), self.share.pool.fair_share())
    }

    /// What the share is, while memory is short.
    pub(crate) fn share_if_short(&self) -> Option<usize> {
        self.share.pool.is_short().then(|| self.share.pool.fair_share())
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.share.close();
        self.share.pool.remove(self.number);
    }
}

impl Share {
    /// As [`Account::charge`].
    pub(crate) fn charge(&self, bytes: usize) {
        let used = self.used.fetch_add(bytes, SeqCst).saturating_add(bytes);
        if used > self.granted() {
            self.settle();
        }
    }

    /// As [`Account::release`].
    pub(crate) fn release(&self, bytes: usize) {
        let less = |used: usize| Some(used.saturating_sub(bytes));
        // It always has a value to set.
        let before = self.used.fetch_update(SeqCst, SeqCst, less).unwrap_or_default();
        debug_assert!(before >= bytes, "{bytes} bytes go back, {before} were taken");
        // A grain more than it needs spares it some trips; while memory is short it gets what it needs.
        let spare = if self.pool.is_short() { GRAIN } else { 2 * GRAIN };
        if before.saturating_sub(bytes).saturating_add(spare) <= self.granted() {
            self.settle();
        }
    }

    /// As [`Account::exceeds_share`].
    pub(crate) fn exceeds_share(&self) -> bool {
        self.pool.is_short() && self.granted() > self.pool.fair_share()
    }

    pub(crate) fn granted(&self) -> usize {
        self.granted.load(SeqCst)
    }

    pub(crate) fn is_marked(&self) -> bool {
        self.marked.load(SeqCst)
    }

    pub(crate) fn mark(&self) {
        self.marked.store(true, SeqCst);
    }

    pub(crate) const fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Makes what is granted what is needed.
    fn settle(&self) {
        let open = self.lock();
        if !*open {
            return;
        }
        // Another may take or give back meanwhile, and see what was granted before: so look again.
        loop {
            let wanted = self.used.load(SeqCst).next_multiple_of(GRAIN);
            self.grant(wanted);
            let used = self.used.load(SeqCst);
            if used <= wanted && wanted < used.saturating_add(2 * GRAIN) {
                break;
            }
        }
        drop(open);
        self.pool.settle();
    }

    /// Gives everything back. Later changes have no effect.
    fn close(&self) {
        let mut open = self.lock();
        *open = false;
        self.grant(0);
        drop(open);
        self.pool.settle();
    }

    /// Only under the lock.
    fn grant(&self, wanted: usize) {
        let granted = self.granted.swap(wanted, SeqCst);
        if granted < wanted {
            self.pool.grant(wanted - granted);
        } else {
            self.pool.take_back(granted - wanted);
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        // Plain data: whoever panicked has left it whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
