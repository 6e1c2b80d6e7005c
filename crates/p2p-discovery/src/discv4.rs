//! Discv4 on a socket: the handle. Its task is in `run`.

mod candidates;
mod error;
mod run;
#[cfg(test)]
mod tests;

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use p2p_identity::{Content, Enode, Host, NodeId, Record, SecretKey};
use p2p_world::{Datagrams, SystemWorld, World, rng};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::config::Discv4Config;
use crate::counted::{Counted, counters};
use crate::discovery::Discovery;
use crate::event::{ClockOffset, ClockWitness, Event, LookupOutcome};
use crate::node::Node;
use crate::stats::Stats;

pub use candidates::Candidates;
pub use error::{Discv4Error, RequestError};
use run::{Command, Driver, Published};

/// Maximum number of commands that wait for the task.
const MAX_COMMANDS: usize = 64;

/// Maximum number of events that wait for a subscriber.
const MAX_EVENTS: usize = 1024;

/// Discv4 on a UDP socket: one task that drives the machine [`Discovery`]. This is a handle, cheap to
/// clone.
///
/// The task ends with [`Discv4::stop`], or when the last handle is dropped.
///
/// ```
/// use p2p_discovery::{Discv4Config, Discv4};
/// use p2p_identity::{Content, Record, SecretKey};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let start = async |key: SecretKey| {
///     let record = Record::sign(&key, 1, &Content::new().tcp(30303))?;
///     Ok::<_, Box<dyn std::error::Error>>(
///         Discv4::start(Discv4Config::new(), key, &record, "127.0.0.1:0".parse()?).await?,
///     )
/// };
/// let mut rng = rand::rng();
/// let boot = start(SecretKey::random(&mut rng)).await?;
/// let node = start(SecretKey::random(&mut rng)).await?;
///
/// node.add_boot_node(&boot.enode()).await?;
/// let record = node.request_record(&boot.enode()).await?;
/// assert_eq!((record.id(), record.tcp()), (boot.id(), Some(30303)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Discv4 {
    id: NodeId,
    addr: SocketAddr,
    world: Arc<dyn World>,
    commands: mpsc::Sender<Command>,
    events: broadcast::WeakSender<Event>,
    record: watch::Receiver<Record>,
    stats: watch::Receiver<(Stats, SocketStats)>,
    clock: watch::Receiver<Option<(ClockOffset, ClockWitness)>>,
    tasks: TaskTracker,
    quit: CancellationToken,
    _stop_on_drop: Arc<DropGuard>,
}

impl Discv4 {
    /// Opens a socket at `addr` (port 0 for any free port) and starts the task.
    ///
    /// `record` is the record of this node. If it names no UDP port, the port of the socket is added;
    /// if it names no address and the socket is bound to one, that address is added. Must be called
    /// within a tokio runtime with the IO and time drivers enabled.
    ///
    /// # Errors
    ///
    /// [`Discv4Error`].
    pub async fn start(
        config: Discv4Config,
        key: SecretKey,
        record: &Record,
        addr: SocketAddr,
    ) -> Result<Self, Discv4Error> {
        let world = SystemWorld::shared();
        let socket = world.bind(addr).map_err(|source| Discv4Error::Bind { addr, source })?;
        Self::start_in(world, socket, config, key, record)
    }

    /// Starts the task in a world, on a socket of it; otherwise like [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// [`Discv4Error`].
    pub fn start_in(
        world: Arc<dyn World>,
        socket: Arc<dyn Datagrams>,
        config: Discv4Config,
        key: SecretKey,
        record: &Record,
    ) -> Result<Self, Discv4Error> {
        let addr = socket.local_addr().map_err(Discv4Error::LocalAddr)?;
        let content = with_socket_addr(record.content(), addr);
        let record = record.update(&key, &content).map_err(Discv4Error::Record)?;
        let now = time::Instant::now().into_std();
        let id = key.id();
        let machine = Discovery::new(now, config, key, &record, rng().bytes())
            .map_err(Discv4Error::Record)?;
        let (commands, received) = mpsc::channel(MAX_COMMANDS);
        let events = broadcast::Sender::new(MAX_EVENTS);
        let (publish_record, record) = watch::channel(machine.record().clone());
        let (publish_stats, stats) =
            watch::channel((machine.stats().clone(), SocketStats::default()));
        let (tasks, quit) = (TaskTracker::new(), CancellationToken::new());
        let weak = events.downgrade();
        let (publish_clock, clock) = watch::channel(None);
        let published =
            Published { record: publish_record, stats: publish_stats, clock: publish_clock };
        let driver = Driver::new(machine, Arc::clone(&world), socket, received, events, published);
        let ended = quit.clone();
        let run = async move {
            ended.run_until_cancelled(driver.run()).await;
        };
        world.spawn(Box::pin(tasks.track_future(run)));
        tasks.close();
        let stop_on_drop = Arc::new(quit.clone().drop_guard());
        Ok(Self {
            id,
            addr,
            world,
            commands,
            events: weak,
            record,
            stats,
            clock,
            tasks,
            quit,
            _stop_on_drop: stop_on_drop,
        })
    }

