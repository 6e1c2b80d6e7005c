//! An owner with many ids who tries to fill the tables of other nodes.

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use p2p_discovery::v4::{
    Datagram, Endpoint, FindNode, MAX_DATAGRAM, MAX_PER_PACKET, Neighbour, Neighbours, Packet,
    Ping, Pong,
};
use p2p_mux::identity::{NodeId, SecretKey};
use p2p_world::{Datagrams, World, rng};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tokio::{
    io::ReadBuf,
    time::{Instant, timeout_at},
};

use crate::{
    host_id::HostId,
    network::{Host, Network},
};

/// The port of the first id of a host. The others follow.
const FIRST_PORT: u16 = 2000;

/// Seconds until a packet expires.
const EXPIRY: u64 = 20;

/// An attack on nodes that find each other with discv4. One owner has many ids, all of which follow the protocol, and name
/// only each other as neighbours.
///
/// Each host pings all attacked nodes with one id after the other, and begins again with the first one.
#[derive(Debug, Clone)]
pub struct Eclipse {
    targets: Vec<SocketAddr>,
    hosts: u16,
    ids: u16,
    pause: Duration,
}

impl Eclipse {
    /// An attack on the nodes at these addresses by one host with 64 ids, which pings with the next one each half second.
    #[must_use]
    pub const fn new(targets: Vec<SocketAddr>) -> Self {
        Self { targets, hosts: 1, ids: 64, pause: Duration::from_millis(500) }
    }

    /// Sets the number of hosts. Each has an address of its own.
    #[must_use]
    pub const fn hosts(mut self, hosts: u16) -> Self {
        self.hosts = hosts;
        self
    }

    /// Sets the number of ids of each host, at most 63 536. Each has a port of its own.
    #[must_use]
    pub const fn ids(mut self, ids: u16) -> Self {
        self.ids = ids;
        self
    }

    /// Sets the time between the pings of two ids of a host.
    #[must_use]
    pub const fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Adds the hosts. They begin when time passes next.
    pub fn attack(self, network: &mut Network) -> Vec<HostId> {
        let mut rng = ChaCha8Rng::seed_from_u64(network.seed());
        // Far from the streams of the nodes.
        rng.set_stream(u64::MAX - network.hosts().count() as u64);
        let mut ids = Vec::new();
        for host in 0..self.hosts {
            let ip = network.next_ip(host.into());
            for port in self.ports() {
                let key = SecretKey::random(&mut rng);
                ids.push(Id { id: key.id(), key, addr: (ip, port).into() });
            }
        }
        let (hosts, per_host) = (usize::from(self.hosts), self.ports().count());
        let owner = Arc::new(Owner { ids, targets: self.targets, pause: self.pause, per_host });
        let first_ids = (0..hosts).map(|host| host * per_host);
        let added = first_ids.map(|first| {
            let owner = Arc::clone(&owner);
            network.host(move |host| start(host, Arc::clone(&owner), first))
        });
        added.collect()
    }

    fn ports(&self) -> impl Iterator<Item = u16> + use<> {
        (FIRST_PORT..=u16::MAX).take(self.ids.into())
    }
}

/// What all hosts of the owner know.
#[derive(Debug)]
struct Owner {
    /// The ids of one host after those of another.
    ids: Vec<Id>,
    per_host: usize,
    targets: Vec<SocketAddr>,
    pause: Duration,
}

#[derive(Debug)]
struct Id {
    id: NodeId,
    key: SecretKey,
    addr: SocketAddr,
}

/// Starts the ids of a host: this one, and those after it.
async fn start(host: Host, owner: Arc<Owner>, first: usize) {
    let begin = Instant::now();
    for turn in 0..owner.per_host {
        let world = host.world();
        let Ok(socket) = world.bind(owner.ids[first + turn].addr) else {
            return host.note("an id has no socket: the host has moved");
        };
        let (owner, number) = (Arc::clone(&owner), first + turn);
        let begin = begin + owner.pause * u32::try_from(turn).unwrap_or(u32::MAX);
        let speaker = Speaker { owner, number, socket, world: Arc::clone(&world) };
        world.spawn(Box::pin(speaker.run(begin)));
    }
}

/// The program of one id.
struct Speaker {
    owner: Arc<Owner>,
    number: usize,
    socket: Arc<dyn Datagrams>,
    world: Arc<dyn World>,
}

impl Speaker {
    async fn run(self, begin: Instant) {
        let every = self.owner.pause * u32::try_from(self.owner.per_host).unwrap_or(u32::MAX);
        let mut next = begin;
        loop {
            let mut bytes = [0; MAX_DATAGRAM];
            while let Ok(received) = timeout_at(next, self.receive(&mut bytes)).await {
                if let Some((length, from)) = received {
                    self.answer(&bytes[..length], from).await;
                }
            }
            next += every;
            for target in &self.owner.targets {
                let (from, to) = (self.endpoint(self.number), Endpoint::new(*target, 0));
                let expiration = self.expiration();
                let ping = Ping { from, to, expiration, enr_seq: None };
                self.send(*target, &Packet::Ping(ping)).await;
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
                let target = self.owner.ids[self.number].id;
                self.send(from, &Packet::FindNode(FindNode { target, expiration })).await;
            }
            Ok(Packet::FindNode(_)) => {
                let nodes = (0..MAX_PER_PACKET).map(|_| {
                    let draw = rng().number() % self.owner.ids.len() as u64;
                    let other = usize::try_from(draw).unwrap_or_default();
                    Neighbour { id: self.owner.ids[other].id, endpoint: self.endpoint(other) }
                });
                let packet = Neighbours { nodes: nodes.collect(), expiration };
                self.send(from, &Packet::Neighbours(packet)).await;
            }
            _ => {}
        }
    }

    async fn send(&self, to: SocketAddr, packet: &Packet) {
        if let Ok(sealed) = packet.seal(&self.owner.ids[self.number].key) {
            // A datagram that is not sent is lost.
            let _ = poll_fn(|cx| self.socket.poll_send(cx, &sealed.bytes, to)).await;
        }
    }

    async fn receive(&self, bytes: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let mut buffer = ReadBuf::new(bytes);
        let from = poll_fn(|cx| self.socket.poll_receive(cx, &mut buffer)).await.ok()?;
        Some((buffer.filled().len(), from))
    }

    /// The endpoint of an id, which says that it accepts connections.
    fn endpoint(&self, number: usize) -> Endpoint {
        let addr = self.owner.ids[number].addr;
        Endpoint::new(addr, addr.port())
    }

    fn expiration(&self) -> u64 {
        let now = self.world.unix_time().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_secs() + EXPIRY
    }
}
