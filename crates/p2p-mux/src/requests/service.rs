//! A sub-protocol of requests and responses, with a handle to all peers that speak it.

mod handle;
mod wire;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use p2p_identity::NodeId;
use rlp_codec::{Decodable, Encodable};
use tokio::sync::watch;

use super::over_channel::requests_from;
use crate::{
    Channel, Exit, OnExit, Peer, Protocol, ResponseMatch, Responses, RestartSettings, Sender,
};
pub use handle::{ServiceError, ServicePeer};
use wire::{Frame, LENGTH};

/// The ids of a run's requests begin at its number times 2^32.
const RUN_SHIFT: u32 = 32;

/// A sub-protocol of requests and responses, and a handle to all peers that speak it. Cheap to clone.
///
/// Both ends have the same service: each answers the requests of the other with its handler. `Q` is the type of
/// requests, `A` that of responses. On the wire, a message is a list of an id and the encoded value.
///
/// A request waits for at most [`ServiceLimits::timeout`]. A peer that sends more requests at once than
/// [`ServiceLimits::concurrent`] gets an error for those above.
///
/// A handler that panics, or a message that cannot be decoded, ends the run of the service on that connection. Its open
/// requests end in both directions: those of this end fail, those of the peer time out. The service is started again after
/// a delay ([`RestartSettings::default`]), and a [`ServicePeer`] of the earlier run is closed.
///
/// ```
/// use p2p_mux::{Channel, Peer, Service, identity::SecretKey};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Answers a word with its length.
/// let lengths = || Service::new("length", 1, |_peer, word: String| async move { Ok::<_, String>(word.len() as u64) });
/// let (here, there) = (lengths(), lengths());
///
/// // In a program, `Config::protocol(here.protocol())` of a server runs it on each connection.
/// let peer = Peer::detached(SecretKey::generate().id());
/// for (service, end) in [&here, &there].into_iter().zip(<[Channel; 2]>::from(Channel::pipe())) {
///     let (protocol, peer) = (service.protocol(), peer.clone());
///     tokio::spawn(async move { protocol.run(peer, end).await });
/// }
/// let remote = here.wait_for_peer(&peer.id()).await;
/// assert_eq!(remote.request(&"seven".to_owned()).await?, 5);
/// # Ok(())
/// # }
/// ```
pub struct Service<Q, A>(Arc<ServiceData<Q, A>>);

struct ServiceData<Q, A> {
    name: &'static str,
    version: u64,
    limits: ServiceLimits,
    handler: Arc<Handler<Q, A>>,
    peers: Mutex<PeerTable<Q, A>>,
    /// Notified when a peer connects.
    connected: watch::Sender<()>,
}

struct PeerTable<Q, A> {
    /// The number of the next run. Each connection has one run, and another one after each restart.
    next: u64,
    /// The peers, each with the number of its run.
    peers: BTreeMap<NodeId, (u64, ServicePeer<Q, A>)>,
}

type Handler<Q, A> = dyn Fn(Peer, Q) -> BoxFuture<'static, Result<A, String>> + Send + Sync;

/// Limits of a [`Service`], for each peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Maximum number of requests of this end that wait for a response. Further ones wait until they can be sent.
    /// Default: 64.
    pub open: usize,
    /// Maximum number of requests of the peer that are answered concurrently. Further ones are refused, or dropped if
    /// they are to have no response. Default: 64.
    pub concurrent: usize,
    /// Maximum time for a request, including the time until it can be sent. Default: 10 s.
    pub timeout: Duration,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self { open: 64, concurrent: 64, timeout: Duration::from_secs(10) }
    }
}