    /// The node of an enode URL. Resolves its host name.
    async fn node_of(&self, enode: &Enode) -> Result<Node, RequestError> {
        enode.check_discoverable()?;
        if let Some(node) = Node::from_enode(enode) {
            return Ok(node);
        }
        let Host::Name(name) = &enode.host else { return Err(RequestError::NotFound) };
        let addrs = self.world.resolve(name, enode.udp).await.map_err(RequestError::Name)?;
        let addr = addrs.first().copied();
        let addr = addr.ok_or_else(|| RequestError::Name(io::ErrorKind::NotFound.into()))?;
        let enode = Enode { tcp: enode.tcp, ..Enode::new(enode.id, addr) };
        Node::from_enode(&enode).ok_or(RequestError::NotFound)
    }

    /// The id of this node.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// The local address of the socket.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The current record of this node.
    #[must_use]
    pub fn record(&self) -> Record {
        self.record.borrow().clone()
    }

    /// The record of this node, with notice of changes.
    #[must_use]
    pub fn record_changes(&self) -> watch::Receiver<Record> {
        self.record.clone()
    }

    /// The enode URL of this node, by its record. While the record has no address, the URL has that of
    /// the socket, or `127.0.0.1` if the socket is bound to all addresses.
    #[must_use]
    pub fn enode(&self) -> Enode {
        let record = self.record();
        record.enode().unwrap_or_else(|| {
            let mut addr = self.addr;
            if addr.ip().is_unspecified() {
                addr.set_ip([127, 0, 0, 1].into());
            }
            Enode { tcp: record.tcp().unwrap_or_default(), ..Enode::new(self.id, addr) }
        })
    }

    /// Adds a boot node: it is contacted now, and again whenever the table is empty.
    ///
    /// # Errors
    ///
    /// [`RequestError::Address`], [`RequestError::Name`], and [`RequestError::Busy`] if there are 64 boot
    /// nodes.
    pub async fn add_boot_node(&self, enode: &Enode) -> Result<(), RequestError> {
        let node = self.node_of(enode).await?;
        self.ask(|done| Command::BootNode(node, done)).await?
    }

    /// Adds a trusted witness of the time, such as a static node: see [`Discovery::add_clock_witness`].
    ///
    /// # Errors
    ///
    /// [`RequestError::Address`], [`RequestError::Name`], and [`RequestError::Busy`] if there are 16 witnesses.
    pub async fn add_clock_witness(&self, enode: &Enode) -> Result<(), RequestError> {
        let node = self.node_of(enode).await?;
        self.ask(|done| Command::ClockWitness(node, done)).await?
    }

    /// By how much the clock of this machine is wrong, and which nodes show it: see [`Discovery::clock_offset`].
    #[must_use]
    pub fn clock_offset(&self) -> Option<(ClockOffset, ClockWitness)> {
        *self.clock.borrow()
    }

    /// Contacts nodes that may be alive, for example those known from an earlier run.
    ///
    /// # Errors
    ///
    /// [`RequestError`] for the first node that was not accepted; those before it are contacted.
    pub async fn add_seeds(
        &self,
        seeds: impl IntoIterator<Item = Node>,
    ) -> Result<(), RequestError> {
        for node in seeds {
            self.ask(|done| Command::Seed(node, done)).await??;
        }
        Ok(())
    }

