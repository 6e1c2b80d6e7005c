//! A flood of junk datagrams to one node of a network.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests and benchmarks each use a part of it, and fail by panicking"
)]

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use p2p_discovery::v4::{Endpoint, EnrRequest, FindNode, MAX_DATAGRAM, Packet, Ping, Pong};
use p2p_identity::{NodeId, SecretKey};
use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::StdRng};

use super::network::{Network, UNIX};

/// The effects of a flood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    /// The share of one core that the machine used, for junk and honest packets.
    pub(crate) core_share: f64,
    /// The share of the lookups during the flood that found their target.
    pub(crate) found_share: f64,
    /// Signatures checked per second.
    pub(crate) recoveries_per_second: f64,
    /// Bytes sent by the node per byte of junk.
    pub(crate) amplification: f64,
}

/// Sends `rate` junk datagrams per second to the node `victim` for `seconds`. Each second the victim
/// begins a lookup of another node.
pub(crate) fn flood(network: &mut Network, victim: usize, rate: usize, seconds: u32) -> Flood {
    let junk = Junk::new();
    let mut random = StdRng::seed_from_u64(7);
    let alive: Vec<usize> = network.alive().into_iter().filter(|index| *index != victim).collect();
    let (before, spent_before) = (network.stats(victim), network.spent(victim));
    let (mut junk_bytes, mut lookups) = (0, Vec::new());
    for second in 0..seconds {
        let sought = alive[second as usize % alive.len()];
        lookups.push(network.begin_lookup(victim, sought));
        for _ in 0..100 {
            for _ in 0..rate / 100 {
                let (from, bytes) = junk.draw(&mut random);
                junk_bytes += bytes.len();
                network.deliver(victim, from, bytes);
            }
            network.run(Duration::from_millis(10));
            network.strays.clear();
        }
    }
    let (after, spent) = (network.stats(victim), network.spent(victim) - spent_before);
    network.run(Duration::from_secs(20));
    let outcomes: Vec<_> =
        lookups.into_iter().map(|lookup| network.finish_lookup(lookup)).collect();
    let found = outcomes.iter().filter(|(id, outcome)| super::network::has_found(outcome, id));
    let share =
        |part: usize, of: u32| f64::from(u32::try_from(part).unwrap_or(u32::MAX)) / f64::from(of);
    let recoveries = usize::try_from(after.recoveries - before.recoveries).unwrap_or(usize::MAX);
    let bytes_out = usize::try_from(after.bytes_out - before.bytes_out).unwrap_or(usize::MAX);
    Flood {
        core_share: spent.as_secs_f64() / f64::from(seconds),
        found_share: share(found.count(), seconds),
        recoveries_per_second: share(recoveries, seconds),
        amplification: share(bytes_out, u32::try_from(junk_bytes).unwrap_or(u32::MAX)),
    }
}

/// Junk datagrams of several kinds, made in advance.
struct Junk(Vec<Vec<u8>>);

impl Junk {
    fn new() -> Self {
        let mut random = StdRng::seed_from_u64(8);
        Self((0..1000).map(|number| Self::make(number, &mut random)).collect())
    }

    fn make(number: u64, random: &mut StdRng) -> Vec<u8> {
        let endpoint = Endpoint { ip: [9, 9, 9, 9].into(), udp: 30303, tcp: 0 };
        let expiration = UNIX + 100_000;
        let mut hash = [0; 32];
        random.fill_bytes(&mut hash);
        let packet = match number % 5 {
            // Of maximum length and a known kind.
            0 => {
                let mut bytes = vec![0; MAX_DATAGRAM];
                random.fill_bytes(&mut bytes);
                bytes[97] = 1 + random.random_range(0..6);
                return bytes;
            }
            1 => Packet::Pong(Pong { to: endpoint, ping: hash, expiration, enr_seq: None }),
            2 => Packet::FindNode(FindNode { target: NodeId([7; 64]), expiration }),
            3 => Packet::EnrRequest(EnrRequest { expiration }),
            // The most costly kind: valid pings, each by another node.
            _ => Packet::Ping(Ping {
                from: endpoint,
                to: endpoint,
                expiration: expiration + number,
                enr_seq: None,
            }),
        };
        packet.seal(&SecretKey::random(random)).expect("a short packet").bytes.to_vec()
    }

    /// A random datagram: half of them from forged addresses, the others from one of eight.
    fn draw(&self, random: &mut StdRng) -> (SocketAddr, &[u8]) {
        let ip = if random.random() {
            random.random_range(0x4000_0000..0x6000_0000)
        } else {
            0x6100_0000 + random.random_range(0..8)
        };
        let from = SocketAddr::from((Ipv4Addr::from_bits(ip), 30303));
        (from, &self.0[random.random_range(0..self.0.len())])
    }
}
