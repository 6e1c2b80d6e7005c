//! Nodes: hosts that run a server with sub-protocols.

use std::{
    cell::RefCell,
    fmt,
    net::IpAddr,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use p2p_mux::{
    Protocol,
    identity::{self, Enode, NodeId, SecretKey},
};
use p2p_server::{Config, Event, Server};
use p2p_world::World;
use rand::{SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    host_id::HostId,
    network::{Host, Network},
};

/// The port of every node.
const PORT: u16 = 30_303;

/// A node that is being configured. [`Nodes::new`] gets one for each start of each node.
#[derive(Debug)]
pub struct Node {
    index: usize,
    config: Config,
}

impl Node {
    /// The number of the node, from 0 on.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// What the node gets from its host.
    #[must_use]
    pub fn world(&self) -> Arc<dyn World> {
        Arc::clone(&self.config.world)
    }

    /// Adds a sub-protocol.
    #[must_use]
    pub fn protocol(self, protocol: Protocol) -> Self {
        self.config(|config| config.protocol(protocol))
    }

    /// Changes anything else of the configuration.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(Config) -> Config) -> Self {
        self.config = change(self.config);
        self
    }
}

/// Nodes in a network, with their servers. Clones share them.
#[derive(Clone)]
pub struct Nodes {
    hosts: Rc<[HostId]>,
    enodes: Rc<[Enode]>,
    servers: Servers,
    dials: Rc<RefCell<Vec<Vec<usize>>>>,
}

type Servers = Arc<Mutex<Vec<Option<Server>>>>;

impl Nodes {
    /// Adds this many nodes to the network, each connected with `degree` others or a few less. `configure` is called at each
    /// start of each node.
    ///
    /// The nodes form rings in random order, so that all are connected. Each listens, and dials its neighbours as static nodes, by
    /// the names of their hosts; discovery is off.
    pub fn new(
        network: &mut Network,
        count: usize,
        degree: usize,
        configure: impl Fn(Node) -> Node + 'static,
    ) -> Self {
        let keys: Vec<SecretKey> = (0..count).map(|index| key(network.seed(), index)).collect();
        let dials = Rc::new(RefCell::new(rings(network.seed(), count, degree)));
        let servers: Servers = Arc::new(Mutex::new(vec![None; count]));
        let configure = Rc::new(configure);
        let first = network.hosts().count();
        let named: Rc<[Enode]> = (first..).zip(&keys).map(|(host, key)| named(host, key)).collect();
        let hosts = (0..count).map(|index| {
            let (key, named, configure) =
                (keys[index].clone(), Rc::clone(&named), Rc::clone(&configure));
            let (servers, dials) = (Arc::clone(&servers), Rc::clone(&dials));
            network.host(move |host| {
                let config = Config::new(key.clone()).name("p2p-sim").world(host.world());
                let config = config.listen(format!("{}:{PORT}", host.ip()));
                let peers = &dials.borrow()[index];
                let config = peers
                    .iter()
                    .fold(config, |config, peer| config.static_node(named[*peer].clone()));
                let Node { config, .. } = configure(Node { index, config });
                run(host, config, index, Arc::clone(&servers))
            })
        });
        let hosts: Rc<[HostId]> = hosts.collect();
        let addressed = hosts.iter().zip(&keys);
        let enodes = addressed.map(|(host, key)| enode(network.ip(*host), key)).collect();
        Self { hosts, enodes, servers, dials }
    }

    /// The hosts of the nodes.
    #[must_use]
    pub fn hosts(&self) -> &[HostId] {
        &self.hosts
    }

    /// The id of a node.
    #[must_use]
    pub fn id(&self, index: usize) -> NodeId {
        self.enodes[index].id
    }

    /// The URL of a node, with the address on which it listens until it [moves](crate::Fault::Move).
    #[must_use]
    pub fn enode(&self, index: usize) -> Enode {
        self.enodes[index].clone()
    }

