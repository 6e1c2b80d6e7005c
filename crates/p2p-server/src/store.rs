//! The database of known nodes: after a restart the network is found again without boot nodes.
//!
//! The file is a [`Store`]; its writes are atomic, even if the program is killed. It has three tables. `nodes`: id →
//! when the node was last seen, and its enode URL. `dials`: id → when it was last reached over TCP, when that last
//! failed, and how often since the last success. `pins`: id → the rank, the network and the last connection of a node
//! with `sec/1`; it is not connected without any more. Times are seconds since 1970, 0 means never. A damaged file is
//! moved aside and a new one is made; the start without boot nodes and the
//! pins are lost.

mod dial_outcomes;
mod keep;
mod pins;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use node_store::{
    Damage, Layout, OnDamage, Store, StoreError,
    redb::{
        self, ReadTransaction, ReadableTable as _, ReadableTableMetadata as _, WriteTransaction,
    },
};
use p2p_mux::identity::{Enode, NodeId, causes};
use p2p_world::{HashMap, World};

use dial_outcomes::DialOutcomes;
pub(crate) use keep::{keep, save, seeds};

type Table<K, V> = redb::TableDefinition<'static, K, V>;

const NODES: Table<&[u8; 64], (u64, &str)> = Table::new("nodes");
const DIALS: Table<&[u8; 64], (u64, u64, u64)> = Table::new("dials");
const PINS: Table<&[u8; 64], (u8, u128, u64)> = Table::new("pins");

const LAYOUT: Layout = Layout {
    what: "the database of known nodes",
    version: 2,
    create: |transaction| {
        transaction.open_table(NODES)?;
        transaction.open_table(DIALS)?;
        transaction.open_table(PINS)?;
        Ok(())
    },
    upgrades: &[pins::upgrade],
    on_damage: OnDamage::MoveAside,
};

/// Maximum number of nodes; beyond it, those that were not seen for the longest time are removed.
const MAX_NODES: usize = 4096;

/// Number of known nodes that are used after a start, as in go-ethereum.
const MAX_SEEDS: usize = 30;

/// Maximum time since such a node was seen, as in go-ethereum.
const MAX_SEED_AGE: Duration = Duration::from_secs(5 * 24 * 3600);

/// Number of failed dials in a row after which a node is used last.
const MANY_FAILURES: u64 = 5;

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
    file: Store,
    /// The outcomes to write with the next [`NodeStore::put`].
    outcomes: Arc<Mutex<DialOutcomes>>,
}

impl NodeStore {
    /// Opens or creates the file. A damaged file, or one of a newer version, is moved aside.
    pub(crate) fn open(world: Arc<dyn World>, path: &Path) -> Result<Self, StoreError> {
        let opened = Store::open(world, path, &LAYOUT)?;
        if let Some(aside) = opened.moved_aside {
            tracing::warn!(
                error = %causes(&aside.error), aside = %aside.path.display(),
                "the database of known nodes is moved aside and a new one is made. Its pins are lost: nodes that were \
                 connected over sec/1 are accepted without it, until they are connected over it again"
            );
        }
        Ok(Self { file: opened.store, outcomes: Arc::default() })
    }

    /// Whether damage was found in the file since it was opened.
    pub(crate) fn damage(&self) -> Damage {
        self.file.damage().clone()
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
        self.file.write(|transaction| write(transaction, unix, nodes, &outcomes))
    }

    /// The best nodes that were seen at `oldest` or later: those that were reached over TCP first, by time
    /// of the last success, and those with many failures last.
    pub(crate) fn best(&self, oldest: u64, count: usize) -> Result<Vec<KnownNode>, StoreError> {
        let mut nodes = self.file.read(read)?;
        nodes.retain(|node| node.seen >= oldest);
        nodes.sort_unstable_by_key(|node| {
            let fails = node.failures >= MANY_FAILURES;
            (fails, Reverse(node.success), Reverse(node.seen), node.enode.id.0)
        });
        nodes.truncate(count);
        Ok(nodes)
    }
}

fn write(
    transaction: &WriteTransaction,
    unix: u64,
    nodes: &[Enode],
    outcomes: &DialOutcomes,
) -> Result<(), redb::Error> {
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
    make_room(transaction)
}

/// All known nodes. Invalid rows are ignored.
fn read(transaction: &ReadTransaction) -> Result<Vec<KnownNode>, redb::Error> {
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
