//! Waits for an answer.

use std::time::Duration;

use tokio::time::timeout;

/// Longer than anything takes that is waited for. Much shorter than a proof of work that is cancelled.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until there is an answer, and returns it. Panics with `what` if there is none in time.
///
/// It does not sleep: each question is a request to the node, or gives other tasks the processor.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let answered = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, answered).await.unwrap_or_else(|_| panic!("no {what} in time"))
}
