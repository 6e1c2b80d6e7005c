//! What the node keeps for its applications, and messages that wait until they are acknowledged.

use std::sync::Arc;

use p2p_world::HashSet;
use whisper_pow::Client;

use super::Whisper;
use crate::{
    delivery::filter::Filter,
    delivery::message::ReceivedMessage,
    delivery::state::keeping::{Keeper, Kept},
    delivery::state::{
        ApplicationState, StateChange, StateError, StateStore, StoredFilter, StoredKey,
    },
    keys::id::{FilterId, KeyId},
};

/// Messages of this filter are not acknowledged: they leave the mailbox when they are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("messages of this filter are not acknowledged: make the filter with acknowledge")]
pub struct NotAcknowledgedError;

/// What is kept of an application, made by [`Whisper::state`], and its messages that wait until they are acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct ApplicationStore<'a>(&'a Whisper);

impl<'a> ApplicationStore<'a> {
    pub(super) const fn new(whisper: &'a Whisper) -> Self {
        Self(whisper)
    }

    /// Keeps filters and mailboxes in a store from now on: those of [`Whisper::subscribe`], not those of
    /// [`Whisper::watch`]. Keys are kept if [`keep_key`](Self::keep_key) is called. Returns false, without effect, if there is a store
    /// already.
    ///
    /// Call it before applications use the node. What the store has is not put back: see [`restore`](Self::restore).
    pub fn keep(&self, store: Arc<dyn StateStore>) -> bool {
        let keeper = Arc::new(Keeper::new(store));
        let is_first = self.0.node.keeper.set(Arc::clone(&keeper)).is_ok();
        if is_first {
            let (stop, tasks) = (self.0.context().stop.clone(), &self.0.node.tasks);
            self.0.node.world.spawn(Box::pin(tasks.track_future(keeper.run(stop))));
        }
        is_first
    }

