//! What goes into the database while the server runs, and what comes out of it when it starts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use p2p_discovery::{Discv4, Node};
use p2p_mux::identity::Enode;
use tokio::{task::spawn_blocking, time};

use super::{Known, NodeStore, SEED_AGE, SEEDS};

/// How often it is written down who is there.
const SAVE_EVERY: Duration = Duration::from_secs(30);

/// The time of day.
pub(super) fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The nodes that were reached over TCP on earlier days, to be dialled. Discovery, where it runs, is
/// told of all.
pub(crate) fn seeds(
    store: NodeStore,
    discv4: Option<Discv4>,
) -> impl Stream<Item = Enode> + Send + 'static {
    stream::once(async move {
        let seeds = read(store).await;
        if let Some(discv4) = discv4 {
            for seed in seeds.iter().filter_map(|seed| Node::from_enode(&seed.enode)) {
                // Where there is no room for it, there is enough to begin with.
                let _ = discv4.add_seeds([seed]).await;
            }
        }
        stream::iter(seeds.into_iter().filter(|seed| seed.success != 0).map(|seed| seed.enode))
    })
    .flatten()
}

async fn read(store: NodeStore) -> Vec<Known> {
    let oldest = unix().saturating_sub(SEED_AGE.as_secs());
    match spawn_blocking(move || store.best(oldest, SEEDS)).await {
        Ok(Ok(seeds)) => {
            tracing::debug!(seeds = seeds.len(), "nodes of earlier days are tried");
            seeds
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "nodes of earlier days cannot be read");
            Vec::new()
        }
        Err(_) => Vec::new(), // the program ends
    }
}

/// Writes down who is there, until it is dropped.
pub(crate) async fn keep(discv4: Option<Discv4>, store: NodeStore) {
    loop {
        time::sleep(SAVE_EVERY).await;
        save(discv4.as_ref(), &store).await;
    }
}

/// Writes down who is in the table now, and how the dials ended.
pub(crate) async fn save(discv4: Option<&Discv4>, store: &NodeStore) {
    let nodes = match discv4 {
        // Discovery may have stopped meanwhile: then it has nothing to say.
        Some(discv4) => discv4.nodes().await.unwrap_or_default(),
        None => Vec::new(),
    };
    let enodes: Vec<Enode> = nodes.iter().map(Node::enode).collect();
    let writing = store.clone();
    if let Ok(Err(error)) = spawn_blocking(move || writing.put(unix(), &enodes)).await {
        tracing::warn!(error = %error.source, path = %error.path.display(), "nodes are not written down");
    }
}

impl NodeStore {
    /// Notes that a dial has ended now.
    pub(crate) fn note_now(&self, enode: &Enode, reached: bool) {
        self.note(enode, reached, unix());
    }
}
