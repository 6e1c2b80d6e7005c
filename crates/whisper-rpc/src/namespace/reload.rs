//! Reading the configuration of a node again, while it runs.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::types::ReloadReport;

/// The end of a reload: its report, or why nothing was changed.
pub type ReloadOutcome = Result<ReloadReport, String>;

/// Reads the configuration again. The program that runs the node gives it; [`RpcConfig::reload`](crate::RpcConfig::reload)
/// is what `admin_reload` calls.
#[derive(Clone)]
pub struct Reloader(
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ReloadOutcome> + Send>> + Send + Sync>,
);

impl Reloader {
    /// A reload that runs the future that `start` returns.
    pub fn new<F>(start: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ReloadOutcome> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(start())))
    }

    /// Reads the configuration again.
    pub(crate) async fn run(&self) -> ReloadOutcome {
        (self.0)().await
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reloader")
    }
}
