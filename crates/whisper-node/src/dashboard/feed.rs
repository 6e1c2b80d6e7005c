//! The snapshots: built once a second for all pages together, and only while there is a page.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::live::News;
use super::snapshot::Snapshot;
use crate::metrics::Sources;

/// Time between two snapshots.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// Gives every page the same snapshots.
#[derive(Clone, Debug, Default)]
pub(super) struct Feed {
    latest: watch::Sender<Utf8Bytes>,
    /// A page was opened.
    opened: Arc<Notify>,
}

impl Feed {
    /// The snapshots from now on, as JSON.
    pub(super) fn subscribe(&self) -> watch::Receiver<Utf8Bytes> {
        let snapshots = self.latest.subscribe();
        self.opened.notify_one();
        snapshots
    }

    /// Builds the snapshots, on a thread where that blocks nothing.
    pub(super) async fn run(self, sources: Sources) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while self.latest.receiver_count() == 0 {
                self.opened.notified().await;
            }
            ticks.tick().await;
            let sources = sources.clone();
            let built = spawn_blocking(move || {
                serde_json::to_string(&News::Snapshot(Box::new(Snapshot::of(&sources))))
            });
            match built.await {
                Ok(Ok(json)) => _ = self.latest.send_replace(json.into()),
                Ok(Err(error)) => {
                    tracing::error!(%error, "a snapshot for the dashboard cannot be written as JSON");
                }
                Err(error) => tracing::error!(%error, "a snapshot for the dashboard failed"),
            }
        }
    }
}