    /// Pings a node. Returns the time until its answer.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn ping(&self, enode: &Enode) -> Result<Duration, RequestError> {
        let node = self.node_of(enode).await?;
        self.ask(|done| Command::Ping(node, done)).await?
    }

    /// Requests the record of a node (EIP-868).
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn request_record(&self, enode: &Enode) -> Result<Record, RequestError> {
        let node = self.node_of(enode).await?;
        self.ask(|done| Command::Record(node, done)).await?
    }

    /// Looks up the nodes nearest to `target` in the network.
    ///
    /// # Errors
    ///
    /// [`RequestError::Busy`], [`RequestError::Stopped`].
    pub async fn lookup(&self, target: NodeId) -> Result<LookupOutcome, RequestError> {
        self.ask(|done| Command::Lookup(Some(target), done)).await?
    }

    /// A [`lookup`](Self::lookup) for a random target, to find more nodes.
    ///
    /// # Errors
    ///
    /// [`RequestError::Busy`], [`RequestError::Stopped`].
    pub async fn lookup_random(&self) -> Result<LookupOutcome, RequestError> {
        self.ask(|done| Command::Lookup(None, done)).await?
    }

    /// Gets the newest record of a node from the node itself. If the node is not in the table, a lookup
    /// searches for it.
    ///
    /// # Errors
    ///
    /// [`RequestError::NotFound`], or [`RequestError::NoAnswer`] if the node does not give its record.
    pub async fn resolve(&self, id: NodeId) -> Result<Record, RequestError> {
        let known = self.nodes().await?.into_iter().find(|node| node.id == id);
        let found = match known {
            Some(node) => Some(node),
            None => {
                let found = self.lookup(id).await?.nodes.into_iter().find(|node| node.id == id);
                match found {
                    Some(node) => Some(node),
                    // It may answer pings only.
                    None => self.nodes().await?.into_iter().find(|node| node.id == id),
                }
            }
        };
        let node = found.ok_or(RequestError::NotFound)?;
        self.ask(|done| Command::Record(node, done)).await?
    }

    /// The nodes in the table, at most 272.
    ///
    /// # Errors
    ///
    /// [`RequestError::Stopped`].
    pub async fn nodes(&self) -> Result<Vec<Node>, RequestError> {
        self.ask(Command::Nodes).await
    }

    /// The counters of the machine and of the socket.
    #[must_use]
    pub fn stats(&self) -> (Stats, SocketStats) {
        self.stats.borrow().clone()
    }

    /// Calls `each` with every counter of the machine and the socket.
    pub fn for_each_counter(&self, mut each: impl FnMut(&Counted<'_>)) {
        let (stats, socket) = self.stats();
        stats.for_each_counter(&mut each);
        socket.for_each_counter(&mut each);
    }

    /// Changes the own record. If its content changes, the sequence number rises.
    ///
    /// # Errors
    ///
    /// [`RequestError::Record`]; the record is then unchanged.
    pub async fn update_record(
        &self,
        change: impl FnOnce(Content) -> Content + Send + 'static,
    ) -> Result<(), RequestError> {
        self.ask(|done| Command::Update(Box::new(change), done)).await?
    }

    /// Sets whether the own record follows the IPv4 address that peers report: see
    /// [`Discovery::follow_ipv4`].
    ///
    /// # Errors
    ///
    /// [`RequestError::Stopped`].
    pub async fn follow_ipv4(&self, follow: bool) -> Result<(), RequestError> {
        self.ask(|done| Command::FollowIpv4(follow, done)).await?
    }

    /// Subscribes to all further events. A subscriber that falls behind by more than 1024 events misses
    /// the oldest and gets an error that says so.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        // After the end of the task, the receiver of a closed channel.
        self.events.upgrade().unwrap_or_else(|| broadcast::Sender::new(1)).subscribe()
    }

    /// A stream of nodes that are alive: those found anyway, and the results of lookups that the stream
    /// makes while it is polled.
    #[must_use]
    pub fn candidates(&self) -> Candidates {
        Candidates::new(self.clone())
    }

    /// Ends the task and closes the socket. Returns when both are done.
    pub async fn stop(&self) {
        self.quit.cancel();
        self.tasks.wait().await;
    }

    /// Sends a command to the task and waits for the result.
    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, RequestError> {
        let (done, answer) = oneshot::channel();
        self.commands.send(command(done)).await.map_err(|_| RequestError::Stopped)?;
        answer.await.map_err(|_| RequestError::Stopped)
    }
}

impl fmt::Debug for Discv4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discv4")
            .field("id", &self.id)
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

counters! {
    /// Counters of the socket.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct SocketStats {
        /// Failed reads. The task continues after each.
        receive_errors: u64 = ("discv4_receive_errors_total", "Errors when receiving");
        /// Failed writes, for example for lack of a route or because of a full buffer.
        send_errors: u64 = ("discv4_send_errors_total", "Errors when sending");
    }
}

/// Adds address and port of the socket to `content` where it names none.
fn with_socket_addr(content: Content, addr: SocketAddr) -> Content {
    let names: Vec<Vec<u8>> = content.iter().map(|(name, _)| name.to_vec()).collect();
    let has = |name: &str| names.iter().any(|known| known == name.as_bytes());
    let mut content = content;
    if !has("ip") && !has("ip6") && !addr.ip().is_unspecified() {
        content = content.ip(addr.ip());
    }
    if !has("udp") && !has("udp6") {
        content = content.udp(addr.port());
    }
    content
}
