//! Finding nodes: discv4 beside the listening socket, lists in the DNS, and what follows from them for
//! the node's own URL and record.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use p2p_discovery::{Discv4, NetworkId};
use p2p_mux::identity::{Content, Enode, NodeId, Record, SecretKey};
use tokio::{net::UdpSocket, time};

#[cfg(feature = "store")]
use crate::store::{self, NodeStore};
use crate::{
    config::Config,
    context::{Shared, now},
    discovery::bound::Bound,
    error::StartError,
    server::Server,
    server::describe::{capabilities, first_sequence},
};

/// How long after a boot node's name did not resolve it is looked up again.
const NAME_AGAIN: Duration = Duration::from_secs(30);

/// How a server finds nodes. The defaults suit a node in the open network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct DiscoveryConfig {
    /// Whether to take part in discv4, over UDP. Default true.
    pub v4: bool,
    /// Where the UDP socket is bound. Default: the first address listened on, with the same port.
    pub addr: Option<SocketAddr>,
    /// The settings of discv4, and the id of a network of one's own, which also holds for the lists.
    pub config: p2p_discovery::Discv4Config,
    /// Where discv5 has its UDP socket, which is another one than discv4's. Default: it does not run.
    #[cfg(feature = "discv5")]
    pub v5: Option<SocketAddr>,
    /// The nodes that discv5 begins with.
    #[cfg(feature = "discv5")]
    pub v5_boot: Vec<Record>,
    /// The file in which it is written down who was met, by discv4 or by dialling, so that after a
    /// restart they are tried first. It belongs to one running server. Default: none.
    #[cfg(feature = "store")]
    pub store: Option<std::path::PathBuf>,
    /// Lists in the DNS to take nodes from.
    #[cfg(feature = "dns")]
    pub lists: Vec<p2p_discovery::dns::Link>,
    /// How the lists are read.
    #[cfg(feature = "dns")]
    pub reading: p2p_discovery::dns::ListClientConfig,
    /// Which DNS servers are asked. Default: those of the system.
    #[cfg(feature = "dns")]
    pub servers: p2p_discovery::dns::Servers,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self {
            v4: true,
            addr: None,
            config: p2p_discovery::Discv4Config::default(),
            #[cfg(feature = "discv5")]
            v5: None,
            #[cfg(feature = "discv5")]
            v5_boot: Vec::new(),
            #[cfg(feature = "store")]
            store: None,
            #[cfg(feature = "dns")]
            lists: Vec::new(),
            #[cfg(feature = "dns")]
            reading: p2p_discovery::dns::ListClientConfig::default(),
            #[cfg(feature = "dns")]
            servers: p2p_discovery::dns::Servers::default(),
        }
    }
}

impl DiscoveryConfig {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether to take part in discv4.
    #[must_use]
    pub const fn v4(mut self, v4: bool) -> Self {
        self.v4 = v4;
        self
    }

    /// Sets where the UDP socket is bound.
    #[must_use]
    pub const fn addr(mut self, addr: SocketAddr) -> Self {
        self.addr = Some(addr);
        self
    }

    /// Belongs to a network of one's own: nodes of others are neither dialled nor passed on.
    #[must_use]
    pub const fn network(mut self, id: NetworkId) -> Self {
        self.config.network = Some(id);
        self
    }

    /// Writes down in this file who was met, and begins with those that are in it.
    #[cfg(feature = "store")]
    #[must_use]
    pub fn store(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.store = Some(path.into());
        self
    }

    /// Takes nodes from this list too.
    #[cfg(feature = "dns")]
    #[must_use]
    pub fn list(mut self, link: p2p_discovery::dns::Link) -> Self {
        self.lists.push(link);
        self
    }
}

