//! The archive of this node, and the connected peers that have one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use p2p_identity::NodeId;
use p2p_mux::{Channel, Exit};
use p2p_world::World;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use super::answers::Answer;
use super::{
    Archive,
    answers::{self, AnswerReceiver},
    session::{Command, Role, Session},
    settings::{ArchiveSettings, Ends, prove},
    wire::{ArchiveQuery, ArchiveSummary},
};
use crate::{SymmetricKey, lock::lock, stats::counters::Counters};

/// The id under which the archive of this node is found.
pub(crate) const LOCAL: NodeId = NodeId([0; 64]);

/// Maximum number of pages that are read for peers at the same time.
const MAX_READS: usize = 8;

/// The archive of this node, and the connected peers that have one.
#[derive(Debug)]
pub(crate) struct ArchivePeers {
    served: Mutex<Option<Served>>,
    table: Mutex<Table>,
    /// Notified when an archive comes or goes.
    changed: watch::Sender<()>,
    pub(super) reads: Arc<Semaphore>,
    /// Those that this node reads for itself.
    pub(super) own_reads: Arc<Semaphore>,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: CancellationToken,
    world: Arc<dyn World>,
    tasks: TaskTracker,
}

/// An archive that peers may ask.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) archive: Arc<dyn Archive>,
    pub(super) settings: ArchiveSettings,
}

#[derive(Debug, Default)]
struct Table {
    /// The number of the next connection.
    next: u64,
    peers: BTreeMap<NodeId, ArchivePeer>,
}

/// A connected archive.
#[derive(Debug, Clone)]
pub(crate) struct ArchivePeer {
    /// The peer, or [`LOCAL`].
    pub(crate) id: NodeId,
    /// What it has said about its archive.
    pub(crate) summary: ArchiveSummary,
    ends: Ends,
    connection: u64,
    next_query: Arc<AtomicU64>,
    // Bounded by the credit: a client asks, and then sends one command for each page.
    commands: mpsc::UnboundedSender<Command>,
}

impl ArchivePeers {
    pub(crate) fn new(
        world: Arc<dyn World>,
        tasks: TaskTracker,
        stop: CancellationToken,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            served: Mutex::default(),
            table: Mutex::default(),
            changed: watch::Sender::new(()),
            reads: Arc::new(Semaphore::new(MAX_READS)),
            own_reads: Arc::new(Semaphore::new(MAX_READS)),
            counters,
            stop,
            world,
            tasks,
        }
    }

    /// Peers may ask this archive from now on, and this node as well. Connections that are open already do not see it.
    pub(crate) fn serve(self: &Arc<Self>, archive: Arc<dyn Archive>, settings: ArchiveSettings) {
        *lock(&self.served) = Some(Served { archive, settings });
        let ends = Ends { archive: LOCAL, client: LOCAL, is_local: true };
        let peers = Arc::clone(self);
        self.spawn(async move {
            // The connection within this node ends when the node stops, or the archive gets another id.
            while peers.served().is_some() && !peers.stop.is_cancelled() {
                let (near, far) = Channel::pipe();
                let asking = Session::run(Arc::clone(&peers), Role::Client(ends), near);
                let answering = Session::run(Arc::clone(&peers), Role::Archive(ends), far);
                let _ = tokio::join!(asking, answering);
            }
        });
    }

    /// This node's archive is released.
    pub(crate) fn close(&self) {
        *lock(&self.served) = None;
    }

    /// Runs a connection with a peer until it ends. `own`: the id of this node.
    pub(crate) async fn run(
        self: Arc<Self>,
        own: NodeId,
        peer: NodeId,
        channel: Channel,
    ) -> Result<(), Exit> {
        Session::run(self, Role::Both { own, peer }, channel).await
    }

    pub(super) fn served(&self) -> Option<Served> {
        lock(&self.served).clone()
    }

    /// Starts a task. It should end when the node stops.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.world.spawn(Box::pin(self.tasks.track_future(task)));
    }

    /// An archive is connected. Returns the number of the connection, for [`remove`](Self::remove).
    pub(super) fn insert(
        &self,
        ends: Ends,
        summary: ArchiveSummary,
        commands: mpsc::UnboundedSender<Command>,
    ) -> u64 {
        let mut table = lock(&self.table);
        table.next += 1;
        let (id, connection) = (ends.archive, table.next);
        let next_query = Arc::new(AtomicU64::new(1));
        let peer = ArchivePeer { id, summary, ends, connection, next_query, commands };
        table.peers.insert(id, peer);
        drop(table);
        self.changed.send_replace(());
        connection
    }

    /// A connection has ended.
    pub(super) fn remove(&self, id: &NodeId, connection: u64) {
        let mut table = lock(&self.table);
        // A later connection with the same peer stays.
        if table.peers.get(id).is_some_and(|peer| peer.connection == connection) {
            table.peers.remove(id);
        }
        drop(table);
        self.changed.send_replace(());
    }

    /// The connected archives.
    pub(crate) fn all(&self) -> Vec<ArchivePeer> {
        lock(&self.table).peers.values().cloned().collect()
    }

    /// A connected archive.
    pub(crate) fn find(&self, id: &NodeId) -> Option<ArchivePeer> {
        lock(&self.table).peers.get(id).cloned()
    }

    /// Changes when an archive comes or goes.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// A query to an archive. It is cancelled on drop.
#[derive(Debug)]
pub(crate) struct OpenQuery {
    id: u64,
    answers: AnswerReceiver,
    commands: mpsc::UnboundedSender<Command>,
    /// Bytes of the page that was taken last. They become credit again when the next one is wanted.
    taken: u32,
}

impl ArchivePeer {
    /// Asks. The id of the query is chosen here; `password` is used if it is needed.
    pub(crate) fn ask(&self, query: ArchiveQuery, password: Option<&SymmetricKey>) -> OpenQuery {
        let (sender, answers) = answers::queue(query.credit);
        let id = self.next_query.fetch_add(1, Relaxed);
        let proof = password.map(|key| prove(key, &self.ends));
        let query = Box::new(ArchiveQuery { id, proof, ..query });
        // If the connection has ended, there will be no answer.
        let _ = self.commands.send(Command::Ask { query, answers: sender });
        OpenQuery { id, answers, commands: self.commands.clone(), taken: 0 }
    }
}

impl OpenQuery {
    /// Waits for the next part; `None` at the end of the answer or of the connection. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Answer> {
        let bytes = std::mem::take(&mut self.taken);
        if bytes > 0 {
            let _ = self.commands.send(Command::Grant { id: self.id, bytes });
        }
        let (answer, bytes) = self.answers.next().await?;
        if matches!(answer, Answer::Page(_)) {
            self.taken = u32::try_from(bytes).unwrap_or(u32::MAX);
        }
        Some(answer)
    }
}

impl Drop for OpenQuery {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Cancel { id: self.id });
    }
}
