//! Taking a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. Poisoning is ignored: the data behind the locks of this crate is always consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
