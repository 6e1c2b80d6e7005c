//! The part of a memory budget that one connection uses.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Waker,
};

use p2p_world::planted::{self, Bug};

use super::SharedBudget;

/// Fixed memory of a connection in bytes: its state machine, its tasks, the tables of its ciphers.
const CONNECTION_SIZE: usize = 16 * 1024;

/// Memory is granted in multiples of this number of bytes. At most twice as many are granted but not
/// used.
const GRANT_STEP: usize = 8 * 1024;

/// The account of a connection in a memory budget. Dropping it returns all memory.
#[derive(Debug)]
pub(crate) struct Account {
    share: Arc<Share>,
    number: u64,
}

/// A connection's part of the budget. The account and the senders of the connection share it.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<SharedBudget>,
    used: AtomicUsize,
    /// Bytes granted by the budget, a multiple of [`GRANT_STEP`]. Written only while `open` is locked.
    granted: AtomicUsize,
    /// Whether the account is open.
    open: Mutex<bool>,
    /// Whether the connection must be closed.
    marked: AtomicBool,
    waker: Waker,
}

impl Account {
    pub(crate) fn open(budget: &Arc<SharedBudget>, waker: Waker) -> Self {
        let share = Arc::new(Share {
            budget: Arc::clone(budget),
            used: AtomicUsize::new(0),
            granted: AtomicUsize::new(0),
            open: Mutex::new(true),
            marked: AtomicBool::new(false),
            waker,
        });
        let number = budget.insert(Arc::clone(&share));
        share.charge(CONNECTION_SIZE);
        Self { share, number }
    }

    /// The part that senders use.
    #[cfg(any(test, feature = "tokio"))]
    pub(crate) const fn share(&self) -> &Arc<Share> {
        &self.share
    }

    /// Adds used bytes.
    pub(crate) fn charge(&self, bytes: usize) {
        self.share.charge(bytes);
    }

    /// Returns bytes that were charged before.
    pub(crate) fn release(&self, bytes: usize) {
        self.share.release(bytes);
    }

    /// Replaces a charge of `before` bytes by one of `after` bytes.
    pub(crate) fn adjust(&self, before: usize, after: usize) {
        if before < after {
            self.charge(after - before);
        } else if after < before {
            self.release(before - after);
        }
    }

    /// Whether the connection must be closed at once.
    pub(crate) fn is_marked(&self) -> bool {
        self.share.is_marked()
    }

    /// Whether memory is short and the connection exceeds its share.
    pub(crate) fn exceeds_share(&self) -> bool {
        self.share.exceeds_share()
    }

    /// Marks the connection for closing if it is the largest. Returns whether it did.
    pub(crate) fn mark_if_largest(&self) -> bool {
        self.share.budget.mark_if_largest(&self.share)
    }

    /// The memory of the connection and its fair share, in bytes.
    pub(crate) fn held_and_fair_share(&self) -> (usize, usize) {
        (self.share.granted(), self.share.budget.fair_share())
    }

    /// The fair share in bytes; `None` if memory is not short.
    pub(crate) fn share_if_short(&self) -> Option<usize> {
        self.share.budget.is_short().then(|| self.share.budget.fair_share())
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if !planted::is(Bug::MemoryNotReleased) {
            self.share.close();
        }
        self.share.budget.remove(self.number);
    }
}

impl Share {
    /// Same as [`Account::charge`].
    pub(crate) fn charge(&self, bytes: usize) {
        let used = self.used.fetch_add(bytes, SeqCst).saturating_add(bytes);
        if used > self.granted() {
            self.settle();
        }
    }

    /// Same as [`Account::release`].
    pub(crate) fn release(&self, bytes: usize) {
        let less = |used: usize| Some(used.saturating_sub(bytes));
        // Never an error, because `less` always returns a value.
        let before = self.used.fetch_update(SeqCst, SeqCst, less).unwrap_or_default();
        debug_assert!(before >= bytes, "{bytes} bytes are released, {before} were charged");
        // One step is kept in reserve, to access the budget less often; none while memory is short.
        let spare = if self.budget.is_short() { GRANT_STEP } else { 2 * GRANT_STEP };
        if before.saturating_sub(bytes).saturating_add(spare) <= self.granted() {
            self.settle();
        }
    }

    /// Same as [`Account::exceeds_share`].
    pub(crate) fn exceeds_share(&self) -> bool {
        self.budget.is_short() && self.granted() > self.budget.fair_share()
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

    /// Adjusts the granted bytes to the used ones.
    fn settle(&self) {
        let open = self.lock();
        if !*open {
            return;
        }
        // Another thread may charge or release meanwhile and see the old grant, so check again.
        loop {
            let wanted = self.used.load(SeqCst).next_multiple_of(GRANT_STEP);
            self.grant(wanted);
            let used = self.used.load(SeqCst);
            if used <= wanted && wanted < used.saturating_add(2 * GRANT_STEP) {
                break;
            }
        }
        drop(open);
        self.budget.settle();
    }

    /// Returns all memory. Later charges and releases have no effect on the budget.
    fn close(&self) {
        let mut open = self.lock();
        *open = false;
        self.grant(0);
        drop(open);
        self.budget.settle();
    }

    /// Sets the granted bytes. Call it only while `open` is locked.
    fn grant(&self, wanted: usize) {
        let granted = self.granted.swap(wanted, SeqCst);
        if granted < wanted {
            self.budget.grant(wanted - granted);
        } else {
            self.budget.take_back(granted - wanted);
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        // Poisoning is ignored: a boolean is always consistent.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
