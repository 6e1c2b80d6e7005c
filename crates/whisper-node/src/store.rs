//! The store of a node: what its applications have, in an encrypted file.

use std::path::PathBuf;
use std::sync::Arc;

use p2p_identity::causes;
use p2p_world::World;
use tokio::sync::oneshot;
use whisper_protocol::{StateError, Whisper};
use whisper_store::{EncryptedStore, OpenError, StoreSecret};

/// A store: keys, filters and waiting messages of JSON-RPC clients are kept.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The file, which is made if it does not exist.
    pub path: PathBuf,
    /// What opens it.
    pub secret: StoreSecret,
}

/// The store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreOpenError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The program ends.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Opens a store. From now on, Whisper keeps what its applications have.
pub(crate) async fn start(
    world: &Arc<dyn World>,
    config: StoreConfig,
    whisper: &Whisper,
) -> Result<EncryptedStore, StoreOpenError> {
    let StoreConfig { path, secret } = config;
    let of = Arc::clone(world);
    let store = run(world, move || EncryptedStore::open(of, &path, &secret)).await??;
    tracing::info!(path = %store.path().display(), "keys, filters and messages are kept");
    whisper.state().keep(Arc::new(store.clone()));
    Ok(store)
}

/// From now on this secret opens the store.
pub(crate) async fn change_secret(
    world: &Arc<dyn World>,
    store: &EncryptedStore,
    secret: StoreSecret,
) -> Result<(), StoreOpenError> {
    let store = store.clone();
    let changed = run(world, move || store.change_secret(&secret)).await?;
    match &changed {
        Ok(()) => {
            tracing::info!("the store has another secret: only it opens the file from now on");
        }
        Err(error) => {
            tracing::error!(error = %causes(error), "the secret of the store stays as it was");
        }
    }
    Ok(changed?)
}

/// Runs work that waits for a disk or takes long, where it does not hold up tasks.
async fn run<T: Send + 'static>(
    world: &Arc<dyn World>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StateError> {
    let (sender, done) = oneshot::channel();
    world.run_blocking(Box::new(move || drop(sender.send(work())))).await;
    done.await.map_err(|_| StateError::new("the program ends"))
}
