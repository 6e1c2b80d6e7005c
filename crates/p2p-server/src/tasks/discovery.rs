//! Starting discovery: its sockets, its sources of found nodes, its tasks.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use p2p_discovery::{Discv4, Discv4Error, NetworkId};
use p2p_mux::identity::{Content, Enode, Record, causes};
use tokio::time;

use super::candidates;
#[cfg(feature = "store")]
use crate::store::{self, NodeStore};
use crate::{
    clock::now,
    config::{Config, DiscoverySettings},
    context::Context,
    discovery::{Discovery, ListenAddr, capabilities, first_sequence},
    error::StartError,
};

/// Time between attempts to add a boot node whose name does not resolve.
const BOOT_NODE_RETRY: Duration = Duration::from_secs(30);

/// Every how many of these attempts a boot node is reported: every ten minutes.
const ATTEMPTS_PER_REPORT: usize = 20;

/// What is prepared, to be started with the server.
pub(crate) struct Prepared {
    pub(crate) discovery: Discovery,
    boot: Vec<Enode>,
    statics: Vec<Enode>,
    #[cfg(feature = "discv5")]
    discv5: Option<p2p_discovery::Discv5>,
    #[cfg(feature = "dns")]
    lists: Option<p2p_discovery::dns::Lists>,
    network: Option<NetworkId>,
    /// Whether known nodes are dialed.
    #[cfg(feature = "store")]
    discovers: bool,
}

/// Opens the sockets and the database. Nothing else is left to undo if that fails. `enode`: the node's
/// URL without discovery. `addrs`: the addresses listened on.
pub(crate) async fn prepare(
    config: &Config,
    enode: &Enode,
    addrs: &[SocketAddr],
) -> Result<Prepared, StartError> {
    let settings = config.settings.discovery.as_ref().filter(|_| config.settings.discovers());
    let discv4 = match settings {
        Some(settings) if settings.v4 => Some(open(config, settings, enode, addrs)?),
        _ => None,
    };
    #[cfg(feature = "store")]
    let stored = config.settings.discovery.as_ref().and_then(|settings| settings.store.as_deref());
    // Without discovery it keeps the pins.
    #[cfg(feature = "store")]
    let store = match stored {
        Some(path) => Some(NodeStore::open(Arc::clone(&config.world), path)?),
        None => None,
    };
    #[cfg(feature = "discv5")]
    let discv5 = match settings {
        Some(settings) => open_v5(config, settings, enode, addrs).await?,
        None => None,
    };
    #[cfg(feature = "dns")]
    let lists = match settings {
        Some(settings) if !settings.lists.is_empty() => Some(p2p_discovery::dns::Lists::start(
            settings.reading,
            &settings.servers,
            settings.lists.iter().cloned(),
        )?),
        _ => None,
    };
    Ok(Prepared {
        discovery: Discovery {
            discv4,
            listen_addr: ListenAddr::new(enode, addrs.first().copied()),
            #[cfg(feature = "store")]
            store,
        },
        boot: config.settings.nodes.boot.clone(),
        statics: config.settings.nodes.statics.clone(),
        #[cfg(feature = "discv5")]
        discv5,
        #[cfg(feature = "dns")]
        lists,
        network: settings.and_then(|settings| settings.config.network),
        #[cfg(feature = "store")]
        discovers: settings.is_some(),
    })
}

impl Prepared {
    /// Starts the tasks.
    pub(crate) fn start(self, context: &Arc<Context>) {
        let Self { discovery, boot, statics, .. } = self;
        #[cfg(feature = "dns")]
        if let Some(lists) = self.lists {
            candidates::add(context, listed(lists, self.network, discovery.discv4.clone()));
        }
        #[cfg(feature = "discv5")]
        if let Some(discv5) = self.discv5 {
            let enodes = discv5.candidates().filter_map(async |record| record.enode());
            candidates::add(context, enodes);
        }
        #[cfg(feature = "store")]
        if let Some(store) = &discovery.store {
            if self.discovers {
                candidates::add(context, store::seeds(store.clone(), discovery.discv4.clone()));
            }
            let keep = store::keep(discovery.discv4.clone(), store.clone());
            context.lifecycle.spawn_until_stop(keep);
        }
        for enode in statics {
            add_clock_witness(context, enode);
        }
        if let Some(discv4) = discovery.discv4 {
            let (members, network) = (Arc::clone(context), self.network);
            let found = discv4.candidates().map(move |node| {
                let record = network.zip(node.record.as_ref());
                if record.is_some_and(|(network, record)| network.is_of(record)) {
                    members.state().peering.add_member(node.endpoint.ip, now());
                }
                node.enode()
            });
            candidates::add(context, found);
            let boot = boot.into_iter().filter(|enode| enode.udp != 0).collect();
            context.lifecycle.spawn_until_stop(ping_boot_nodes(discv4, boot));
        }
    }
}