/// What runs as long as the server does.
#[derive(Debug)]
pub(crate) struct Running {
    discv4: Option<Discv4>,
    /// What the record says where nobody else knows better.
    #[cfg_attr(not(feature = "nat"), expect(dead_code, reason = "of gateways"))]
    bound: Bound,
    #[cfg(feature = "store")]
    store: Option<NodeStore>,
}

/// What is ready to start with the server.
pub(crate) struct Discovery {
    discv4: Option<Discv4>,
    bound: Bound,
    boot: Vec<Enode>,
    #[cfg(feature = "store")]
    store: Option<NodeStore>,
    #[cfg(feature = "discv5")]
    discv5: Option<p2p_discovery::Discv5>,
    #[cfg(feature = "dns")]
    lists: Option<p2p_discovery::dns::Lists>,
    #[cfg_attr(not(feature = "dns"), expect(dead_code, reason = "of the lists"))]
    network: Option<NetworkId>,
}

impl Discovery {
    /// Opens the socket, so that nothing else has to be undone if that fails.
    pub(crate) async fn prepare(
        config: &Config,
        enode: &Enode,
        addrs: &[SocketAddr],
    ) -> Result<Self, StartError> {
        let wanted = config.settings.discovery.as_ref().filter(|_| config.settings.discovers());
        let discv4 = match wanted {
            Some(wanted) if wanted.v4 => Some(open(config, wanted, enode, addrs).await?),
            _ => None,
        };
        #[cfg(feature = "store")]
        let store = match wanted.and_then(|wanted| wanted.store.as_deref()) {
            Some(path) => Some(NodeStore::open(path)?),
            None => None,
        };
        #[cfg(feature = "discv5")]
        let discv5 = match wanted {
            Some(wanted) => open_v5(config, wanted, enode, addrs).await?,
            None => None,
        };
        #[cfg(feature = "dns")]
        let lists = match wanted {
            Some(wanted) if !wanted.lists.is_empty() => Some(p2p_discovery::dns::Lists::start(
                wanted.reading,
                &wanted.servers,
                wanted.lists.iter().cloned(),
            )?),
            _ => None,
        };
        Ok(Self {
            discv4,
            bound: Bound::of(enode, addrs.first().copied()),
            boot: config.settings.nodes.boot.clone(),
            #[cfg(feature = "store")]
            store,
            #[cfg(feature = "discv5")]
            discv5,
            #[cfg(feature = "dns")]
            lists,
            network: wanted.and_then(|wanted| wanted.config.network),
        })
    }

    /// Goes to work.
    pub(crate) fn start(self, server: &Server) {
        let shared = &server.shared;
        #[cfg(feature = "dns")]
        if let Some(lists) = self.lists {
            server.add_candidates(listed(lists, self.network, self.discv4.clone()));
        }
        #[cfg(feature = "discv5")]
        if let Some(discv5) = self.discv5 {
            let enodes = discv5.candidates().filter_map(async |record| record.enode());
            server.add_candidates(enodes);
        }
        #[cfg(feature = "store")]
        if let Some(store) = &self.store {
            server.add_candidates(store::seeds(store.clone(), self.discv4.clone()));
            let keep = store::keep(self.discv4.clone(), store.clone());
            shared.tasks.spawn(shared.quit.clone().run_until_cancelled_owned(keep));
        }
        if let Some(discv4) = &self.discv4 {
            server.add_candidates(discv4.candidates().map(|node| node.enode()));
            let boot = self.boot.into_iter().filter(|enode| enode.udp != 0).collect();
            let knock = knock(discv4.clone(), boot);
            shared.tasks.spawn(shared.quit.clone().run_until_cancelled_owned(knock));
        }
        // Set once, here.
        let _ = shared.discovery.set(Running {
            discv4: self.discv4,
            bound: self.bound,
            #[cfg(feature = "store")]
            store: self.store,
        });
    }
}

