//! The clock of the runtime.

use std::time::Instant;

/// The current time. A test can pause this clock (`tokio::time::pause`).
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
