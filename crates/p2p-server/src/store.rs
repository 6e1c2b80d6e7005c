//! The nodes that were met, on disk: after a restart the network is found again without boot nodes.
//!
//! The file is a `redb` database: a write is whole or did not happen, whenever the program dies. It
//! holds a table of nodes (id → when it was last known to be there, in seconds since 1970, and its
//! enode URL) and the version of this form. A file that cannot be read is moved aside, and a new
//! one begun: what is lost is a start without boot nodes.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use p2p_discovery::{Discv4, Node};
use p2p_mux::identity::{Enode, NodeId};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _};
use tokio::{task::spawn_blocking, time};

type Table<K, V> = redb::TableDefinition<'static, K, V>;

const FORM: Table<&str, u64> = Table::new("form");
const NODES: Table<&[u8; 64], (u64, &str)> = Table::new("nodes");

/// The version of the form of the file.
const VERSION: u64 = 1;

/// How many nodes are kept; beyond it, those go that were not met for the longest time.
const MAX_NODES: usize = 4096;

/// How many nodes are tried after a start, and how long ago they may have been met: as in
/// go-ethereum.
const SEEDS: usize = 30;
const SEED_AGE: Duration = Duration::from_secs(5 * 24 * 3600);

/// How often the nodes of the table are written down.
const SAVE_EVERY: Duration = Duration::from_secs(30);

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

/// The database of nodes; clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct NodeStore {
    database: Arc<Database>,
    path: Arc<Path>,
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
        let database = opened.map_err(|source| failed(path, source))?;
        Ok(Self { database: Arc::new(database), path: path.into() })
    }

    /// Writes down that these nodes are there now.
    pub(crate) fn put(&self, unix: u64, nodes: &[Enode]) -> Result<(), StoreError> {
        self.write(unix, nodes).map_err(|source| failed(&self.path, source))
    }

    /// The nodes met last, and not before `oldest`, the latest first.
    pub(crate) fn latest(&self, oldest: u64, count: usize) -> Result<Vec<Enode>, StoreError> {
        let mut nodes = self.read(oldest).map_err(|source| failed(&self.path, source))?;
        nodes.sort_unstable_by_key(|(seen, node)| (std::cmp::Reverse(*seen), node.id.0));
        Ok(nodes.into_iter().take(count).map(|(_, node)| node).collect())
    }

    fn write(&self, unix: u64, nodes: &[Enode]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(NODES)?;
            for node in nodes {
                table.insert(&node.id.0, (unix, node.to_string().as_str()))?;
            }
            let excess = usize::try_from(table.len()?).unwrap_or(usize::MAX);
            let excess = excess.saturating_sub(MAX_NODES);
            if excess > 0 {
                let mut all = Vec::new();
                for entry in table.iter()? {
                    let (id, value) = entry?;
                    all.push((value.value().0, *id.value()));
                }
                all.sort_unstable();
                for (_, id) in &all[..excess] {
                    table.remove(id)?;
                }
            }
        }
        Ok(transaction.commit()?)
    }

    /// What is no enode URL of its id was not written here; it is passed over.
    fn read(&self, oldest: u64) -> Result<Vec<(u64, Enode)>, redb::Error> {
        let table = self.database.begin_read()?.open_table(NODES)?;
        let mut nodes = Vec::new();
        for entry in table.iter()? {
            let (id, value) = entry?;
            let (seen, url) = value.value();
            match url.parse::<Enode>() {
                Ok(node) if node.id == NodeId(*id.value()) && seen >= oldest => {
                    nodes.push((seen, node));
                }
                _ => {}
            }
        }
        Ok(nodes)
    }
}

