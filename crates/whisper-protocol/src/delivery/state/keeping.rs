//! Writes what the applications have into a store: keys, filters and mailboxes.
//!
//! Changes are collected while the store writes the ones before, and are then written together. A filter whose changes could
//! not be written is written as a whole the next time. So what waits to be written is never more than what is in memory.

use std::{
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use p2p_world::HashMap;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    delivery::filter::Filter,
    delivery::state::{StateChange, StateError, StateStore},
    keys::id::{FilterId, KeyId},
    lock::lock,
};

/// Time after which a write that has failed is tried again.
const RETRY_TIME: Duration = Duration::from_secs(1);

/// Number of changes from which on those of further filters are written separately. The changes of one filter, at most the content
/// of its mailbox, are always written together.
const MAX_CHANGES: usize = 4096;

/// Writes changes into a store, one write at a time.
#[derive(Debug)]
pub(crate) struct Keeper {
    store: Arc<dyn StateStore>,
    work: Mutex<Work>,
    /// Notified of new work.
    changed: Notify,
    outcome: watch::Sender<Outcome>,
}

/// What is to be written.
#[derive(Debug, Default)]
struct Work {
    /// Changes of keys, and what was deleted.
    changes: Vec<StateChange>,
    /// Filters that have changed.
    filters: HashMap<FilterId, Arc<Filter>>,
    /// Applications that are gone. A call of one of them may still come.
    gone: Vec<Arc<str>>,
    /// How often someone has asked for the outcome.
    ticket: u64,
}

/// The outcome of the last write.
#[derive(Debug, Default, Clone)]
struct Outcome {
    /// Who has asked up to this ticket is answered.
    ticket: u64,
    error: Option<StateError>,
    /// Nothing more is written.
    closed: bool,
}

impl Keeper {
    pub(crate) fn new(store: Arc<dyn StateStore>) -> Self {
        let outcome = watch::Sender::default();
        Self { store, work: Mutex::default(), changed: Notify::new(), outcome }
    }

    /// The store.
    pub(crate) fn store(&self) -> &Arc<dyn StateStore> {
        &self.store
    }

    /// Writes a change of what an application has, and everything that has changed before.
    pub(crate) async fn write_of(
        &self,
        application: &Arc<str>,
        change: StateChange,
    ) -> Result<(), StateError> {
        let mut is_gone = false;
        let ticket = self.ask(|work| {
            is_gone = work.gone.iter().any(|gone| Arc::ptr_eq(gone, application));
            if !is_gone {
                work.changes.push(change);
            }
        });
        if is_gone {
            return Err(StateError::new("the application is gone"));
        }
        self.answer(ticket).await
    }

    /// Deletes a key, and writes everything that has changed before.
    pub(crate) async fn delete_key(&self, id: KeyId) -> Result<(), StateError> {
        let ticket = self.ask(|work| work.changes.push(StateChange::DeleteKey(id)));
        self.answer(ticket).await
    }

    /// Deletes everything of an application soon. From now on nothing is written under this name, unless it is the name of another
    /// one.
    pub(crate) fn delete_application(&self, application: &Arc<str>) {
        let mut work = lock(&self.work);
        work.gone.push(Arc::clone(application));
        work.changes.push(StateChange::DeleteApplication(Arc::clone(application)));
        self.changed.notify_one();
    }

    /// Waits until everything that has changed is written.
    pub(crate) async fn flush(&self) -> Result<(), StateError> {
        let ticket = self.ask(|_| {});
        self.answer(ticket).await
    }

    fn ask(&self, add: impl FnOnce(&mut Work)) -> u64 {
        let mut work = lock(&self.work);
        add(&mut work);
        work.ticket += 1;
        self.changed.notify_one();
        work.ticket
    }