async fn open(
    config: &Config,
    wanted: &DiscoveryConfig,
    enode: &Enode,
    addrs: &[SocketAddr],
) -> Result<Discv4, StartError> {
    let beside = addrs.first().copied();
    let anywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let addr = wanted.addr.or(beside).unwrap_or(anywhere);
    let bind = async |addr| {
        UdpSocket::bind(addr)
            .await
            .map_err(|source| p2p_discovery::Discv4Error::Bind { addr, source })
    };
    // Where any TCP port would do, so does any UDP port.
    let any = wanted.addr.is_none()
        && config.settings.listen.first().is_some_and(|at| at.ends_with(":0"));
    let socket = match bind(addr).await {
        Err(_) if any => bind(SocketAddr::new(addr.ip(), 0)).await?,
        opened => opened?,
    };
    let record = first_record(&config.key, config, enode, beside)?;
    let follows = config.settings.nat.external_ip().is_none();
    let settings = wanted.config.clone().follow_peers(wanted.config.follow_peers && follows);
    Ok(Discv4::with_socket(settings, config.key.clone(), &record, socket)?)
}

/// Opens the socket of discv5, if there is to be one.
#[cfg(feature = "discv5")]
async fn open_v5(
    config: &Config,
    wanted: &DiscoveryConfig,
    enode: &Enode,
    addrs: &[SocketAddr],
) -> Result<Option<p2p_discovery::Discv5>, StartError> {
    let Some(addr) = wanted.v5 else { return Ok(None) };
    let record = first_record(&config.key, config, enode, addrs.first().copied())?;
    let network = wanted.config.network;
    let discv5 = p2p_discovery::Discv5::start(network, &config.key, &record, addr).await?;
    for record in &wanted.v5_boot {
        discv5.add_boot_node(record)?;
    }
    Ok(Some(discv5))
}

/// The record before anybody else has said anything. An address of which only we think that it is ours
/// is left out: others see better.
fn first_record(
    key: &SecretKey,
    config: &Config,
    enode: &Enode,
    bound: Option<SocketAddr>,
) -> Result<Record, p2p_discovery::Discv4Error> {
    let known = config.settings.nat.external_ip().is_some()
        || bound.is_some_and(|at| !at.ip().is_unspecified());
    let mut here = Content::of(enode).without("udp");
    if !known {
        here = here.without("ip").without("ip6");
    }
    let full = here.clone().set("cap", &capabilities(&config.protocols));
    let sequence = first_sequence();
    // An address and a port always fit.
    Record::sign(key, sequence, &full)
        .or_else(|_| Record::sign(key, sequence, &here))
        .map_err(p2p_discovery::Discv4Error::Record)
}

/// Makes the boot nodes known, those whose names do not resolve as soon as they do.
async fn knock(discv4: Discv4, mut boot: Vec<Enode>) {
    while !boot.is_empty() {
        let mut left = Vec::new();
        for enode in boot {
            if let Err(error) = discv4.add_boot_node(&enode).await {
                tracing::warn!(%enode, %error, "a boot node cannot be asked now");
                left.push(enode);
            }
        }
        boot = left;
        if !boot.is_empty() {
            time::sleep(NAME_AGAIN).await;
        }
    }
}

/// The nodes of lists that belong to our network. Discv4 gets to know them, too.
#[cfg(feature = "dns")]
fn listed(
    lists: p2p_discovery::dns::Lists,
    network: Option<NetworkId>,
    discv4: Option<Discv4>,
) -> impl futures_core::Stream<Item = Enode> + Send + 'static {
    lists.filter_map(move |record| {
        let discv4 = discv4.clone();
        async move {
            if network.is_some_and(|network| !network.is_of(&record)) {
                return None;
            }
            let enode = record.enode()?;
            if let Some((discv4, node)) = discv4.zip(p2p_discovery::Node::from_enode(&enode))
                && enode.udp != 0
            {
                // Where there is no room for it now, it comes again.
                let _ = discv4.add_seeds([node]).await;
            }
            Some(enode)
        }
    })
}

