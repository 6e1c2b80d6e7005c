//! A running discv4: the handle. The task is in `run`.

mod candidates;
mod error;
mod run;
#[cfg(test)]
mod tests;

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use p2p_identity::{Content, Enode, Host, NodeId, Record, SecretKey};
use rand_core::{OsRng, TryRngCore as _};
use tokio::{
    net::{UdpSocket, lookup_host},
    sync::{broadcast, mpsc, oneshot, watch},
    time,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{Discovery, Discv4Config, Event, LookupOutcome, Node, Stats};

pub use candidates::Candidates;
pub use error::{Discv4Error, RequestError};
use run::{Ask, Driver, Told};

/// Wishes that wait for the task, which sees to them between datagrams.
const WISHES: usize = 64;

/// Events kept for a subscriber that falls behind.
const EVENTS: usize = 1024;

/// Discv4 on a UDP socket: the machine [`Discovery`] with a socket, a clock and randomness around it,
/// in one task. Cheap to clone.
///
/// [`Discv4::stop`] ends it; when the last handle is dropped it ends as well.
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
    wishes: mpsc::Sender<Ask>,
    events: broadcast::WeakSender<Event>,
    record: watch::Receiver<Record>,
    stats: watch::Receiver<(Stats, SocketStats)>,
    tasks: TaskTracker,
    quit: CancellationToken,
    _last: Arc<DropGuard>,
}

