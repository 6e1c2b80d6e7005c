//! A file with state.

mod file;
mod mark;
#[cfg(test)]
mod tests;

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use p2p_world::{File, World};
use redb::{
    Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    WriteTransaction,
};
use tokio::sync::oneshot;

use crate::{DatabaseError, Layout, OnDamage, StoreError, error::is_damage};
use file::DatabaseFile;
pub use mark::Damage;

/// The table with the version of the file.
const FORMAT: TableDefinition<'_, &str, u64> = TableDefinition::new("form");
const VERSION: &str = "version";

/// A file with state. Clones share it.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: Arc<dyn World>,
    /// `None` after an error of the disk, until the file is opened again.
    database: RwLock<Option<Database>>,
    layout: Layout,
    path: PathBuf,
    damage: Damage,
}

/// A file that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub store: Store,
    /// The file that was there before, if it could not be read.
    pub moved_aside: Option<MovedAside>,
}

/// A file that could not be read, and that has another name now.
#[derive(Debug)]
pub struct MovedAside {
    /// Its new name.
    pub path: PathBuf,
    /// Why it could not be read: [`StoreError::Damaged`] or [`StoreError::Newer`].
    pub error: StoreError,
}

impl Store {
    /// Opens a file, or creates it. An older file is upgraded. [`Layout::on_damage`] says what happens to one that is damaged
    /// or of a newer version. A file in which damage was found while it was last in use is damaged, too.
    ///
    /// This reads and writes the file at once: call it where it does not hold up tasks.
    ///
    /// # Errors
    ///
    /// All of [`StoreError`].
    pub fn open(world: Arc<dyn World>, path: &Path, layout: &Layout) -> Result<Opened, StoreError> {
        let mut moved_aside = None;
        let opened = open(&*world, path, layout).or_else(|error| {
            let unreadable = matches!(error, StoreError::Damaged { .. } | StoreError::Newer { .. });
            if !unreadable || layout.on_damage == OnDamage::Refuse {
                return Err(error);
            }
            let aside = aside(&*world, path);
            let renamed = world.rename(path, &aside);
            let renamed = renamed.and_then(|()| mark::put_away(&*world, path, &aside));
            renamed.map_err(|error| failed(layout, path, redb::Error::Io(error)))?;
            moved_aside = Some(MovedAside { path: aside, error });
            open(&*world, path, layout)
        });
        let database = RwLock::new(Some(opened?));
        let (path, damage) = (path.to_owned(), Damage::default());
        let inner = Inner { world, database, layout: *layout, path, damage };
        Ok(Opened { store: Self(Arc::new(inner)), moved_aside })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Whether damage was found in the file since it was opened.
    #[must_use]
    pub fn damage(&self) -> &Damage {
        &self.0.damage
    }

    /// The machine that has the file.
    #[must_use]
    pub fn world(&self) -> &Arc<dyn World> {
        &self.0.world
    }

    /// Reads the state after the last write. Writes go on meanwhile, and are not seen.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`]; [`StoreError::Damaged`], also if `read` returns an error that means damage. Then the file gets a
    /// mark: the next [`Store::open`] takes it for damaged. What is not damaged can still be read and written until then.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.with(|database| read(&database.begin_read()?))
    }

    /// Changes the state. If `write` fails, nothing is changed. What is changed is on the disk when this returns.
    ///
    /// One write runs at a time; others wait.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn write<T>(
        &self,
        write: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            let result = write(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    /// Runs work that reads or writes the file, where it does not hold up tasks. `None` if the program ends.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let (store, (sender, done)) = (self.clone(), oneshot::channel());
        let work = Box::new(move || drop(sender.send(work(&store))));
        self.0.world.run_blocking(work).await;
        done.await.ok()
    }

    /// Runs work on the open file. After an error of the disk, such as a full one, the database takes nothing more until it
    /// is opened again: the next call does so.
    fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let inner = &*self.0;
        inner.ensure_open()?;
        let database = inner.database.read().unwrap_or_else(PoisonError::into_inner);
        // `None` if another call has just failed.
        let result = match &*database {
            Some(database) => caught(|| work(database)),
            None => Err(redb::Error::PreviousIo),
        };
        drop(database);
        if let Err(redb::Error::Io(_) | redb::Error::PreviousIo) = &result {
            *inner.database.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        result.map_err(|error| inner.failed(error))
    }
}

impl Inner {
    fn ensure_open(&self) -> Result<(), StoreError> {
        if self.database.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            let opened = open(&*self.world, &self.path, &self.layout);
            *database = Some(opened.inspect_err(|error| self.look_for_damage(error))?);
        }
        Ok(())
    }

    fn failed(&self, error: redb::Error) -> StoreError {
        let error = failed(&self.layout, &self.path, error);
        self.look_for_damage(&error);
        error
    }

    /// The first damage is said in the log, and leaves a mark.
    fn look_for_damage(&self, error: &StoreError) {
        let StoreError::Damaged { source, .. } = error else { return };
        let what = self.layout.what;
        if !self.damage.keep(&format!("{error}: {source}")) {
            return;
        }
        tracing::error!(what, path = %self.path.display(), %source, "a file is damaged: restart the program");
        if let Err(error) = mark::leave(&*self.world, &self.path, &source.to_string()) {
            tracing::error!(what, %error, "a damaged file cannot be marked: the next start does not know of the damage");
        }
    }
}

