//! The database of known nodes: after a restart the network is found again without boot nodes.
//!
//! The file is a `redb` database; its writes are atomic, even if the program is killed. It holds a format
//! version and three tables. `nodes`: id → when the node was last seen, and its enode URL. `dials`: id → when
//! it was last reached over TCP, when that last failed, and how often since the last success. `pins`: id → when
//! the node was last connected over `sec/1`; it is not connected without any more. Times are seconds since 1970,
//! 0 means never. A damaged file is moved aside and a new one is made; the start without boot nodes and the
//! pins are lost.

mod dial_outcomes;
mod keep;
#[cfg(test)]
mod kill;
mod pins;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use p2p_mux::identity::{Enode, NodeId};
use p2p_world::{File, HashMap, World};
use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    StorageBackend, WriteTransaction,
};

use dial_outcomes::DialOutcomes;
pub(crate) use keep::{keep, save, seeds};

type Table<K, V> = redb::TableDefinition<'static, K, V>;

const FORMAT: Table<&str, u64> = Table::new("form");
const NODES: Table<&[u8; 64], (u64, &str)> = Table::new("nodes");
const DIALS: Table<&[u8; 64], (u64, u64, u64)> = Table::new("dials");
const PINS: Table<&[u8; 64], u64> = Table::new("pins");

/// The version of the file format.
const VERSION: u64 = 1;

/// Maximum number of nodes; beyond it, those that were not seen for the longest time are removed.
const MAX_NODES: usize = 4096;

/// Number of known nodes that are used after a start, as in go-ethereum.
const MAX_SEEDS: usize = 30;

/// Maximum time since such a node was seen, as in go-ethereum.
const MAX_SEED_AGE: Duration = Duration::from_secs(5 * 24 * 3600);

/// Number of failed dials in a row after which a node is used last.
const MANY_FAILURES: u64 = 5;

/// The database of known nodes cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[error("the database of known nodes {} cannot be used", .path.display())]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// The error of the database: usually another process uses it, or the disk is full.
    #[source]
    pub source: Box<redb::Error>,
}

/// A known node. Times are seconds since 1970, 0 means never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownNode {
    pub(crate) enode: Enode,
    /// When it was last seen, in any way.
    pub(crate) seen: u64,
    /// When it was last reached over TCP.
    pub(crate) success: u64,
    /// When a dial last failed.
    pub(crate) failure: u64,
    /// Failed dials since the last success.
    pub(crate) failures: u64,
}

/// The database of known nodes; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct NodeStore {
    world: Arc<dyn World>,
    database: Arc<Database>,
    path: Arc<Path>,
    /// The outcomes to write with the next [`NodeStore::put`].
    outcomes: Arc<Mutex<DialOutcomes>>,
}

impl NodeStore {
    /// Opens or creates the file. A damaged file, or one of another format, is moved aside.
    pub(crate) fn open(world: Arc<dyn World>, path: &Path) -> Result<Self, StoreError> {
        let opened = open(&*world, path).or_else(|error| {
            if !is_damage(&error) {
                return Err(error);
            }
            let aside = aside(&*world, path);
            tracing::warn!(
                path = %path.display(), aside = %aside.display(), %error,
                "the database of known nodes is damaged: it is moved aside and a new one is made. Its pins are lost: nodes \
                 that were connected over sec/1 are accepted without it, until they are connected over it again"
            );
            world.rename(path, &aside).map_err(redb::Error::Io)?;
            open(&*world, path)
        });
        let database = Arc::new(opened.map_err(|source| failed(path, source))?);
        Ok(Self { world, database, path: path.into(), outcomes: Arc::default() })
    }

    /// Records the outcome of a dial in memory; the next [`NodeStore::put`] writes it.
    pub(crate) fn record_dial(&self, enode: &Enode, reached: bool, unix: u64) {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.record(enode, reached, unix);
    }