    async fn answer(&self, ticket: u64) -> Result<(), StateError> {
        let mut outcomes = self.outcome.subscribe();
        let answered =
            outcomes.wait_for(|outcome| outcome.ticket >= ticket || outcome.closed).await;
        match answered.map(|outcome| outcome.clone()) {
            Ok(Outcome { error: Some(error), .. }) => Err(error),
            Ok(outcome) if outcome.ticket >= ticket => Ok(()),
            _ => Err(StateError::stopping()),
        }
    }

    /// Writes what changes, until the node stops; then what has changed before.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let stopping = stop.is_cancelled();
            let failed = self.write_all().await;
            if stopping {
                break;
            }
            if failed {
                let _ = timeout(RETRY_TIME, stop.cancelled()).await;
            } else {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = self.changed.notified() => {}
                }
            }
        }
        self.outcome.send_modify(|outcome| outcome.closed = true);
    }

    /// Writes what has changed. Returns whether that failed.
    async fn write_all(&self) -> bool {
        let (changes, filters, ticket) = {
            let mut work = lock(&self.work);
            (mem::take(&mut work.changes), mem::take(&mut work.filters), work.ticket)
        };
        let error = self.write_changes(changes, filters).await.err();
        if let Some(error) = &error {
            let error = p2p_identity::causes(error);
            tracing::error!(%error, "keys, filters or messages are not kept: it is tried again");
        }
        let failed = error.is_some();
        self.outcome.send_modify(|outcome| (outcome.ticket, outcome.error) = (ticket, error));
        failed
    }

    async fn write_changes(
        &self,
        mut changes: Vec<StateChange>,
        filters: HashMap<FilterId, Arc<Filter>>,
    ) -> Result<(), StateError> {
        let (mut parts, mut failed) = (Vec::new(), None);
        let mut filters = filters.into_iter();
        loop {
            let next = filters.next();
            if let Some((id, filter)) = next {
                changes.extend(filter.take_changes());
                parts.push((id, filter));
                if changes.len() < MAX_CHANGES {
                    continue;
                }
            } else if changes.is_empty() {
                return failed.map_or(Ok(()), Err);
            }
            let (written, filters) = (mem::take(&mut changes), mem::take(&mut parts));
            let again: Vec<_> =
                written.iter().filter(|change| is_deletion(change)).cloned().collect();
            if let Err(error) = self.store.write(written).await {
                self.take_back(again, filters);
                failed = Some(error);
            }
        }
    }

    /// What was not written is written later: what was deleted, and these filters as a whole. For a key, the caller is told.
    fn take_back(&self, deleted: Vec<StateChange>, filters: Vec<(FilterId, Arc<Filter>)>) {
        filters.iter().for_each(|(_, filter)| filter.mailbox.rewrite());
        let mut work = lock(&self.work);
        work.changes.splice(0..0, deleted);
        work.filters.extend(filters);
    }
}

/// Whether a change must be made even if it failed once.
fn is_deletion(change: &StateChange) -> bool {
    matches!(change, StateChange::DeleteFilter(_) | StateChange::DeleteApplication(_))
}

/// How a filter is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    id: FilterId,
    application: Arc<str>,
    keeper: Arc<Keeper>,
}

impl Kept {
    pub(crate) fn new(id: FilterId, application: Arc<str>, keeper: Arc<Keeper>) -> Self {
        Self { id, application, keeper }
    }

    pub(crate) fn id(&self) -> FilterId {
        self.id
    }

    pub(crate) fn application(&self) -> Arc<str> {
        Arc::clone(&self.application)
    }

    /// The filter has changed.
    pub(crate) fn handle_change(&self, filter: &Arc<Filter>) {
        lock(&self.keeper.work).filters.insert(self.id, Arc::clone(filter));
        self.keeper.changed.notify_one();
    }

    /// The filter is removed.
    pub(crate) fn handle_removal(&self) {
        let mut work = lock(&self.keeper.work);
        work.filters.remove(&self.id);
        work.changes.push(StateChange::DeleteFilter(self.id));
        drop(work);
        self.keeper.changed.notify_one();
    }
}
