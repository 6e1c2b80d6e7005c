//! The handle of a running server.

mod access;
pub(crate) mod describe;
mod protocols;

use std::{collections::HashSet, fmt, net::SocketAddr, sync::Arc, time::Duration};

use p2p_mux::{
    MAX_HELLO, Peer,
    identity::{Enode, NodeId},
};
use tokio::time;
use tokio_util::sync::DropGuard;

use crate::{
    config::Config,
    config::settings::Settings,
    context::{Shared, now},
    dial::Kind,
    discovery::Discovery,
    error::StartError,
    observed::events::Events,
    observed::node_info::{NodeInfo, PeerInfo},
    observed::stats::Stats,
    slots::Refusal,
    tasks::{listen, outbound},
};

/// How much longer than one connection's farewell [`Server::stop`] waits before it drops what is
/// left.
const STOP_MARGIN: Duration = Duration::from_millis(250);

/// A running server: it listens, dials, and runs the sub-protocols with every peer. Cheap to clone.
///
/// [`Server::stop`] ends it in good order. When the last handle is dropped it stops as well, in the
/// background; a sub-protocol that owns a handle therefore keeps its server running.
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
    addrs: Arc<[SocketAddr]>,
    enode: Arc<Enode>,
    _last: Arc<DropGuard>,
}

