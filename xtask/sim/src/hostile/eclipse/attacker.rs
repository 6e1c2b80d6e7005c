//! A host that tries to fill the tables of all nodes with its own ids.

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use p2p_server::{
    identity::{NodeId, SecretKey},
    p2p_discovery::v4::{Datagram, Endpoint, FindNode, Neighbour, Neighbours, Packet, Ping, Pong},
};
use p2p_sim::{Host, Network, Nodes};
use p2p_world::{Datagrams, World, rng};
use tokio::{
    io::ReadBuf,
    time::{Instant, timeout_at},
};

/// Number of its ids. Each has a port of its own, beginning with this one.
const IDS: u16 = 64;
const FIRST_PORT: u16 = 2000;

/// How often each id pings every node.
const PING_EVERY: Duration = Duration::from_secs(30);

/// Seconds until a packet expires.
const EXPIRY: u64 = 20;

/// Largest datagram of discv4.
const MAX_DATAGRAM: usize = 1280;

/// Number of neighbours in an answer.
const NEIGHBOURS: u64 = 12;

/// Adds the host.
pub(super) fn add(network: &mut Network, nodes: &Nodes) {
    let targets = (0..nodes.hosts().len()).filter_map(|node| nodes.enode(node).socket_addr());
    let targets: Arc<[SocketAddr]> = targets.collect();
    network.host(move |host| run(host, Arc::clone(&targets)));
}

async fn run(host: Host, targets: Arc<[SocketAddr]>) {
    let keys: Vec<SecretKey> = (0..IDS).map(|_| SecretKey::random(&mut rng())).collect();
    let ids: Arc<[(NodeId, SocketAddr)]> = (FIRST_PORT..)
        .zip(&keys)
        .map(|(port, key)| (key.id(), (host.id().ip(), port).into()))
        .collect();
    for (number, key) in keys.into_iter().enumerate() {
        let world = host.world();
        // It is the only program of its host.
        let Ok(socket) = world.bind(ids[number].1) else { return };
        let (ids, targets) = (Arc::clone(&ids), Arc::clone(&targets));
        let id = Id { number, key, ids, socket, world: Arc::clone(&world) };
        world.spawn(Box::pin(async move { id.run(&targets).await }));
    }
}

/// One of its ids.
struct Id {
    number: usize,
    key: SecretKey,
    /// All ids with their addresses.
    ids: Arc<[(NodeId, SocketAddr)]>,
    socket: Arc<dyn Datagrams>,
    world: Arc<dyn World>,
}

impl Id {
    async fn run(&self, targets: &[SocketAddr]) {
        loop {
            for target in targets {
                let from = Endpoint::new(self.ids[self.number].1, FIRST_PORT);
                let (to, expiration) = (Endpoint::new(*target, 0), self.expiration());
                self.send(*target, &Packet::Ping(Ping { from, to, expiration, enr_seq: None }))
                    .await;
            }
            let next = Instant::now() + PING_EVERY;
            let mut bytes = [0; MAX_DATAGRAM];
            while let Ok(received) = timeout_at(next, self.receive(&mut bytes)).await {
                if let Some((length, from)) = received {
                    self.answer(&bytes[..length], from).await;
                }
            }
        }
    }

    async fn answer(&self, bytes: &[u8], from: SocketAddr) {
        let Ok(datagram) = Datagram::parse(bytes) else { return };
        let expiration = self.expiration();
        match datagram.packet() {
            Ok(Packet::Ping(_)) => {
                let (to, ping) = (Endpoint::new(from, 0), *datagram.hash());
                let pong = Pong { to, ping, expiration, enr_seq: None };
                self.send(from, &Packet::Pong(pong)).await;
                let target = self.ids[self.number].0;
                self.send(from, &Packet::FindNode(FindNode { target, expiration })).await;
            }
            Ok(Packet::FindNode(_)) => {
                let nodes = (0..NEIGHBOURS).map(|_| {
                    let draw = rng().number() % self.ids.len() as u64;
                    let (id, addr) = self.ids[usize::try_from(draw).unwrap_or_default()];
                    Neighbour { id, endpoint: Endpoint::new(addr, FIRST_PORT) }
                });
                let packet = Neighbours { nodes: nodes.collect(), expiration };
                self.send(from, &Packet::Neighbours(packet)).await;
            }
            _ => {}
        }
    }

    async fn send(&self, to: SocketAddr, packet: &Packet) {
        if let Ok(sealed) = packet.seal(&self.key) {
            // A datagram that is not sent is lost.
            let _ = poll_fn(|cx| self.socket.poll_send(cx, &sealed.bytes, to)).await;
        }
    }

    async fn receive(&self, bytes: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let mut buffer = ReadBuf::new(bytes);
        let from = poll_fn(|cx| self.socket.poll_receive(cx, &mut buffer)).await.ok()?;
        Some((buffer.filled().len(), from))
    }

    fn expiration(&self) -> u64 {
        let now = self.world.unix_time().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_secs() + EXPIRY
    }
}