impl Discv4 {
    /// Opens a socket at `addr` (port 0 for a free one) and takes part. `record` is what others get
    /// to know; where it names no UDP port, that of the socket is put into it, and where it names no
    /// address and the socket has one, that too. Must be called within a tokio runtime with its IO
    /// and time drivers on.
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
        let socket =
            UdpSocket::bind(addr).await.map_err(|source| Discv4Error::Bind { addr, source })?;
        Self::with_socket(config, key, record, socket)
    }

    /// The same on a socket that is open already.
    ///
    /// # Errors
    ///
    /// [`Discv4Error`].
    pub fn with_socket(
        config: Discv4Config,
        key: SecretKey,
        record: &Record,
        socket: UdpSocket,
    ) -> Result<Self, Discv4Error> {
        let addr = socket.local_addr().map_err(Discv4Error::Socket)?;
        let content = complete(record.content(), addr);
        let record = record.update(&key, &content).map_err(Discv4Error::Record)?;
        let mut seed = [0; 32];
        OsRng.try_fill_bytes(&mut seed).map_err(|_| Discv4Error::Randomness)?;
        let now = time::Instant::now().into_std();
        let id = key.id();
        let machine =
            Discovery::new(now, config, key, &record, seed).map_err(Discv4Error::Record)?;
        let (wishes, asked) = mpsc::channel(WISHES);
        let events = broadcast::Sender::new(EVENTS);
        let (tell, record) = watch::channel(machine.record().clone());
        let (count, stats) = watch::channel((machine.stats().clone(), SocketStats::default()));
        let (tasks, quit) = (TaskTracker::new(), CancellationToken::new());
        let weak = events.downgrade();
        let driver =
            Driver::new(machine, socket, asked, events, Told { record: tell, stats: count });
        let ended = quit.clone();
        tasks.spawn(async move { ended.run_until_cancelled(driver.run()).await });
        tasks.close();
        let last = Arc::new(quit.clone().drop_guard());
        Ok(Self { id, addr, wishes, events: weak, record, stats, tasks, quit, _last: last })
    }

    /// The node's id.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// Where the socket is bound.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The node's record as it is now.
    #[must_use]
    pub fn record(&self) -> Record {
        self.record.borrow().clone()
    }

    /// Follows the node's record as it changes.
    #[must_use]
    pub fn record_changes(&self) -> watch::Receiver<Record> {
        self.record.clone()
    }

    /// The URL that the record amounts to; while no address is known, that of the socket, or
    /// `127.0.0.1` where it is bound to all.
    #[must_use]
    pub fn enode(&self) -> Enode {
        let record = self.record();
        record.enode().unwrap_or_else(|| {
            let mut here = self.addr;
            if here.ip().is_unspecified() {
                here.set_ip([127, 0, 0, 1].into());
            }
            Enode { tcp: record.tcp().unwrap_or_default(), ..Enode::new(self.id, here) }
        })
    }

    /// Adds a node that is asked first, and again whenever nobody is known.
    ///
    /// # Errors
    ///
    /// [`RequestError`]: a name that does not resolve, too many boot nodes (64).
    pub async fn add_boot_node(&self, enode: &Enode) -> Result<(), RequestError> {
        let node = resolve(enode).await?;
        self.ask(|done| Ask::BootNode(node, done)).await?
    }

    /// Tries nodes that were alive some time ago.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; those before were taken.
    pub async fn add_seeds(
        &self,
        seeds: impl IntoIterator<Item = Node>,
    ) -> Result<(), RequestError> {
        for node in seeds {
            self.ask(|done| Ask::Seed(node, done)).await??;
        }
        Ok(())
    }

    /// Pings a node: how long the answer took.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn ping(&self, enode: &Enode) -> Result<Duration, RequestError> {
        let node = resolve(enode).await?;
        self.ask(|done| Ask::Ping(node, done)).await?
    }

    /// Asks a node for its record (EIP-868).
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn request_record(&self, enode: &Enode) -> Result<Record, RequestError> {
        let node = resolve(enode).await?;
        self.ask(|done| Ask::Record(node, done)).await?
    }

    /// Looks for the nodes nearest to `target` in all the network.
    ///
    /// # Errors
    ///
    /// [`RequestError::Busy`], [`RequestError::Stopped`].
    pub async fn lookup(&self, target: NodeId) -> Result<LookupOutcome, RequestError> {
        self.ask(|done| Ask::Lookup(Some(target), done)).await?
    }

    /// The same for a random target: what to do to meet more nodes.
    ///
    /// # Errors
    ///
    /// [`RequestError::Busy`], [`RequestError::Stopped`].
    pub async fn lookup_random(&self) -> Result<LookupOutcome, RequestError> {
        self.ask(|done| Ask::Lookup(None, done)).await?
    }

    /// Finds the newest record of a node: from itself where it was met or is found by a lookup.
    ///
    /// # Errors
    ///
    /// [`RequestError::NotFound`], or why the node that was found does not give its record.
    pub async fn resolve(&self, id: NodeId) -> Result<Record, RequestError> {
        let known = self.nodes().await?.into_iter().find(|node| node.id == id);
        let found = match known {
            Some(node) => Some(node),
            None => self.lookup(id).await?.nodes.into_iter().find(|node| node.id == id),
        };
        let node = found.ok_or(RequestError::NotFound)?;
        self.ask(|done| Ask::Record(node, done)).await?
    }

    /// The nodes in the table, at most 272.
    ///
    /// # Errors
    ///
    /// [`RequestError::Stopped`].
    pub async fn nodes(&self) -> Result<Vec<Node>, RequestError> {
        self.ask(Ask::Nodes).await
    }

    /// What was counted so far: by the machine, and by the socket.
    #[must_use]
    pub fn stats(&self) -> (Stats, SocketStats) {
        self.stats.borrow().clone()
    }

    /// Changes what the own record says; its sequence rises if that is something new.
    ///
    /// # Errors
    ///
    /// [`RequestError::Record`]: then nothing has changed.
    pub async fn update_record(
        &self,
        change: impl FnOnce(Content) -> Content + Send + 'static,
    ) -> Result<(), RequestError> {
        self.ask(|done| Ask::Update(Box::new(change), done)).await?
    }

    /// Whether the own record follows what the majority of peers sees as our IPv4 address: see
    /// [`Discovery::follow_ipv4`].
    ///
    /// # Errors
    ///
    /// [`RequestError::Stopped`].
    pub async fn follow_ipv4(&self, follow: bool) -> Result<(), RequestError> {
        self.ask(|done| Ask::FollowIpv4(follow, done)).await?
    }

    /// Subscribes to what happens from now on: nodes found and lost, the own address and record,
    /// clock drift. Who falls behind by 1024 events misses the oldest and is told so.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        // After the end, a channel that is closed.
        self.events.upgrade().unwrap_or_else(|| broadcast::Sender::new(1)).subscribe()
    }

    /// Nodes that are alive, for as long as somebody takes them: those met, and those found by
    /// lookups that are made for the purpose.
    #[must_use]
    pub fn candidates(&self) -> Candidates {
        Candidates::new(self.clone())
    }

    /// Ends the task and closes the socket.
    pub async fn stop(&self) {
        self.quit.cancel();
        self.tasks.wait().await;
    }

    /// Hands a wish to the task and waits for what comes of it.
    async fn ask<T>(
        &self,
        wish: impl FnOnce(oneshot::Sender<T>) -> Ask,
    ) -> Result<T, RequestError> {
        let (done, answer) = oneshot::channel();
        self.wishes.send(wish(done)).await.map_err(|_| RequestError::Stopped)?;
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

/// What the socket counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketStats {
    /// Times that reading failed; the task goes on.
    pub receive_errors: u64,
    /// Datagrams that the system did not take: no route, a full buffer.
    pub send_errors: u64,
}

/// `content` with what the socket knows better than nobody.
fn complete(content: Content, addr: SocketAddr) -> Content {
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

/// The node of a URL, its name resolved.
async fn resolve(enode: &Enode) -> Result<Node, RequestError> {
    if let Some(node) = Node::from_enode(enode) {
        return Ok(node);
    }
    let Host::Name(name) = &enode.host else { return Err(RequestError::NotFound) };
    let mut addrs = lookup_host((name.as_str(), enode.udp)).await.map_err(RequestError::Name)?;
    let addr = addrs.next().ok_or_else(|| RequestError::Name(io::ErrorKind::NotFound.into()))?;
    let enode = Enode { tcp: enode.tcp, ..Enode::new(enode.id, addr) };
    Node::from_enode(&enode).ok_or(RequestError::NotFound)
}
