//! The handle of a running server.

pub(crate) mod access;
mod describe;
pub(crate) mod pair;
mod protocols;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use futures_core::Stream;
use p2p_mux::{
    MAX_HELLO, Peer, Sample,
    identity::{Enode, NodeId},
};
use p2p_world::{
    HashSet,
    planted::{self, Bug},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time,
};
use tokio_util::sync::DropGuard;

use crate::{
    access::LinkRules,
    clock::now,
    config::{Config, ServerSettings},
    context::Context,
    dial::NextAction,
    error::StartError,
    observed::{
        ClockError, Count as _, Counted, DialState, Dropped, Events, LastOutcomes, Messages,
        NodeInfo, Occurrence, PeerInfo, Stats, gauge,
    },
    tasks,
};

/// Time that [`Server::stop`] waits beyond the time limit for closing one connection, before it drops what is
/// left.
const STOP_MARGIN: Duration = Duration::from_millis(250);

/// A running server: it listens, dials, and runs the sub-protocols with every peer. Cheap to clone.
///
/// [`Server::stop`] stops it and waits for its end. It also stops, in the background, when the last handle
/// is dropped; a sub-protocol that owns a handle keeps its server running.
#[derive(Clone)]
pub struct Server {
    context: Arc<Context>,
    addrs: Arc<[SocketAddr]>,
    enode: Arc<Enode>,
    _stop: Arc<DropGuard>,
}

/// Starting and stopping.
impl Server {
    /// Opens the listening sockets and starts the tasks. Must be called in a tokio runtime with the IO and
    /// time drivers enabled.
    ///
    /// # Errors
    ///
    /// [`StartError`]. Nothing is left running.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        check(&config)?;
        let (listeners, addrs) = tasks::bind_all(&*config.world, &config.settings.listen).await?;
        let enode = describe::listen_enode(&config, &addrs);
        warn_of_leaks(&config.settings);
        let discovery = tasks::discovery::prepare(&config, &enode, &addrs).await?;
        let dials = config.settings.dialing.enabled;
        let sources = config.sources.clone();
        #[cfg(feature = "nat")]
        let (nat, gateway) = (config.settings.nat, config.gateway.clone());
        let context = Arc::new(Context::new(config, discovery.discovery.clone(), enode.tcp));
        observe_protocols(&context)?;
        for listener in listeners {
            context.lifecycle.spawn(tasks::accept_all(Arc::clone(&context), listener));
        }
        if dials {
            context.lifecycle.spawn(tasks::follow_plan(Arc::clone(&context)));
        }
        let stop = Arc::new(context.lifecycle.stop_on_drop());
        let server = Self { context, addrs: addrs.into(), enode: Arc::new(enode), _stop: stop };
        discovery.start(&server.context);
        for source in sources {
            server.add_candidates(source.open());
        }
        #[cfg(feature = "nat")]
        tasks::port_mapping::start(&server.context, nat, &gateway, &server.addrs);
        tracing::info!(enode = %server.enode(), "server started");
        Ok(server)
    }

    /// Stops: no more accepting and dialing, a Disconnect ("quitting") to every peer, then the end of every
    /// task. Returns when the last task has ended and the event streams are closed. May be called several
    /// times, also concurrently.
    ///
    /// A peer that does not read delays this by at most [`p2p_mux::Config::close_limit`] and 250 ms; then its
    /// connection is dropped.
    pub async fn stop(&self) {
        let lifecycle = &self.context.lifecycle;
        lifecycle.stop();
        self.context.discovery.stop().await;
        let limit = self.context.connections.close_limit() + STOP_MARGIN;
        if time::timeout(limit, lifecycle.ended()).await.is_err() {
            lifecycle.kill();
            lifecycle.ended().await;
        }
        self.context.state().subscribers.close();
    }
}