    /// Where keys, filters and mailboxes are kept, if they are.
    #[must_use]
    pub fn store(&self) -> Option<&'a Arc<dyn StateStore>> {
        self.0.node.keeper.get().map(|keeper| keeper.store())
    }

    /// The filter, which is kept from now on if there is a store.
    pub(super) fn keep_filter(&self, id: FilterId, filter: Filter) -> Arc<Filter> {
        let Some(keeper) = self.0.node.keeper.get() else { return Arc::new(filter) };
        let kept = Kept::new(id, Arc::clone(&self.0.application), Arc::clone(keeper));
        let filter = Arc::new(filter.kept(kept));
        filter.handle_change();
        filter
    }

    /// Puts back the keys and filters that a store has of this application. `owner`: the [owner](crate::FilterSpec::owner) of its filters.
    ///
    /// Without effect on filters if there is no store.
    pub fn restore(&self, state: ApplicationState, owner: Client) {
        for (id, key) in state.keys {
            match key {
                StoredKey::Pair(key) => self.0.keys.restore_key_pair(id, key),
                StoredKey::Symmetric(key) => self.0.keys.restore_symmetric(id, key),
            }
        }
        let Some(keeper) = self.0.node.keeper.get() else { return };
        let filters = state.filters.into_iter().map(|state| {
            let StoredFilter { id, .. } = state.filter;
            let filter = Filter::restored(state, owner, self.0.node.mailbox, Arc::clone(keeper));
            filter.mailbox.count_for(&self.0.usage);
            (id, Arc::new(filter))
        });
        self.0.node.subscriptions.restore(filters);
    }

    /// Returns when a key of [`Whisper::keys`] is on the disk. Without a store, at once.
    ///
    /// # Errors
    ///
    /// If it cannot be written. Then it is deleted.
    pub async fn keep_key(&self, id: KeyId) -> Result<(), StateError> {
        let Some(keeper) = self.0.node.keeper.get() else { return Ok(()) };
        let pair = || self.0.keys.private_key(&id).map(StoredKey::Pair);
        let symmetric = || self.0.keys.symmetric(&id).map(StoredKey::Symmetric);
        let Some(key) = pair().or_else(symmetric) else { return Ok(()) };
        let application = Arc::clone(&self.0.application);
        let change = StateChange::PutKey { application, id, key };
        let written = keeper.write_of(&self.0.application, change).await;
        if written.is_err() {
            let _ = self.0.keys.delete_key_pair(&id) || self.0.keys.delete_symmetric(&id);
        }
        written
    }

    /// Returns when a key that is to be deleted is not on the disk any more. Without a store, at once. It is still among
    /// [`Whisper::keys`].
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub async fn forget_key(&self, id: KeyId) -> Result<(), StateError> {
        match self.0.node.keeper.get() {
            Some(keeper) => keeper.delete_key(id).await,
            None => Ok(()),
        }
    }

    /// Returns when a place of this application in a history is on the disk, or is deleted there: `None`. Without a store, at
    /// once. [`ApplicationState::cursors`] has it when the store is opened again; what it is now, the application remembers itself.
    ///
    /// # Errors
    ///
    /// If it cannot be written. Then the place before is on the disk.
    pub async fn keep_cursor(
        &self,
        name: Arc<str>,
        cursor: Option<Vec<u8>>,
    ) -> Result<(), StateError> {
        let Some(keeper) = self.0.node.keeper.get() else { return Ok(()) };
        let application = Arc::clone(&self.0.application);
        let change = match cursor {
            Some(cursor) => StateChange::PutCursor { application, name, cursor },
            None => StateChange::DeleteCursor { application, name },
        };
        keeper.write_of(&self.0.application, change).await
    }

    /// Everything of this application is deleted where it is kept. Call [`flush`](Self::flush) to wait for that. What it has in
    /// memory is not changed.
    pub fn forget_application(&self) {
        if let Some(keeper) = self.0.node.keeper.get() {
            keeper.delete_application(&self.0.application);
        }
    }

    /// Returns when all filters and mailboxes are on the disk as they are now. Without a store, at once.
    ///
    /// # Errors
    ///
    /// If they cannot be written. It is tried again as long as the node runs.
    pub async fn flush(&self) -> Result<(), StateError> {
        match self.0.node.keeper.get() {
            Some(keeper) => keeper.flush().await,
            None => Ok(()),
        }
    }

    /// Fetches the messages of a filter that were not fetched yet, the oldest first. `None` if there is no such filter. If the
    /// filter is kept, this is on the disk when it returns, so that nothing is fetched twice, also after a restart.
    ///
    /// The messages leave the mailbox. If the filter was made with [`acknowledge`](crate::FilterSpec::acknowledge), they stay until
    /// they are acknowledged, and `again` fetches all that wait, also those that were fetched before.
    ///
    /// # Errors
    ///
    /// If it cannot be written. Then nothing is fetched.
    pub async fn fetch(
        &self,
        id: &FilterId,
        again: bool,
    ) -> Option<Result<Vec<Arc<ReceivedMessage>>, StateError>> {
        let filter = self.0.context().delivery.touch(id)?;
        let fetched = filter.mailbox.fetch(again);
        let messages = fetched.messages();
        if filter.is_kept() && !messages.is_empty() {
            filter.handle_change();
            if let Err(error) = self.flush().await {
                filter.mailbox.undo(fetched);
                filter.handle_change();
                return Some(Err(error));
            }
        }
        Some(Ok(messages))
    }

    /// The messages in these envelopes are processed: they do not wait in the mailbox any more. Returns how many did. `None` if
    /// there is no such filter. If the filter is kept, call [`flush`](Self::flush) to have this on the disk.
    ///
    /// # Errors
    ///
    /// If messages of this filter are not acknowledged.
    #[must_use]
    pub fn acknowledge(
        &self,
        id: &FilterId,
        hashes: &HashSet<[u8; 32]>,
    ) -> Option<Result<usize, NotAcknowledgedError>> {
        let filter = self.0.context().delivery.touch(id)?;
        let acknowledged = filter.mailbox.acknowledge(hashes);
        filter.handle_change();
        Some(acknowledged.ok_or(NotAcknowledgedError))
    }
}
