//! The nodes that were met, on disk: after a restart the network is found again without boot nodes.
//!
//! The file is a `redb` database: a write is whole or did not happen, whenever the program dies. It
//! holds the version of this form and two tables. `nodes`: id → when it was last known to be there, and
//! its enode URL. `dials`: id → when it was last reached over TCP, when it last was not, and how often
//! since the last success. Times are seconds since 1970, 0 is never. A file that cannot be read is moved
//! aside, and a new one begun: what is lost is a start without boot nodes.

mod dial_outcomes;
mod keep;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use p2p_mux::identity::{Enode, NodeId};
use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    WriteTransaction,
};

use dial_outcomes::Outcomes;
pub(crate) use keep::{keep, save, seeds};

type Table<K, V> = redb::TableDefinition<'static, K, V>;

const FORM: Table<&str, u64> = Table::new("form");
const NODES: Table<&[u8; 64], (u64, &str)> = Table::new("nodes");
const DIALS: Table<&[u8; 64], (u64, u64, u64)> = Table::new("dials");

/// The version of the form of the file.
const VERSION: u64 = 1;

/// How many nodes are kept; beyond it, those go that were not met for the longest time.
const MAX_NODES: usize = 4096;

/// How many nodes are tried after a start, and how long ago they may have been met: as in
/// go-ethereum.
const SEEDS: usize = 30;
const SEED_AGE: Duration = Duration::from_secs(5 * 24 * 3600);

/// After so many failed dials in a row a node is tried after the others.
const MANY_FAILURES: u64 = 5;

/// The database of nodes does not open, or does not take what it is given.
#[derive(Debug, thiserror::Error)]
#[error("the database of nodes {}", .path.display())]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// What the database said: another process has it, most often, or the disk is full.
    #[source]
    pub source: Box<redb::Error>,
}

/// What is known of a node. Times in seconds since 1970, 0 for never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) enode: Enode,
    /// When it was there, by whatever sign.
    pub(crate) seen: u64,
    /// When it was last reached over TCP.
    pub(crate) success: u64,
    /// When it was last not reached over TCP.
    pub(crate) failure: u64,
    /// How often that was, since the last success.
    pub(crate) failures: u64,
}

/// The database of nodes; clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct NodeStore {
    database: Arc<Database>,
    path: Arc<Path>,
    /// What is to be written down with the next [`NodeStore::put`].
    outcomes: Arc<Mutex<Outcomes>>,
}

impl NodeStore {
    /// Opens the file, or makes it. One that is damaged, or of another form, is moved aside.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = open(path).or_else(|error| {
            if !is_damage(&error) {
                return Err(error);
            }
            let aside = aside(path);
            tracing::warn!(
                path = %path.display(), aside = %aside.display(), %error,
                "the database of nodes cannot be read; it was moved aside, a new one begins"
            );
            fs::rename(path, aside).map_err(redb::Error::Io)?;
            open(path)
        });
        let database = Arc::new(opened.map_err(|source| failed(path, source))?);
        Ok(Self { database, path: path.into(), outcomes: Arc::default() })
    }

    /// Notes how a dial ended, to be written down with the next [`NodeStore::put`]. Costs no more than
    /// a little memory.
    pub(crate) fn note(&self, enode: &Enode, reached: bool, unix: u64) {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.note(enode, reached, unix);
    }

    /// Writes down that these nodes are there now, and what was [noted](Self::note).
    pub(crate) fn put(&self, unix: u64, nodes: &[Enode]) -> Result<(), StoreError> {
        let outcomes =
            std::mem::take(&mut *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner));
        self.write(unix, nodes, &outcomes).map_err(|source| failed(&self.path, source))
    }

    /// The nodes to begin with: met not before `oldest`, first those that were reached over TCP, the
    /// latest first, and last those that failed many times since.
    pub(crate) fn best(&self, oldest: u64, count: usize) -> Result<Vec<Known>, StoreError> {
        let mut nodes = self.read().map_err(|source| failed(&self.path, source))?;
        nodes.retain(|node| node.seen >= oldest);
        nodes.sort_unstable_by_key(|node| {
            let fails = node.failures >= MANY_FAILURES;
            (fails, Reverse(node.success), Reverse(node.seen), node.enode.id.0)
        });
        nodes.truncate(count);
        Ok(nodes)
    }

    fn write(&self, unix: u64, nodes: &[Enode], outcomes: &Outcomes) -> Result<(), redb::Error> {
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
                    continue; // A stranger that is not there.
                }
                let before = dials.get(&id.0)?.map_or((0, 0, 0), |before| before.value());
                dials.insert(&id.0, outcome.after(before))?;
            }
        }
        make_room(&transaction)?;
        Ok(transaction.commit()?)
    }

    /// What is no enode URL of its id was not written here; it is passed over.
    fn read(&self) -> Result<Vec<Known>, redb::Error> {
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
                    nodes.push(Known { enode, seen, success, failure, failures });
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

fn open(path: &Path) -> Result<Database, redb::Error> {
    let database = Database::create(path)?;
    let transaction = database.begin_write()?;
    let found = {
        transaction.open_table(NODES)?;
        transaction.open_table(DIALS)?;
        let mut form = transaction.open_table(FORM)?;
        let found = form.get("version")?.map(|version| version.value());
        if found.is_none() {
            form.insert("version", VERSION)?;
        }
        found
    };
    match found {
        None | Some(VERSION) => transaction.commit()?,
        Some(other) => {
            let text = format!("form {other}, this version knows {VERSION}");
            return Err(redb::Error::Io(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
    }
    Ok(database)
}

/// Whether the file is to blame, and not that it cannot be got at.
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

/// A name beside the file that nothing has yet.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = |number: u32| path.with_file_name(format!("{name}.damaged-{number}"));
    (1..).map(named).find(|aside| !aside.exists()).unwrap_or_else(|| named(0))
}

fn failed(path: &Path, source: redb::Error) -> StoreError {
    StoreError { path: path.to_owned(), source: Box::new(source) }
}
