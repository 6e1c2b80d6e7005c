//! Junk datagrams for a node that finds others with discv4.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, UNIX_EPOCH},
};

use p2p_discovery::v4::{Endpoint, EnrRequest, FindNode, MAX_DATAGRAM, Packet, Ping, Pong};
use p2p_mux::identity::{NodeId, SecretKey};
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::time::{Instant, sleep};

use crate::{host_id::HostId, network::Network};

/// Number of different datagrams.
const DATAGRAMS: u64 = 1000;

/// Seconds until the first packet of them expires: longer than a simulation.
const EXPIRY: u64 = 100_000;

/// Where a packet says that its sender is. Nodes do not use it.
const NOWHERE: Endpoint =
    Endpoint { ip: std::net::IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9)), udp: 30_303, tcp: 0 };

/// How often a flood continues.
const TICK: Duration = Duration::from_millis(1);

/// Junk datagrams for a node that finds others with discv4, made in advance, so that a flood costs its sender little.
///
/// A fifth each is random bytes of maximum length, answers without a question, requests for neighbours and for records, and
/// valid pings of many nodes, which cost the recipient most.
#[derive(Debug)]
pub struct Junk {
    datagrams: Vec<Vec<u8>>,
    rng: ChaCha8Rng,
}

impl Junk {
    /// Junk by this seed. `unix`: the time now, in seconds since 1970. Its packets expire a day later.
    #[must_use]
    pub fn new(seed: u64, unix: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let datagrams = (0..DATAGRAMS).map(|number| make(number, unix, &mut rng)).collect();
        Self { datagrams, rng }
    }

    /// A random datagram, with its source address: half of them come from anywhere, the others from eight addresses of one
    /// subnet.
    pub fn draw(&mut self) -> (SocketAddr, &[u8]) {
        let ip = if self.rng.random() {
            self.rng.random_range(0x4000_0000..0x6000_0000)
        } else {
            0x6100_0000 + self.rng.random_range(0..8)
        };
        let from = SocketAddr::from((Ipv4Addr::from_bits(ip), 30_303));
        (from, &self.datagrams[self.rng.random_range(0..self.datagrams.len())])
    }

    /// Adds a host that floods the node at this address, with this many datagrams per second. It begins when time passes next.
    pub fn flood(network: &mut Network, target: SocketAddr, per_second: u32) -> HostId {
        let seed = network.seed();
        network.host(move |host| async move {
            let now = host.world().unix_time().duration_since(UNIX_EPOCH).unwrap_or_default();
            let mut junk = Self::new(seed, now.as_secs());
            let (begin, mut sent) = (Instant::now(), 0);
            loop {
                let due = begin.elapsed().as_millis() * u128::from(per_second) / 1000;
                while sent < due {
                    let (from, bytes) = junk.draw();
                    host.send_forged(from, target, bytes);
                    sent += 1;
                }
                sleep(TICK).await;
            }
        })
    }
}

fn make(number: u64, unix: u64, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let expiration = unix + EXPIRY;
    let mut hash = [0; 32];
    rng.fill_bytes(&mut hash);
    let packet = match number % 5 {
        0 => return random_packet(rng),
        1 => Packet::Pong(Pong { to: NOWHERE, ping: hash, expiration, enr_seq: None }),
        2 => Packet::FindNode(FindNode { target: NodeId([7; 64]), expiration }),
        3 => Packet::EnrRequest(EnrRequest { expiration }),
        _ => Packet::Ping(Ping {
            from: NOWHERE,
            to: NOWHERE,
            expiration: expiration + number,
            enr_seq: None,
        }),
    };
    packet.seal(&SecretKey::random(rng)).expect("a short packet").bytes.to_vec()
}

/// Random bytes of maximum length whose kind is known.
fn random_packet(rng: &mut ChaCha8Rng) -> Vec<u8> {
    /// After the hash and the signature.
    const KIND: usize = 97;
    let mut bytes = vec![0; MAX_DATAGRAM];
    rng.fill_bytes(&mut bytes);
    bytes[KIND] = 1 + rng.random_range(0..6);
    bytes
}