fn open(
    config: &Config,
    settings: &DiscoverySettings,
    enode: &Enode,
    addrs: &[SocketAddr],
) -> Result<Discv4, StartError> {
    let bound = addrs.first().copied();
    let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
    let addr = settings.addr.or(bound).unwrap_or(unspecified);
    let bind = |addr| config.world.bind(addr).map_err(|source| Discv4Error::Bind { addr, source });
    // If any TCP port would do, so does any UDP port.
    let any_port = settings.addr.is_none()
        && config.settings.listen.first().is_some_and(|at| at.ends_with(":0"));
    let socket = match bind(addr) {
        Err(_) if any_port => bind(SocketAddr::new(addr.ip(), 0))?,
        opened => opened?,
    };
    let record = first_record(config, enode, bound)?;
    let follow = settings.config.follow_peers && config.settings.nat.external_ip().is_none();
    let own_networks = config.settings.own_networks.clone();
    let discv4_config = settings.config.clone().follow_peers(follow).own_networks(own_networks);
    let world = Arc::clone(&config.world);
    Ok(Discv4::start_in(world, socket, discv4_config, config.key.clone(), &record)?)
}

/// Starts discv5 if it is configured.
#[cfg(feature = "discv5")]
async fn open_v5(
    config: &Config,
    settings: &DiscoverySettings,
    enode: &Enode,
    addrs: &[SocketAddr],
) -> Result<Option<p2p_discovery::Discv5>, StartError> {
    let Some(addr) = settings.v5 else { return Ok(None) };
    let record = first_record(config, enode, addrs.first().copied())?;
    let network = settings.config.network;
    let discv5 = p2p_discovery::Discv5::start(network, &config.key, &record, addr).await?;
    for record in &settings.v5_boot {
        discv5.add_boot_node(record)?;
    }
    tracing::info!(addr = %discv5.local_addr(), record = %discv5.record()?, "discv5 started");
    Ok(Some(discv5))
}

/// The record at the start. A guessed address is left out: other nodes see the right one.
fn first_record(
    config: &Config,
    enode: &Enode,
    bound: Option<SocketAddr>,
) -> Result<Record, Discv4Error> {
    let known = config.settings.nat.external_ip().is_some()
        || bound.is_some_and(|at| !at.ip().is_unspecified());
    let mut address = Content::of(enode).without("udp");
    if !known {
        address = address.without("ip").without("ip6");
    }
    let full = address.clone().set("cap", &capabilities(&config.protocols));
    let sequence = first_sequence(config.world.unix_time());
    // An address and a port always fit.
    Record::sign(&config.key, sequence, &full)
        .or_else(|_| Record::sign(&config.key, sequence, &address))
        .map_err(Discv4Error::Record)
}

/// Makes a static node a witness of the time, if discv4 runs and the node has a port for it. If its name does not resolve,
/// it is no witness. Nor is it if dials do not use TCP directly: over UDP it would see the address of this node.
pub(crate) fn add_clock_witness(context: &Context, enode: Enode) {
    let is_direct = context.proxy().is_none() && context.node_dialer().is_none();
    let discv4 = context.discovery.discv4.clone().filter(|_| is_direct && enode.udp != 0);
    let Some(discv4) = discv4 else { return };
    context.lifecycle.spawn_until_stop(async move {
        if let Err(error) = discv4.add_clock_witness(&enode).await {
            tracing::debug!(%enode, error = %causes(&error), "the static node is no witness of the time");
        }
    });
}

/// Adds the boot nodes. Those whose names do not resolve are tried again until they do.
async fn ping_boot_nodes(discv4: Discv4, mut boot: Vec<Enode>) {
    for attempt in 0_usize.. {
        let mut failed = Vec::new();
        for enode in boot {
            if let Err(error) = discv4.add_boot_node(&enode).await {
                let error = causes(&error);
                if attempt.is_multiple_of(ATTEMPTS_PER_REPORT) {
                    tracing::warn!(%enode, %error, "cannot add a boot node, will retry");
                } else {
                    tracing::debug!(%enode, %error, "cannot add a boot node, will retry");
                }
                failed.push(enode);
            }
        }
        if failed.is_empty() {
            return;
        }
        boot = failed;
        time::sleep(BOOT_NODE_RETRY).await;
    }
}

/// The nodes of the lists that belong to this network. They are added to discv4 too.
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
                // If there is no room now, the node comes again.
                let _ = discv4.add_seeds([node]).await;
            }
            Some(enode)
        }
    })
}