    /// The server of a node; `None` while its host is off, and before it has started.
    #[must_use]
    pub fn server(&self, index: usize) -> Option<Server> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)[index].clone()
    }

    /// Makes a node dial exactly these others, from its next start on.
    pub fn set_dials(&self, index: usize, peers: Vec<usize>) {
        self.dials.borrow_mut()[index] = peers;
    }

    /// The others that a node dials.
    #[must_use]
    pub fn dials(&self, index: usize) -> Vec<usize> {
        self.dials.borrow()[index].clone()
    }

    /// Whether every node that is up is connected with all that it dials.
    #[must_use]
    pub fn are_connected(&self) -> bool {
        (0..self.hosts.len()).all(|index| {
            let wanted = self.dials(index);
            let is_peer = |server: &Server, peer: &usize| server.peer(&self.id(*peer)).is_some();
            self.server(index)
                .is_some_and(|server| wanted.iter().all(|peer| is_peer(&server, peer)))
        })
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nodes").field("hosts", &self.hosts.len()).finish_non_exhaustive()
    }
}

/// Removes the server when its host stops.
struct Running {
    servers: Servers,
    index: usize,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = servers[self.index].take();
        drop(servers);
        drop(removed);
    }
}

async fn run(host: Host, config: Config, index: usize, servers: Servers) {
    let server = match Server::start(config).await {
        Ok(server) => server,
        Err(error) => return host.note(&format!("cannot start: {error}")),
    };
    let mut events = server.events();
    let _running = Running { servers: Arc::clone(&servers), index };
    servers.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(server);
    while let Some(event) = events.next().await {
        host.note(&line(&event));
    }
}

/// What the trace says about an event of a server.
fn line(event: &Event) -> String {
    match event {
        Event::Added { id, .. } => format!("peer-added {id}"),
        Event::Dropped { id, closed } => format!("peer-dropped {id} {closed}"),
        Event::DialFailed { id, error, .. } => format!("dial-failed {id} {error}"),
        Event::Refused { id, reason, .. } => format!("peer-refused {id} {reason}"),
        other => format!("{other:?}"),
    }
}

fn key(seed: u64, index: usize) -> SecretKey {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(1 + index as u64);
    SecretKey::random(&mut rng)
}

fn enode(ip: IpAddr, key: &SecretKey) -> Enode {
    Enode { udp: 0, ..Enode::new(key.id(), (ip, PORT).into()) }
}

/// The node at the name of its host.
fn named(host: usize, key: &SecretKey) -> Enode {
    let host = HostId(u32::try_from(host).unwrap_or(u32::MAX));
    Enode { host: identity::Host::Name(host.name()), ..enode(host.ip(), key) }
}

/// Whom each node dials: the next one in some rings, each of which has all nodes in random order.
fn rings(seed: u64, count: usize, degree: usize) -> Vec<Vec<usize>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut dials: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut ring: Vec<usize> = (0..count).collect();
    for _ in 0..degree.div_ceil(2) {
        ring.shuffle(&mut rng);
        let next = ring.iter().cycle().skip(1);
        for (from, to) in ring.iter().zip(next) {
            let known = from == to || dials[*from].contains(to) || dials[*to].contains(from);
            if !known {
                dials[*from].push(*to);
            }
        }
    }
    dials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_connect_all_nodes() {
        for (count, degree) in [(1, 4), (2, 4), (7, 3), (100, 8)] {
            let dials = rings(5, count, degree);
            let mut reached = vec![false; count];
            let mut next = vec![0];
            while let Some(node) = next.pop() {
                if std::mem::replace(&mut reached[node], true) {
                    continue;
                }
                next.extend(&dials[node]);
                next.extend((0..count).filter(|other| dials[*other].contains(&node)));
            }
            assert!(reached.iter().all(|reached| *reached), "{count}");
            assert!(dials.iter().all(|peers| peers.len() <= degree.div_ceil(2)));
        }
    }
}