/// The node.
impl Server {
    /// The node's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.enode.id
    }

    /// The node's URL, to give to others. Its address is the external one if it is known: from the settings,
    /// from a gateway, or from most peers in discovery. Otherwise it is the first address listened on; for a
    /// node that listens on all addresses, or on none, `127.0.0.1`.
    #[must_use]
    pub fn enode(&self) -> Enode {
        self.context.enode(&self.enode)
    }

    /// The first address listened on, with the port that the system chose for port 0.
    #[must_use]
    pub fn listen_addr(&self) -> Option<SocketAddr> {
        self.addrs.first().copied()
    }

    /// All addresses listened on, in the order of the configuration.
    #[must_use]
    pub fn listen_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// The description of the node.
    #[must_use]
    pub fn node_info(&self) -> NodeInfo {
        describe::node_info(&self.context, &self.enode(), &self.addrs)
    }

    /// The running discv4, for requests of its own. `None` unless
    /// [`ServerSettings::discovery`](crate::ServerSettings::discovery) is set and discovery is on.
    #[cfg(feature = "discovery")]
    #[must_use]
    pub fn discv4(&self) -> Option<&p2p_discovery::Discv4> {
        self.context.discovery.discv4.as_ref()
    }

    /// By how much the clock of this machine is wrong; `None` if it is right, or nothing is known. One boot node or static
    /// node is witness enough, if it answers discv4. Only with the feature `discovery` anything is known.
    #[must_use]
    pub fn clock_error(&self) -> Option<ClockError> {
        self.context.discovery.clock_error()
    }

    /// Whether damage was found in the database of known nodes; `None` if there is none. If so, it is moved aside at the next start.
    #[cfg(feature = "store")]
    #[must_use]
    pub fn damage(&self) -> Option<crate::Damage> {
        self.context.discovery.damage()
    }

    /// Accepts a stream that was opened to this node in a way of the caller's own
    /// ([`NodeDialer`](crate::NodeDialer)), like one from a listening socket: the same limits and counters
    /// apply. `remote_addr`: its other end, for the access rules and for [`PeerInfo`]. Returns at once. A
    /// server that has stopped closes the stream.
    pub fn accept<Io>(&self, io: Io, remote_addr: SocketAddr)
    where
        Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        tasks::accept(&self.context, io, tasks::UNSPECIFIED, remote_addr, None);
    }
}