impl Server {
    /// The running discv4, to ask it: where [`Settings::discovery`](crate::Settings::discovery) is set
    /// and discovery is on.
    #[must_use]
    pub fn discv4(&self) -> Option<&Discv4> {
        self.shared.discv4()
    }
}

impl Shared {
    pub(crate) fn discv4(&self) -> Option<&Discv4> {
        self.discovery.get().and_then(|running| running.discv4.as_ref())
    }

    /// Writes down how a dial of that node has ended, where nodes are kept.
    #[cfg_attr(not(feature = "store"), expect(unused_variables, reason = "of the store"))]
    pub(crate) fn note_dial(&self, enode: &Enode, reached: bool) {
        #[cfg(feature = "store")]
        if let Some(store) = self.discovery.get().and_then(|running| running.store.as_ref()) {
            store.note_now(enode, reached);
        }
    }

    /// The node's URL with what discovery knows: its port, and the address that others see.
    pub(crate) fn seen_as(&self, enode: &Enode) -> Enode {
        let Some(discv4) = self.discv4() else { return self.outside(enode) };
        let record = discv4.record();
        record.enode().unwrap_or_else(|| Enode {
            udp: record.udp().or(record.udp6()).unwrap_or_default(),
            ..enode.clone()
        })
    }

    /// Where discv4 has its socket.
    #[cfg(feature = "nat")]
    pub(crate) fn discovery_addr(&self) -> Option<SocketAddr> {
        self.discv4().map(Discv4::local_addr)
    }

    /// The record says where a gateway makes the node reachable, and does not follow peers as long as
    /// that is known.
    #[cfg(feature = "nat")]
    pub(crate) async fn tell_external(&self, external: crate::nat::External) {
        let Some(Running { discv4: Some(discv4), bound, .. }) = self.discovery.get() else {
            return;
        };
        let known = external.ip.is_some();
        let change = bound.with(external, discv4.local_addr().port());
        let told = async {
            if known {
                discv4.follow_ipv4(false).await?;
            }
            discv4.update_record(change).await?;
            if !known {
                discv4.follow_ipv4(true).await?;
            }
            Ok::<_, p2p_discovery::RequestError>(())
        };
        if let Err(error) = told.await
            && !self.quit.is_cancelled()
        {
            tracing::warn!(%error, "the record does not say where the gateway lets others in");
        }
    }

    /// The sub-protocols are not what they were: the record says so.
    pub(crate) fn tell_capabilities(self: &Arc<Self>) {
        let Some(discv4) = self.discv4().cloned() else { return };
        let shared = Arc::clone(self);
        self.tasks.spawn(self.quit.clone().run_until_cancelled_owned(async move {
            let now = capabilities(&shared.state().local.protocols);
            // Where they have no room, the record says what it said.
            let _ = discv4.update_record(move |content| content.set("cap", &now)).await;
        }));
    }

    /// Asks where a node is that does not answer where it is said to be: it may have moved.
    pub(crate) fn look_for(self: &Arc<Self>, id: NodeId) {
        let Some(discv4) = self.discv4().cloned() else { return };
        let shared = Arc::clone(self);
        self.tasks.spawn(self.quit.clone().run_until_cancelled_owned(async move {
            // Nobody who could be asked knows it: it is asked again after some more failures.
            let Ok(record) = discv4.resolve(id).await else { return };
            let mut state = shared.state();
            if let Some(enode) = record.enode()
                && state.dialer.get(&id).is_some()
            {
                // It is in the plan, and so declined, but its address is noted.
                let _ = state.dialer.offer(enode, now());
            }
        }));
    }

    pub(crate) async fn stop_discovery(&self) {
        let Some(running) = self.discovery.get() else { return };
        #[cfg(feature = "store")]
        if let Some(store) = &running.store {
            store::save(running.discv4.as_ref(), store).await;
        }
        if let Some(discv4) = &running.discv4 {
            discv4.stop().await;
        }
    }
}