    /// Writes that these nodes were seen now, and the [recorded outcomes](Self::record_dial).
    pub(crate) fn put(&self, unix: u64, nodes: &[Enode]) -> Result<(), StoreError> {
        let outcomes =
            std::mem::take(&mut *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner));
        self.write(unix, nodes, &outcomes).map_err(|source| failed(&self.path, source))
    }

    /// The best nodes that were seen at `oldest` or later: those that were reached over TCP first, by time
    /// of the last success, and those with many failures last.
    pub(crate) fn best(&self, oldest: u64, count: usize) -> Result<Vec<KnownNode>, StoreError> {
        let mut nodes = self.read().map_err(|source| failed(&self.path, source))?;
        nodes.retain(|node| node.seen >= oldest);
        nodes.sort_unstable_by_key(|node| {
            let fails = node.failures >= MANY_FAILURES;
            (fails, Reverse(node.success), Reverse(node.seen), node.enode.id.0)
        });
        nodes.truncate(count);
        Ok(nodes)
    }

    fn write(
        &self,
        unix: u64,
        nodes: &[Enode],
        outcomes: &DialOutcomes,
    ) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(NODES)?;
            let mut dials = transaction.open_table(DIALS)?;
            for node in nodes {
                table.insert(&node.id.0, (unix, node.to_string().as_str()))?;
            }
            for (id, outcome) in outcomes.iter() {
                if let Some((enode, at)) = &outcome.reached {
                    table.insert(&id.0, (*at, enode.to_string().as_str()))?;
                } else if table.get(&id.0)?.is_none() {
                    continue; // An unknown node that was not reached.
                }
                let before = dials.get(&id.0)?.map_or((0, 0, 0), |before| before.value());
                dials.insert(&id.0, outcome.after(before))?;
            }
        }
        make_room(&transaction)?;
        Ok(transaction.commit()?)
    }

    /// Invalid rows are ignored.
    fn read(&self) -> Result<Vec<KnownNode>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let (table, dials) = (transaction.open_table(NODES)?, transaction.open_table(DIALS)?);
        let dials: HashMap<[u8; 64], (u64, u64, u64)> = dials
            .iter()?
            .map(|entry| entry.map(|(id, value)| (*id.value(), value.value())))
            .collect::<Result<_, _>>()?;
        let mut nodes = Vec::new();
        for entry in table.iter()? {
            let (id, value) = entry?;
            let (seen, url) = value.value();
            let (success, failure, failures) = dials.get(id.value()).copied().unwrap_or_default();
            match url.parse::<Enode>() {
                Ok(enode) if enode.id == NodeId(*id.value()) => {
                    nodes.push(KnownNode { enode, seen, success, failure, failures });
                }
                _ => {}
            }
        }
        Ok(nodes)
    }
}

/// Removes the nodes beyond [`MAX_NODES`].
fn make_room(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(NODES)?;
    let mut dials = transaction.open_table(DIALS)?;
    let excess = usize::try_from(table.len()?).unwrap_or(usize::MAX).saturating_sub(MAX_NODES);
    if excess == 0 {
        return Ok(());
    }
    let mut all = Vec::new();
    for entry in table.iter()? {
        let (id, value) = entry?;
        all.push((value.value().0, *id.value()));
    }
    all.sort_unstable();
    for (_, id) in &all[..excess] {
        table.remove(id)?;
        dials.remove(id)?;
    }
    Ok(())
}

fn open(world: &dyn World, path: &Path) -> Result<Database, redb::Error> {
    let file = world.open_file(path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => redb::Error::DatabaseAlreadyOpen,
        _ => redb::Error::Io(error),
    })?;
    let database = Database::builder().create_with_backend(DatabaseFile(file))?;
    let transaction = database.begin_write()?;
    let found = {
        transaction.open_table(NODES)?;
        transaction.open_table(DIALS)?;
        transaction.open_table(PINS)?;
        let mut format = transaction.open_table(FORMAT)?;
        let found = format.get("version")?.map(|version| version.value());
        if found.is_none() {
            format.insert("version", VERSION)?;
        }
        found
    };
    match found {
        None | Some(VERSION) => transaction.commit()?,
        Some(other) => {
            let text = format!("file format {other}, but this version uses {VERSION}");
            return Err(redb::Error::Io(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
    }
    Ok(database)
}

/// A file of the machine, as the database uses it. It is locked while it is open.
#[derive(Debug)]
struct DatabaseFile(Box<dyn File>);

impl StorageBackend for DatabaseFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

/// Whether the file is damaged, rather than inaccessible.
fn is_damage(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(error) => {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::RepairAborted
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_) => true,
        _ => false,
    }
}

/// An unused name beside the file.
fn aside(world: &dyn World, path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = |number: u32| path.with_file_name(format!("{name}.damaged-{number}"));
    (1..).map(named).find(|aside| !world.exists(aside)).unwrap_or_else(|| named(0))
}

fn failed(path: &Path, source: redb::Error) -> StoreError {
    StoreError { path: path.to_owned(), source: Box::new(source) }
}