impl Server {
    /// Opens the listening sockets and starts the tasks. Must be called within a tokio runtime with
    /// its IO and time drivers on.
    ///
    /// # Errors
    /// An address that is bad or taken, a gateway to be asked by a build without the feature `nat`, a
    /// sub-protocol registered twice. Nothing is left running then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        check(&config)?;
        let (listeners, addrs) = listen::bind_all(&config.settings.listen).await?;
        let enode = describe::own_enode(&config, &addrs);
        warn_of_leaks(&config.settings);
        let discovery = Discovery::prepare(&config, &enode, &addrs).await?;
        let dials = config.settings.dialling.enabled;
        let sources = config.sources.clone();
        #[cfg(feature = "nat")]
        let (nat, terms) = (config.settings.nat, config.terms.clone());
        let shared = Arc::new(Shared::new(config, enode.tcp));
        let protocols = shared.state().local.protocols.clone();
        let watched = protocols.into_iter().map(|protocol| shared.watched(protocol)).collect();
        shared.state().local.protocols = watched;
        let bytes = shared.state().local.hello(&shared.connection).encode().len();
        if bytes > MAX_HELLO {
            return Err(StartError::HelloTooLong { bytes });
        }
        for listener in listeners {
            shared.tasks.spawn(listen::run(Arc::clone(&shared), listener));
        }
        if dials {
            shared.tasks.spawn(outbound::run(Arc::clone(&shared)));
        }
        let last = Arc::new(shared.quit.clone().drop_guard());
        let server = Self { shared, addrs: addrs.into(), enode: Arc::new(enode), _last: last };
        discovery.start(&server);
        for source in sources {
            server.add_candidates(source.open());
        }
        #[cfg(feature = "nat")]
        crate::nat::start(&server, nat, &terms);
        tracing::info!(enode = %server.enode(), "server started");
        Ok(server)
    }

    /// The node's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.enode.id
    }

    /// The node's URL, to give to others. Its address is the external one where it is known (the
    /// operator says so, or a gateway, or most peers in discovery), else the first one listened on,
    /// else (listening on all addresses, or on none) `127.0.0.1`.
    #[must_use]
    pub fn enode(&self) -> Enode {
        self.shared.seen_as(&self.enode)
    }

    /// The first address listened on, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn listen_addr(&self) -> Option<SocketAddr> {
        self.addrs.first().copied()
    }

    /// All addresses listened on, in the order of the configuration.
    #[must_use]
    pub fn listen_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// The connected peers, ordered by [`PeerInfo::id`].
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        describe::peers(&self.shared)
    }

    /// How many peers are connected.
    #[must_use]
    pub fn peer_count(&self) -> usize {
        self.shared.state().live.len()
    }

    /// The connection with a peer.
    #[must_use]
    pub fn peer(&self, id: &NodeId) -> Option<Peer> {
        self.shared.state().live.get(id).map(|live| live.peer.clone())
    }

    /// Makes a node static: it is dialled now and for ever after. Returns at once; follow
    /// [`Server::events`] or ask [`Server::next_action`] for what becomes of it. A node that is
    /// connected already is only marked. The node itself is ignored (and counted as refused).
    pub fn add_peer(&self, enode: Enode) {
        let mut state = self.shared.state();
        if enode.id == self.enode.id {
            state.stats.refused.count(Refusal::SelfConnect);
            return;
        }
        state.slots.set_static(enode.id, true);
        state.dialer.add(enode, Kind::Static, now());
        drop(state);
        self.shared.replan();
    }

    /// Forgets a static or boot node and closes the connection with it, if there is one: within a
    /// second, whether or not it reads why. The peer may dial us again. Says whether there was anything to do.
    pub fn remove_peer(&self, id: &NodeId) -> bool {
        let mut state = self.shared.state();
        state.slots.set_static(*id, false);
        let known = state.dialer.remove(id);
        known | state.expel(id)
    }

    /// Admits the node from now on even when all places are taken. Says whether that is new.
    pub fn add_trusted(&self, id: NodeId) -> bool {
        self.set_trusted(id, true)
    }

    /// Takes [`Server::add_trusted`] back; a live connection stays. Says whether the node was
    /// trusted.
    pub fn remove_trusted(&self, id: &NodeId) -> bool {
        self.set_trusted(*id, false)
    }

    fn set_trusted(&self, id: NodeId, trusted: bool) -> bool {
        let mut state = self.shared.state();
        if let Some(live) = state.live.get(&id) {
            live.peer.set_trusted(trusted);
        }
        state.slots.set_trusted(id, trusted)
    }

    /// What the node says about itself.
    #[must_use]
    pub fn node_info(&self) -> NodeInfo {
        describe::node_info(&self.shared, &self.enode(), &self.addrs)
    }

    /// Subscribes to what happens from now on. Ends at once on a server that has stopped.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.shared.state().events.as_ref().map(|events| events.subscribe()))
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let memory = self.shared.memory.stats().into();
        Stats { memory, ..self.shared.state().stats }
    }

    /// What all connections counted together, those included that have ended. It only grows, but for
    /// what is queued; while one connection takes the place of another with the same peer, what the
    /// one before counted may be missing for a moment.
    #[must_use]
    pub fn traffic(&self) -> p2p_mux::ConnectionStats {
        let state = self.shared.state();
        let mut sum = state.past.clone();
        let live: Vec<_> = state.live.values().map(|live| live.peer.clone()).collect();
        drop(state);
        live.iter().for_each(|peer| sum.add(&peer.stats()));
        sum
    }

    /// Stops: no more accepting and dialling, a Disconnect ("quitting") to every peer, then the end
    /// of every task.
    ///
    /// A peer that does not read cannot hold this up for longer than [`p2p_mux::Config::farewell`]
    /// and a little; after that its connection is dropped. Returns when the last task has ended and
    /// the event streams are closed. May be called again, and by several at once.
    pub async fn stop(&self) {
        self.shared.quit.cancel();
        self.shared.stop_discovery().await;
        self.shared.tasks.close();
        let limit = self.shared.connection.farewell + STOP_MARGIN;
        if time::timeout(limit, self.shared.tasks.wait()).await.is_err() {
            self.shared.kill.cancel();
            self.shared.tasks.wait().await;
        }
        let mut state = self.shared.state();
        (state.events, state.messages) = (None, None);
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

/// Says what does not go through the proxy, if there is one.
fn warn_of_leaks(settings: &Settings) {
    let proxy = settings.dialling.proxy.as_ref();
    if let Some(proxy) = proxy.filter(|_| settings.discovers()) {
        tracing::warn!(
            %proxy,
            "discovery does not go through the proxy: it shows this node's address to others over UDP"
        );
    }
}

/// What can be wrong with a configuration before any socket is opened.
fn check(config: &Config) -> Result<(), StartError> {
    let nat = config.settings.nat;
    if cfg!(not(feature = "nat")) && nat.needs_gateway() {
        return Err(StartError::NatUnsupported(nat));
    }
    let mut seen = HashSet::new();
    for protocol in &config.protocols {
        if !seen.insert(protocol.capability()) {
            return Err(StartError::DuplicateProtocol(protocol.capability().clone()));
        }
    }
    Ok(())
}