/// Peers, and nodes to dial.
impl Server {
    /// The connected peers, ordered by [`PeerInfo::id`].
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        describe::peers(&self.context).into_iter().map(|(info, _)| info).collect()
    }

    /// The connected peers with the counters of their connections, ordered by [`PeerInfo::id`].
    #[must_use]
    pub fn peers_with_stats(&self) -> Vec<(PeerInfo, p2p_mux::ConnectionStats)> {
        let peers = describe::peers(&self.context).into_iter();
        peers.map(|(info, peer)| (info, peer.stats())).collect()
    }

    /// Number of connected peers.
    #[must_use]
    pub fn peer_count(&self) -> usize {
        self.context.state().peer_count()
    }

    /// The connection with a peer.
    #[must_use]
    pub fn peer(&self, id: &NodeId) -> Option<Peer> {
        self.context.state().peer(id).cloned()
    }

    /// Makes a node static: it is dialed at once, and again whenever it is not connected. Returns at once;
    /// [`Server::events`] and [`Server::next_action`] report the result. If the node is connected, it is only
    /// marked as static. This node itself is ignored, and counted as refused.
    pub fn add_peer(&self, enode: Enode) {
        let id = enode.id;
        let mut state = self.context.state();
        if let Err(reason) = state.peering.add_static(enode.clone(), now()) {
            state.observed.refused(reason, Occurrence::at(self.context.unix_time()).of(id));
            return;
        }
        drop(state);
        self.context.wakers.wake_all();
        tasks::discovery::add_clock_witness(&self.context, enode);
    }

    /// Removes a static or boot node and closes the connection with it within a second, even if it does not
    /// read. The peer may dial this node again. Returns whether the node was planned or connected.
    pub fn remove_peer(&self, id: &NodeId) -> bool {
        let mut state = self.context.state();
        let planned = state.peering.remove(id);
        planned | (!planted::is(Bug::RemovedPeerStays) && state.expel(id))
    }

    /// Marks a node as trusted: from now on it is admitted even if all peer slots are taken. Returns whether
    /// it was not trusted before.
    pub fn add_trusted(&self, id: NodeId) -> bool {
        self.set_trusted(id, true)
    }

    /// Reverses [`Server::add_trusted`]; an existing connection stays. Returns whether the node was trusted.
    pub fn remove_trusted(&self, id: &NodeId) -> bool {
        self.set_trusted(*id, false)
    }

    /// Lets a node connect without `sec/1` again, in both directions, although it was connected over it. It is pinned
    /// again by its next connection over `sec/1`. Returns whether it was pinned.
    pub fn unpin(&self, id: NodeId) -> bool {
        self.context.unpin(id)
    }

    /// Whether a node is connected only over `sec/1`, because it was connected over it before.
    #[must_use]
    pub fn is_pinned(&self, id: &NodeId) -> bool {
        self.context.state().peering.links.is_pinned(id)
    }

    fn set_trusted(&self, id: NodeId, trusted: bool) -> bool {
        let mut state = self.context.state();
        if let Some(peer) = state.peer(&id) {
            peer.set_trusted(trusted);
        }
        state.peering.set_trusted(id, trusted)
    }

    /// Adds a source of found nodes. They are dialed, after static nodes, while there are free slots for found
    /// nodes ([`Limits::dial_ratio`](crate::Limits::dial_ratio)). From the first source on, slots are reserved
    /// for them.
    ///
    /// The source is polled only while there is room, so it may search on demand. Each node gets one attempt.
    /// A node is skipped if it is known already, has no TCP port, is excluded by an access rule, or was dialed
    /// or lost within [`DialSettings::found_cooldown`](crate::DialSettings::found_cooldown). The outcomes are
    /// counted ([`Stats::found`]).
    ///
    /// The source is dropped when it ends or the server stops; at once if the node does not dial
    /// ([`DialSettings::enabled`](crate::DialSettings::enabled)).
    pub fn add_candidates(&self, source: impl Stream<Item = Enode> + Send + 'static) {
        tasks::candidates::add(&self.context, source);
    }
}

/// What is known about peers and nodes.
impl Server {
    /// What the dialer will do about a static or boot node and when, or which rule excludes a node and until
    /// when; `None` for all other nodes.
    #[must_use]
    pub fn next_action(&self, id: &NodeId) -> Option<NextAction> {
        self.context.state().peering.next_action(id, now())
    }

    /// How the last connection with a node and the last attempt to reach it ended. The last 1024 outcomes of
    /// all nodes together are kept in memory.
    #[must_use]
    pub fn last_outcomes(&self, id: &NodeId) -> LastOutcomes {
        self.context.state().observed.last(id)
    }

    /// All nodes that are planned, connected, or have a known outcome, ordered by id.
    #[must_use]
    pub fn dial_states(&self) -> Vec<DialState> {
        self.context.state().dial_states(now())
    }

    /// Subscribes to the events from now on. The subscription to a server that has stopped ends at once.
    #[must_use]
    pub fn events(&self) -> Events {
        self.context.state().subscribers.events()
    }

    /// Subscribes to the messages of all sub-protocols from now on, in both directions (geth's message events).
    /// Only if [`EventSettings::messages`](crate::EventSettings::messages) was on when the server started.
    #[must_use]
    pub fn messages(&self) -> Messages {
        self.context.state().subscribers.messages()
    }

