//! Saving known nodes while the server runs, and reading them when it starts.

use std::time::{Duration, UNIX_EPOCH};

use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use p2p_discovery::{Discv4, Node};
use p2p_mux::identity::{Enode, causes};
use tokio::time;

use super::{KnownNode, MAX_SEED_AGE, MAX_SEEDS, NodeStore};

/// Time between saves.
const SAVE_EVERY: Duration = Duration::from_secs(30);

/// The known nodes that were reached over TCP, to be dialed. All known nodes are added to discv4, if it
/// runs.
pub(crate) fn seeds(
    store: NodeStore,
    discv4: Option<Discv4>,
) -> impl Stream<Item = Enode> + Send + 'static {
    stream::once(async move {
        let seeds = read(store).await;
        if let Some(discv4) = discv4 {
            for seed in seeds.iter().filter_map(|seed| Node::from_enode(&seed.enode)) {
                // If there is no room, there are enough nodes.
                let _ = discv4.add_seeds([seed]).await;
            }
        }
        stream::iter(seeds.into_iter().filter(|seed| seed.success != 0).map(|seed| seed.enode))
    })
    .flatten()
}

async fn read(store: NodeStore) -> Vec<KnownNode> {
    let oldest = store.unix().saturating_sub(MAX_SEED_AGE.as_secs());
    match store.run(move |store| store.best(oldest, MAX_SEEDS)).await {
        Some(Ok(seeds)) => {
            tracing::debug!(seeds = seeds.len(), "known nodes were read from the database");
            seeds
        }
        Some(Err(error)) => {
            tracing::warn!(error = %causes(&error), "cannot read the known nodes");
            Vec::new()
        }
        None => Vec::new(), // the program ends
    }
}

/// Saves the known nodes periodically, until it is dropped.
pub(crate) async fn keep(discv4: Option<Discv4>, store: NodeStore) {
    loop {
        time::sleep(SAVE_EVERY).await;
        save(discv4.as_ref(), &store).await;
    }
}

/// Saves the nodes in the table of discv4, and the outcomes of dials.
pub(crate) async fn save(discv4: Option<&Discv4>, store: &NodeStore) {
    let nodes = match discv4 {
        // Discv4 may have stopped in the meantime.
        Some(discv4) => discv4.nodes().await.unwrap_or_default(),
        None => Vec::new(),
    };
    let enodes: Vec<Enode> = nodes.iter().map(Node::enode).collect();
    let unix = store.unix();
    if let Some(Err(error)) = store.run(move |store| store.put(unix, &enodes)).await {
        tracing::warn!(error = %causes(&error), "cannot save the known nodes");
    }
}

impl NodeStore {
    /// Seconds since 1970.
    fn unix(&self) -> u64 {
        self.file.world().unix_time().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    /// Runs work that reads or writes the file, where it does not hold up tasks. `None` if the program ends.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let store = self.clone();
        self.file.run(move |_| work(&store)).await
    }

    /// Records the outcome of a dial that has ended now.
    pub(crate) fn record_dial_now(&self, enode: &Enode, reached: bool) {
        self.record_dial(enode, reached, self.unix());
    }
}