impl<Q, A> Service<Q, A>
where
    Q: Encodable + Decodable + Send + 'static,
    A: Encodable + Decodable + Send + 'static,
{
    /// The service `name/version`, which answers each request with `handler`. The text of an error is sent to the peer.
    ///
    /// A handler that panics ends the run of the service on that connection. After a delay it is started again.
    #[must_use]
    pub fn new<F, Fut, E>(name: &'static str, version: u64, handler: F) -> Self
    where
        F: Fn(Peer, Q) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, E>> + Send + 'static,
        E: fmt::Display,
    {
        Self::with_limits(name, version, ServiceLimits::default(), handler)
    }

    /// Same as [`new`](Self::new), with other limits.
    #[must_use]
    pub fn with_limits<F, Fut, E>(
        name: &'static str,
        version: u64,
        limits: ServiceLimits,
        handler: F,
    ) -> Self
    where
        F: Fn(Peer, Q) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, E>> + Send + 'static,
        E: fmt::Display,
    {
        let handler = Arc::new(move |peer, request| {
            let answer = handler(peer, request);
            async move { answer.await.map_err(|error| error.to_string()) }.boxed()
        });
        let peers = Mutex::new(PeerTable { next: 0, peers: BTreeMap::new() });
        let connected = watch::Sender::new(());
        Self(Arc::new(ServiceData { name, version, limits, handler, peers, connected }))
    }

    /// The sub-protocol. Its settings can be changed; several servers can run it. Different from other sub-protocols, it
    /// is restarted when it ends: [`OnExit::Restart`] with the default delays. Use [`Protocol::on_exit`] to change it.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        let service = self.clone();
        Protocol::new(self.0.name, self.0.version, LENGTH, move |peer, channel| {
            let service = service.clone();
            async move { service.run(peer, channel).await }
        })
        .on_exit(OnExit::Restart(RestartSettings::default()))
    }

    /// A connected peer that speaks the service.
    #[must_use]
    pub fn peer(&self, id: &NodeId) -> Option<ServicePeer<Q, A>> {
        self.0.lock().peers.get(id).map(|(_, peer)| peer.clone())
    }

    /// Same as [`peer`](Self::peer), but waits until the peer is connected.
    pub async fn wait_for_peer(&self, id: &NodeId) -> ServicePeer<Q, A> {
        self.wait_until(|| self.peer(id)).await
    }

    /// Same as [`peers`](Self::peers), but waits until at least this number of peers is connected. For a node whose peers
    /// come from discovery.
    pub async fn wait_for_peers(&self, number: usize) -> Vec<ServicePeer<Q, A>> {
        self.wait_until(|| Some(self.peers()).filter(|peers| peers.len() >= number)).await
    }

    /// Waits until `find` finds something among the connected peers.
    async fn wait_until<T>(&self, find: impl Fn() -> Option<T>) -> T {
        let mut connected = self.0.connected.subscribe();
        loop {
            if let Some(found) = find() {
                return found;
            }
            // It cannot fail: `self` holds the sender.
            let _ = connected.changed().await;
        }
    }

    /// All connected peers that speak the service.
    #[must_use]
    pub fn peers(&self) -> Vec<ServicePeer<Q, A>> {
        self.0.lock().peers.values().map(|(_, peer)| peer.clone()).collect()
    }

    /// Sends a request to all connected peers, which do not respond. Returns the number of peers for which it was queued;
    /// a peer whose outbound queue is full does not get it.
    pub fn broadcast(&self, request: &Q) -> usize {
        let payload = wire::notice(request);
        let queued = |peer: &ServicePeer<Q, A>| peer.try_notify(payload.clone()).is_ok();
        self.peers().into_iter().filter(queued).count()
    }

    async fn run(&self, peer: Peer, channel: Channel) -> Result<(), Exit> {
        let limits = self.0.limits;
        let (sender, mut receiver) = channel.split();
        let number = self.0.next_run();
        // Ids differ between the runs on a connection: a response to an earlier run is late, and matches no request of
        // this one.
        let (requests, responses) = requests_from(limits.open, number << RUN_SHIFT);
        let remote = ServicePeer::new(peer.clone(), sender.clone(), requests, limits.timeout);
        let _connected = self.0.connect(number, remote);
        let mut answers = FuturesUnordered::new();
        loop {
            let message = tokio::select! {
                biased;
                // At most as many as there are open requests, so messages do not wait long.
                Some(()) = answers.next(), if !answers.is_empty() => continue,
                message = receiver.recv() => message,
            };
            let Some(message) = message else { return Ok(()) };
            let has_room = answers.len() < limits.concurrent;
            match wire::decode_frame(&message)? {
                Frame::Request(Some(id), _) if !has_room => refuse(&sender, id),
                Frame::Request(None, _) if !has_room => {}
                Frame::Request(id, request) => {
                    let answer = (self.0.handler)(peer.clone(), request);
                    answers.push(respond(sender.clone(), id, answer));
                }
                Frame::Response(id, response) => handle(&responses, id, response, message.code)?,
            }
        }
    }
}

/// Sends the answer to a request once it is ready, if it has an id.
async fn respond<A: Encodable>(
    sender: Sender,
    id: Option<u64>,
    answer: BoxFuture<'static, Result<A, String>>,
) {
    let answer = answer.await;
    let Some(id) = id else { return };
    let (code, payload) = wire::response(id, answer);
    // An error means that the connection has ended.
    let _ = sender.send_raw(code, payload).await;
}

/// Refuses a request, because too many others are answered. Without room for that, the peer's request times out.
fn refuse(sender: &Sender, id: u64) {
    let (code, payload) = wire::response::<u8>(id, Err("too many requests at once".to_owned()));
    let _ = sender.try_send_raw(code, payload);
}

fn handle<A>(
    responses: &Responses<Result<A, String>>,
    id: u64,
    response: Result<A, String>,
    code: u64,
) -> Result<(), Exit> {
    match responses.handle(id, response) {
        ResponseMatch::Open(()) | ResponseMatch::Late => Ok(()),
        ResponseMatch::Unsolicited => Err(Exit::unexpected(code)),
    }
}

impl<Q, A> ServiceData<Q, A> {
    fn lock(&self) -> MutexGuard<'_, PeerTable<Q, A>> {
        // Poisoning is ignored: the table is consistent after every statement.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a new run.
    fn next_run(&self) -> u64 {
        let mut table = self.lock();
        let number = table.next;
        table.next += 1;
        number
    }

    /// Adds a peer to the table until the returned value is dropped.
    fn connect(&self, number: u64, remote: ServicePeer<Q, A>) -> Connected<'_, Q, A> {
        let id = remote.id();
        self.lock().peers.insert(id, (number, remote));
        self.connected.send_replace(());
        Connected { service: self, id, number }
    }
}

/// A connected peer in the table. A later connection with the same peer replaces it.
struct Connected<'a, Q, A> {
    service: &'a ServiceData<Q, A>,
    id: NodeId,
    number: u64,
}

impl<Q, A> Drop for Connected<'_, Q, A> {
    fn drop(&mut self) {
        let mut table = self.service.lock();
        if table.peers.get(&self.id).is_some_and(|(number, _)| *number == self.number) {
            table.peers.remove(&self.id);
        }
    }
}

// Not derived, because a derive would require the same traits of `Q` and `A`.

impl<Q, A> Clone for Service<Q, A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Q, A> fmt::Debug for Service<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.0.name)
            .field("version", &self.0.version)
            .field("peers", &self.0.lock().peers.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