    /// The counters since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let memory = self.context.connections.memory_stats().into();
        Stats { memory, ..self.context.state().observed.stats() }
    }

    /// Calls `each` with every counter of the server, its connections and discovery, and with the number of peers.
    pub fn for_each_counter(&self, mut each: impl FnMut(&Counted<'_>)) {
        self.stats().visit(&mut each);
        let peers = gauge("p2p_peers", "Connected peers");
        let value = self.peer_count() as u64;
        let sample = Sample { metric: peers, labels: &[], value };
        each(&Counted { sample, reason: None });
        let links = self.context.state().links();
        for (link, peers) in links {
            let metric = gauge("p2p_peers_by_link", "Connected peers, by how they are encrypted");
            let sample = Sample { metric, labels: &[("link", link)], value: peers };
            each(&Counted { sample, reason: None });
        }
        let pinned = gauge("p2p_pinned_nodes", "Nodes that are connected only over sec/1");
        let value = self.context.state().peering.links.pinned() as u64;
        each(&Counted { sample: Sample { metric: pinned, labels: &[], value }, reason: None });
        self.traffic().for_each_sample(|sample| each(&Counted::of_connections(sample)));
        self.context.discovery.for_each_counter(&mut each);
    }

    /// Every reason for which something is dropped, refused or cut, with its count and its last occurrences. The reasons
    /// are those of [`Server::for_each_counter`].
    #[must_use]
    pub fn drops(&self) -> Vec<Dropped> {
        self.drops_and_counters(|_| {})
    }

    /// The [drops](Self::drops). Calls `each` with [every counter](Self::for_each_counter), in the same walk over all
    /// connections.
    pub fn drops_and_counters(&self, mut each: impl FnMut(&Counted<'_>)) -> Vec<Dropped> {
        let mut drops = Vec::new();
        self.for_each_counter(|counted| {
            each(counted);
            let Some(reason) = counted.reason else { return };
            let (name, count) = (reason.to_string(), counted.sample.value);
            // Messages are counted for each sub-protocol.
            match drops.iter_mut().find(|dropped: &&mut Dropped| dropped.reason == name) {
                Some(dropped) => dropped.count += count,
                None => {
                    let last = self.context.state().observed.last_drops(reason);
                    drops.push(Dropped { reason: name, count, last });
                }
            }
        });
        drops
    }

    /// The sum of the counters of all connections, including those that have ended. It only grows, except for
    /// what is queued. While a connection replaces another one with the same peer, the counters of the replaced
    /// one may be missing for a moment.
    #[must_use]
    pub fn traffic(&self) -> p2p_mux::ConnectionStats {
        let state = self.context.state();
        let mut sum = state.observed.ended().clone();
        let peers: Vec<_> = state.peers().map(|connected| connected.peer.clone()).collect();
        drop(state);
        peers.iter().for_each(|peer| sum.add(&peer.stats()));
        sum
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("enode", &self.enode)
            .field("addrs", &self.addrs)
            .finish_non_exhaustive()
    }
}

/// Warns of traffic that does not go through the proxy, if there is one.
fn warn_of_leaks(settings: &ServerSettings) {
    let proxy = settings.dialing.proxy.as_ref();
    if let Some(proxy) = proxy.filter(|_| settings.discovers()) {
        tracing::warn!(
            %proxy,
            "discovery does not go through the proxy: it shows this node's address to others over UDP"
        );
    }
}

/// Checks the configuration before any socket is opened.
fn check(config: &Config) -> Result<(), StartError> {
    let nat = config.settings.nat;
    if cfg!(not(feature = "nat")) && nat.needs_gateway() {
        return Err(StartError::NatUnsupported(nat));
    }
    if LinkRules::is_unsupported(&config.settings.connection.links) {
        return Err(StartError::SecUnsupported);
    }
    let mut seen = HashSet::default();
    for protocol in &config.protocols {
        if !protocol.capability().has_valid_name() {
            return Err(StartError::ProtocolName(protocol.capability().clone()));
        }
        if !seen.insert(protocol.capability()) {
            return Err(StartError::DuplicateProtocol(protocol.capability().clone()));
        }
    }
    Ok(())
}

/// Connects the sub-protocols with the subscribers to messages, and checks the length of the Hello.
fn observe_protocols(context: &Context) -> Result<(), StartError> {
    let mut state = context.state();
    let protocols = state.announced.protocols().to_vec();
    let observe = |protocol| state.subscribers.observe(protocol, &context.lifecycle);
    let observed = protocols.into_iter().map(observe).collect();
    state.announced.set_protocols(observed);
    let bytes = state.announced.hello_length(context.connections.config());
    if bytes > MAX_HELLO { Err(StartError::HelloTooLong { bytes }) } else { Ok(()) }
}
