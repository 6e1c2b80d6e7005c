//! Waits and comparisons of the checks.

use std::{error::Error, fmt::Debug, time::Duration};

/// Any failure, as a text for the person at the terminal.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Limit of each wait. It is long because the machine may be compiling something else.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Waits for `event`, at most [`WAIT_LIMIT`].
///
/// # Errors
///
/// The limit is over: the error contains `what`.
pub(crate) async fn within<T>(what: &str, event: impl Future<Output = T>) -> Result<T, Failure> {
    let limit = WAIT_LIMIT.as_secs();
    tokio::time::timeout(WAIT_LIMIT, event)
        .await
        .map_err(|_| format!("timed out after {limit} s: {what}").into())
}

/// Fails with `what` unless the two are equal.
pub(crate) fn same<T: PartialEq + Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), Failure> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?} instead of {expected:?}").into())
    }
}

/// Prints that a part of a check has passed.
pub(crate) fn passed(what: &str) {
    println!("  ok: {what}");
}