fn open(world: &dyn World, path: &Path, layout: &Layout) -> Result<Database, StoreError> {
    let made = if world.exists(path) { Ok(()) } else { make(world, path, layout) };
    let opened = made.and_then(|()| {
        caught(|| {
            let file = lock_file(world, path)?;
            if let Some(found) = mark::read(world, path) {
                return Err(marked(layout, path, &found));
            }
            let database = database(&file)?;
            let found = prepare(&database, layout)?;
            Ok((database, found))
        })
    });
    let (database, found) = opened.map_err(|error| failed(layout, path, error))?;
    match found {
        Prepared::Ready => Ok(database),
        Prepared::Newer(found) => {
            let (what, path, known) = (layout.what, path.to_owned(), layout.version);
            Err(StoreError::Newer { what, path, found, known })
        }
    }
}

/// Damage that was found when the file was last in use.
fn marked(layout: &Layout, path: &Path, found: &str) -> redb::Error {
    let mut text = format!("found while it was in use: {found}");
    if layout.on_damage == OnDamage::Refuse {
        let mark = mark::mark_of(path);
        text += &format!(". When the file is a whole one again, delete {}", mark.display());
    }
    redb::Error::Corrupted(text)
}

/// Runs work that finds damage, if there is any. In builds for development, the database panics at some damage that it returns as an
/// error otherwise.
fn caught<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(redb::Error::Corrupted(text.unwrap_or("the database cannot be read").to_owned()))
    })
}

/// Makes an empty file under another name, which it keeps until it is complete. Otherwise a file of which the power has left a half
/// would be taken for a damaged one.
fn make(world: &dyn World, path: &Path, layout: &Layout) -> Result<(), redb::Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!("{name}.new"));
    let file = lock_file(world, &new)?;
    if world.exists(path) {
        return Ok(()); // another program was faster
    }
    if !is_complete(&file)? {
        file.set_len(0)?;
        prepare(&database(&file)?, layout)?;
    }
    drop(file);
    // That of a file that is gone.
    mark::put_away(world, path, &aside(world, path))?;
    Ok(world.rename(&new, path)?)
}

/// Whether a file with the name of a new one is complete. The power may have failed before its own name was on the disk: then it
/// may have all that was written since.
fn is_complete(file: &Arc<dyn File>) -> Result<bool, redb::Error> {
    if file.is_empty()? {
        return Ok(false);
    }
    let has_version = || {
        let database = database(file)?;
        let transaction = database.begin_read()?;
        Ok(transaction.open_table(FORMAT)?.get(VERSION)?.is_some())
    };
    match caught(has_version) {
        Err(redb::Error::TableDoesNotExist(_)) => Ok(false),
        Err(error) if is_damage(&error) => Ok(false),
        found => found,
    }
}

fn database(file: &Arc<dyn File>) -> Result<Database, redb::Error> {
    Ok(Database::builder().create_with_backend(DatabaseFile(Arc::clone(file)))?)
}

fn lock_file(world: &dyn World, path: &Path) -> Result<Arc<dyn File>, redb::Error> {
    let file = world.open_file(path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => redb::Error::DatabaseAlreadyOpen,
        _ => redb::Error::Io(error),
    });
    Ok(file?.into())
}

enum Prepared {
    /// The file has the tables of this version.
    Ready,
    /// The file is of this newer version, and was not changed.
    Newer(u64),
}

/// Creates or upgrades the tables, all at once.
fn prepare(database: &Database, layout: &Layout) -> Result<Prepared, redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut format = transaction.open_table(FORMAT)?;
        let found = format.get(VERSION)?.map(|version| version.value());
        match found {
            Some(newer) if newer > layout.version => return Ok(Prepared::Newer(newer)),
            Some(0) => return Err(redb::Error::Corrupted("version 0".into())),
            Some(found) => {
                let done = usize::try_from(found - 1).unwrap_or(usize::MAX);
                for (from, upgrade) in (1_u64..).zip(layout.upgrades).skip(done) {
                    upgrade(&transaction)?;
                    tracing::info!(what = layout.what, from, to = from + 1, "a file was upgraded");
                }
            }
            None => {}
        }
        (layout.create)(&transaction)?;
        format.insert(VERSION, layout.version)?;
    }
    transaction.commit()?;
    Ok(Prepared::Ready)
}

/// An unused name beside the file.
fn aside(world: &dyn World, path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = |number: u32| path.with_file_name(format!("{name}.damaged-{number}"));
    (1..).map(named).find(|aside| !world.exists(aside)).unwrap_or_else(|| named(0))
}

fn failed(layout: &Layout, path: &Path, error: redb::Error) -> StoreError {
    let (what, path, source) = (layout.what, path.to_owned(), DatabaseError::from(error));
    if source.is_in_use() {
        StoreError::InUse { what, path }
    } else if source.is_damage() {
        StoreError::Damaged { what, path, on_damage: layout.on_damage, source }
    } else {
        StoreError::Failed { what, path, source }
    }
}
