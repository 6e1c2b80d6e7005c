//! An archive in one file.

mod append;
mod block;
mod cursor;
mod page;
mod prune;
mod row;
mod sink;
mod tables;
#[cfg(test)]
mod tests;
mod upgrade;

use std::{path::Path, sync::Arc};

use node_store::{Damage, Layout, MovedAside, OnDamage, Opened, Store, StoreError};
use p2p_world::{World, rng};
use tokio::sync::watch;
use whisper_protocol::{
    Appended, Archive, ArchiveError, ArchiveFuture, ArchiveId, Envelope, HistoryPage, HistoryQuery,
};

use crate::{
    Retention,
    clock::Clock,
    effort::MAX_SKIPPED,
    group::{Appends, closed},
    writer::{Newest, Writer},
};
use sink::FileSink;

/// An archive in one file. Clones share it.
///
/// Appends are grouped: they wait up to 50 ms for others, and are then written and synced together. When the last clone is
/// dropped, what was appended before is still written; [`close`](Self::close) waits for that.
#[derive(Debug, Clone)]
pub struct EmbeddedArchive {
    id: ArchiveId,
    store: Store,
    appends: Appends,
    newest: watch::Receiver<u64>,
}

/// An archive cannot be opened.
pub type OpenError = StoreError;

impl EmbeddedArchive {
    /// Opens the file, or creates it, and starts the task that writes it. Call it on a Tokio runtime. It
    /// reads and writes the file at once.
    ///
    /// A damaged file is moved aside and an empty archive is made, with another id. So is one in which damage was found while it
    /// was last in use. The second value is the file that was moved, if any.
    ///
    /// # Errors
    ///
    /// If the file is in use, or cannot be read or written.
    pub fn open(
        world: Arc<dyn World>,
        path: &Path,
        retention: Retention,
    ) -> Result<(Self, Option<MovedAside>), OpenError> {
        let (opened, begun) = Begun::open(world, path)?;
        let (store, moved_aside) = (opened.store, opened.moved_aside);
        let Begun { id, newest, latest_minute } = begun;
        let mut clock = Clock::default();
        clock.begin(latest_minute.map(|minute| minute * 60));
        let (raised, newest) = Newest::new(newest);
        let (appends, receiver) = Appends::new();
        let writer = Writer::new(FileSink { store: store.clone(), retention, clock }, raised);
        store.world().spawn(Box::pin(writer.run(receiver)));
        let archive = Self { id: ArchiveId(id), store, appends, newest };
        Ok((archive, moved_aside))
    }

    /// Gives the archive in a file another id, and returns it. Do this with a file that was restored from a copy: what the
    /// archive has received since would get arrival numbers that clients have read before, and they would leave it out. Now they
    /// begin again.
    ///
    /// # Errors
    ///
    /// If the file is in use, damaged, of a newer version, or cannot be read or written.
    pub fn renew(world: Arc<dyn World>, path: &Path) -> Result<ArchiveId, OpenError> {
        let layout = Layout { on_damage: OnDamage::Refuse, ..tables::LAYOUT };
        let store = Store::open(world, path, &layout)?.store;
        let fresh = rng().bytes();
        store.write(|transaction| tables::renew(transaction, fresh))?;
        Ok(ArchiveId(fresh))
    }

    /// Whether damage was found in the file since it was opened. Then it is moved aside when it is opened again; until then, what
    /// is not damaged can be read.
    #[must_use]
    pub fn damage(&self) -> &Damage {
        self.store.damage()
    }

    /// Waits until everything that was appended is written, and the file is closed. It waits for the other clones, too.
    pub async fn close(self) {
        let Self { store, appends, mut newest, .. } = self;
        drop((store, appends));
        // The writer drops the other end last.
        while newest.changed().await.is_ok() {}
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let done = self.store.run(work).await;
        done.ok_or_else(closed)?.map_err(failed)
    }
}

/// What an archive begins with.
struct Begun {
    id: [u8; 8],
    newest: u64,
    latest_minute: Option<u64>,
}

impl Begun {
    /// Opens the file, or makes it.
    fn open(world: Arc<dyn World>, path: &Path) -> Result<(Opened, Self), OpenError> {
        let opened = Store::open(Arc::clone(&world), path, &tables::LAYOUT)?;
        match Self::read(&opened.store) {
            Ok(begun) => Ok((opened, begun)),
            Err(StoreError::Damaged { .. }) => {
                drop(opened);
                // Now it has a mark, and is moved aside.
                let opened = Store::open(world, path, &tables::LAYOUT)?;
                let begun = Self::read(&opened.store)?;
                Ok((opened, begun))
            }
            Err(error) => Err(error),
        }
    }

    fn read(store: &Store) -> Result<Self, StoreError> {
        let fresh = rng().bytes();
        let (id, newest) = store.write(|transaction| tables::identify(transaction, fresh))?;
        let latest_minute = store.read(tables::latest_minute)?;
        Ok(Self { id, newest, latest_minute })
    }
}

/// An error of the file, as users of archives get it.
fn failed(error: StoreError) -> ArchiveError {
    match error {
        StoreError::Damaged { .. } => ArchiveError::damaged(error),
        error => ArchiveError::new(error),
    }
}

impl Archive for EmbeddedArchive {
    fn id(&self) -> ArchiveId {
        self.id
    }

    fn append(&self, envelopes: Vec<Envelope>) -> ArchiveFuture<'_, Vec<Appended>> {
        Box::pin(self.appends.append(envelopes))
    }

    fn page(&self, query: HistoryQuery) -> ArchiveFuture<'_, HistoryPage> {
        Box::pin(self.run(move |store| page::read(store, &query, MAX_SKIPPED)))
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.newest.clone()
    }
}