fn open(path: &Path) -> Result<Database, redb::Error> {
    let database = Database::create(path)?;
    let transaction = database.begin_write()?;
    let found = {
        transaction.open_table(NODES)?;
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

fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Tries the nodes of earlier days, then writes down those of today, until it is dropped.
pub(crate) async fn keep(discv4: Discv4, store: NodeStore) {
    let oldest = unix().saturating_sub(SEED_AGE.as_secs());
    let reading = store.clone();
    match spawn_blocking(move || reading.latest(oldest, SEEDS)).await {
        Ok(Ok(seeds)) => {
            tracing::debug!(seeds = seeds.len(), "nodes of earlier days are tried");
            for seed in seeds.iter().filter_map(Node::of) {
                // Where there is no room for it, there is enough to begin with.
                let _ = discv4.add_seeds([seed]).await;
            }
        }
        Ok(Err(error)) => tracing::warn!(%error, "nodes of earlier days cannot be read"),
        Err(_) => return, // the program ends
    }
    loop {
        time::sleep(SAVE_EVERY).await;
        save(&discv4, &store).await;
    }
}

/// Writes down who is in the table now.
pub(crate) async fn save(discv4: &Discv4, store: &NodeStore) {
    // Discovery may have stopped meanwhile: then there is nothing to say.
    let Ok(nodes) = discv4.nodes().await else { return };
    let enodes: Vec<Enode> = nodes.iter().map(Node::enode).collect();
    let writing = store.clone();
    if let Ok(Err(error)) = spawn_blocking(move || writing.put(unix(), &enodes)).await {
        tracing::warn!(error = %error.source, path = %error.path.display(), "nodes are not written down");
    }
}

#[cfg(test)]
mod tests {
    use p2p_mux::identity::SecretKey;

    use super::*;

    fn node(number: u16) -> Enode {
        let mut key = [1; 32];
        key[..2].copy_from_slice(&number.to_be_bytes());
        let [high, low] = number.to_be_bytes();
        let id = SecretKey::from_bytes(&key).unwrap().id();
        Enode::new(id, ([10, 1, high, low], 30303).into())
    }

    #[test]
    fn what_was_put_is_there_after_a_restart_the_latest_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nodes");
        let store = NodeStore::open(&path).unwrap();
        store.put(100, &[node(1), node(2)]).unwrap();
        store.put(200, &[node(2), node(3)]).unwrap();
        drop(store);
        let store = NodeStore::open(&path).unwrap();
        assert_eq!(store.latest(0, 9).unwrap(), [node(2), node(3), node(1)]);
        assert_eq!(store.latest(101, 9).unwrap(), [node(2), node(3)]);
        assert_eq!(store.latest(0, 1).unwrap(), [node(2)]);
    }

    #[test]
    fn who_was_not_met_for_the_longest_time_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        let store = NodeStore::open(&dir.path().join("nodes")).unwrap();
        let max = u16::try_from(MAX_NODES).unwrap();
        store.put(1, &[node(0)]).unwrap();
        store.put(2, &(1..=max).map(node).collect::<Vec<_>>()).unwrap();
        let kept = store.latest(0, usize::MAX).unwrap();
        assert!(kept.len() == MAX_NODES && !kept.contains(&node(0)));
    }

    #[test]
    fn a_damaged_file_is_moved_aside_and_one_in_use_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nodes");
        for number in 1..=2 {
            let garbage = vec![0xa5; 10_000];
            fs::write(&path, &garbage).unwrap();
            let store = NodeStore::open(&path).unwrap();
            assert!(store.latest(0, 9).unwrap().is_empty());
            let aside = dir.path().join(format!("nodes.damaged-{number}"));
            assert_eq!(fs::read(aside).unwrap(), garbage);
            let again = NodeStore::open(&path).unwrap_err();
            assert!(matches!(*again.source, redb::Error::DatabaseAlreadyOpen), "{again:?}");
        }
    }

    #[test]
    fn a_file_that_was_cut_off_opens_whatever_is_left_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nodes");
        let store = NodeStore::open(&path).unwrap();
        store.put(1, &(0..200).map(node).collect::<Vec<_>>()).unwrap();
        drop(store);
        let whole = fs::read(&path).unwrap();
        for part in 1..32 {
            fs::write(&path, &whole[..whole.len() * part / 32]).unwrap();
            let store = NodeStore::open(&path).unwrap();
            store.put(2, &[node(7)]).unwrap();
            assert!(store.latest(2, 9).unwrap().contains(&node(7)), "{part}/32");
        }
    }

    #[test]
    fn a_file_of_another_form_is_moved_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nodes");
        let other = Database::create(&path).unwrap();
        let transaction = other.begin_write().unwrap();
        transaction.open_table(FORM).unwrap().insert("version", VERSION + 1).unwrap();
        transaction.commit().unwrap();
        drop(other);
        assert!(NodeStore::open(&path).unwrap().latest(0, 9).unwrap().is_empty());
        assert!(dir.path().join("nodes.damaged-1").exists());
    }
}
