//! An eclipse attack: one owner with ten thousand ids tries to fill the table of a node.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use p2p_discovery::{
    DropReason, log_distance,
    v4::{Datagram, Endpoint, FindNode, Neighbour, Neighbours, Packet, Ping, Pong},
};
use p2p_identity::{NodeId, SecretKey};
use rand::{SeedableRng as _, rngs::StdRng};

use super::network::{Network, Plan, has_found};

const IDS: usize = 10_000;
const ADDRESSES: usize = 8;

/// An attacker with many ids, all of which follow the protocol.
struct Attacker {
    keys: Vec<SecretKey>,
    ids: Vec<NodeId>,
    /// The number of subnets of the addresses.
    subnets: usize,
}

impl Attacker {
    fn new(subnets: usize) -> Self {
        let mut random = StdRng::seed_from_u64(9);
        let keys: Vec<SecretKey> = (0..IDS).map(|_| SecretKey::random(&mut random)).collect();
        Self { ids: keys.iter().map(SecretKey::id).collect(), keys, subnets }
    }

    fn ip(&self, number: usize) -> IpAddr {
        let number = u32::try_from(number % ADDRESSES).unwrap();
        let (subnet, host) = (number % u32::try_from(self.subnets).unwrap(), number);
        Ipv4Addr::from_bits(0x6200_0001 + (subnet << 8) + host).into()
    }

    /// Each id has its own port.
    fn address(&self, number: usize) -> SocketAddr {
        SocketAddr::new(self.ip(number), u16::try_from(2000 + number).unwrap())
    }

    fn is_at(&self, ip: IpAddr) -> bool {
        (0..ADDRESSES).any(|number| self.ip(number) == ip)
    }

    /// Pings the victim with one of the ids.
    fn ping(&self, network: &mut Network, victim: usize, number: usize) {
        let from = Endpoint::new(self.address(number), 30303);
        let to = Endpoint::new(network.address(victim), 30303);
        let expiration = network.unix() + 20;
        self.send(
            network,
            victim,
            number,
            &Packet::Ping(Ping { from, to, expiration, enr_seq: None }),
        );
    }

    fn send(&self, network: &mut Network, victim: usize, number: usize, packet: &Packet) {
        let bytes = packet.seal(&self.keys[number]).unwrap().bytes;
        network.deliver(victim, self.address(number), &bytes);
    }

    /// Answers the requests of the victim, and asks it for neighbours.
    fn answer(&self, network: &mut Network, victim: usize) {
        for (to, from, bytes) in std::mem::take(&mut network.strays) {
            let number = usize::from(to.port()) - 2000;
            let expiration = network.unix() + 20;
            let datagram = Datagram::parse(&bytes).unwrap();
            match datagram.packet().unwrap() {
                Packet::Ping(_) => {
                    let to = Endpoint::new(from, 0);
                    let ping = *datagram.hash();
                    let pong = Pong { to, ping, expiration, enr_seq: None };
                    self.send(network, victim, number, &Packet::Pong(pong));
                    let target = self.ids[number];
                    self.send(
                        network,
                        victim,
                        number,
                        &Packet::FindNode(FindNode { target, expiration }),
                    );
                }
                Packet::FindNode(_) => {
                    let others = (0..12).map(|other| (number * 31 + other * 977) % IDS);
                    let nodes = others.map(|other| Neighbour {
                        id: self.ids[other],
                        endpoint: Endpoint::new(self.address(other), 30303),
                    });
                    let packet = Neighbours { nodes: nodes.collect(), expiration };
                    self.send(network, victim, number, &Packet::Neighbours(packet));
                }
                _ => {}
            }
        }
    }
}

/// The number of hostile nodes in the table of the victim. Asserts the limits per bucket and subnet.
fn hostile(network: &Network, victim: usize, attacker: &Attacker) -> usize {
    let machine = network.machine(victim);
    let (mut buckets, mut subnets) = (HashMap::new(), HashMap::new());
    for node in machine.nodes().filter(|node| attacker.is_at(node.endpoint.ip)) {
        let IpAddr::V4(ip) = node.endpoint.ip else { unreachable!("all addresses are IPv4") };
        let bucket = log_distance(&machine.id().hash(), &node.id.hash()).max(239);
        *buckets.entry((bucket, ip.octets()[2])).or_insert(0) += 1;
        *subnets.entry(ip.octets()[2]).or_insert(0) += 1;
    }
    assert!(buckets.values().all(|count| *count <= 2), "{buckets:?}");
    assert!(subnets.values().all(|count| *count <= 10), "{subnets:?}");
    subnets.values().sum()
}

/// Attacks a node among 60 honest ones, from addresses in this number of subnets.
fn attack(subnets: usize) {
    let (attacker, victim) = (Attacker::new(subnets), 7);
    let mut network = Network::new(Plan { nodes: 60, churn: 0.0, ..super::PLAN });
    network.run(Duration::from_secs(60));
    network.strays.clear();
    let before = network.machine(victim).nodes().count();
    let mut next = 0;
    let mut most = 0;
    // The rate limiter admits three requests per tick from each address.
    while next < IDS {
        for _ in 0..3 * ADDRESSES {
            attacker.ping(&mut network, victim, next % IDS);
            next += 1;
        }
        network.run(Duration::from_millis(100));
        attacker.answer(&mut network, victim);
        most = most.max(hostile(&network, victim, &attacker));
    }
    let drops = &network.stats(victim).drops;
    assert!(drops.of(DropReason::Diversity) > 1000, "the attacker tried: {drops:?}");
    assert!((1..=10 * subnets).contains(&most), "{most}");
    let honest =
        network.machine(victim).nodes().filter(|node| !attacker.is_at(node.endpoint.ip)).count();
    assert!(honest + 4 >= before, "{honest} of {before} honest nodes are left");

    let sought: Vec<usize> = network.alive().into_iter().filter(|index| *index != victim).collect();
    let mut lookups = Vec::new();
    for index in sought.into_iter().take(20) {
        lookups.push(network.begin_lookup(victim, index));
        for _ in 0..30 {
            network.run(Duration::from_millis(100));
            attacker.answer(&mut network, victim);
        }
    }
    network.run(Duration::from_secs(20));
    for lookup in lookups {
        let (target, outcome) = network.finish_lookup(lookup);
        assert!(has_found(&outcome, &target), "{outcome:?}");
    }
}

#[test]
fn ids_in_one_subnet_get_at_most_ten_entries() {
    attack(1);
}

#[test]
fn ids_in_eight_subnets_get_at_most_ten_entries_each() {
    attack(8);
}
