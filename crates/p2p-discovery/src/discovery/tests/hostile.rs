//! Hostile senders.

use p2p_identity::NodeId;

use super::*;
use crate::config::DatagramLimits;
use crate::v4::{Neighbour, Neighbours, PacketKind, Ping};

fn ping(from: u8, number: u64) -> Packet {
    let endpoint = Endpoint::new(address(from), 30303);
    Packet::Ping(Ping {
        from: endpoint,
        to: endpoint,
        expiration: UNIX + 100 + number,
        enr_seq: None,
    })
}

#[test]
fn a_forged_address_gets_a_pong_for_each_ping_and_three_pings() {
    let mut world = World::of([1], &Discv4Config::new());
    let mut bytes_in = 0;
    for number in 0..5 {
        bytes_in += ping(2, number).seal(&key(2)).unwrap().bytes.len();
        world.forge(2, 1, &ping(2, number));
    }
    world.seconds(60);
    let stats = world.node(1).stats();
    assert_eq!(stats.packets_out[PacketKind::Pong.index()], 5);
    assert_eq!(stats.packets_out[PacketKind::Ping.index()], 3);
    assert!(stats.bytes_out < 2 * bytes_in as u64, "{} for {bytes_in}", stats.bytes_out);
    assert!(!world.knows(1, 2));
}

#[test]
fn requests_from_one_address_are_limited() {
    let limits = DatagramLimits { per_second: 10, burst: 20, ..DatagramLimits::default() };
    let mut world = World::of([1], &Discv4Config::new().limits(limits));
    for number in 0..100 {
        world.forge(2, 1, &ping(2, number));
    }
    assert_eq!(world.drops(1, DropReason::AddressRate), 80);
    assert_eq!(world.node(1).stats().recoveries, 20);
}

#[test]
fn signature_checks_for_strangers_are_limited_and_others_are_not_affected() {
    let limits = DatagramLimits { strangers_per_tick: 5, ..DatagramLimits::default() };
    let mut world = World::of([1, 2], &Discv4Config::new().limits(limits));
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    world.seconds(1);
    for other in 3..=100 {
        world.forge(other, 1, &ping(other, 0));
    }
    assert_eq!(world.drops(1, DropReason::StrangerRate), 93);
    let pongs = world.node(1).stats().packets_out[PacketKind::Pong.index()];
    world.forge(2, 1, &ping(2, 0));
    assert_eq!(world.node(1).stats().packets_out[PacketKind::Pong.index()], pongs + 1);
    world.call(1, |one, now, unix| one.ping(now, unix, node(2))).unwrap();
    world.run(Duration::from_millis(10));
    assert!(world.events(1).contains(&Event::PingFinished(key(2).id(), Ok(Duration::ZERO))));
}

/// Valid pings from 400 keys and addresses come before those of four honest nodes, in each tick.
#[test]
fn a_flood_of_pings_leaves_unknown_nodes_their_share() {
    let mut world = World::of([1], &Discv4Config::new());
    let junk_key = |number: u16| {
        let mut bytes = [9; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        SecretKey::from_bytes(&bytes).unwrap()
    };
    let junk: Vec<(SocketAddr, Bytes)> = (0..400u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            let from = SocketAddr::from(([20, high, low, 1], 30303));
            (from, ping(2, 0).seal(&junk_key(number)).unwrap().bytes)
        })
        .collect();
    let mut answered = 0;
    for tick in 0..30 {
        world.run(Duration::from_millis(100));
        for (from, bytes) in &junk {
            world.call(1, |one, now, unix| one.handle_datagram(now, unix, *from, bytes));
        }
        for honest in 2..6 {
            world.forge(honest, 1, &ping(honest, tick));
        }
        // The pongs to the honest nodes, which are sent now or at the end of the tick.
        world.call(1, |one, now, unix| one.handle_timeout(now + Duration::from_millis(100), unix));
        answered += world.call(1, |one, _, _| {
            let sent = std::iter::from_fn(|| one.poll_transmit());
            let is_pong =
                |bytes: &Bytes| Datagram::parse(bytes).unwrap().kind() == PacketKind::Pong;
            sent.filter(|(to, bytes)| (2..6).any(|n| *to == address(n)) && is_pong(bytes)).count()
        });
    }
    // 100 of 404 are answered in each tick: 30 of 120.
    assert!((15..50).contains(&answered), "{answered}");
    assert!(world.node(1).stats().recoveries <= 31 * 100);
}

/// Datagrams with the address of a neighbour as their source do not use up its rate.
#[test]
fn forged_datagrams_do_not_mute_a_neighbour() {
    for has_right_hash in [false, true] {
        let mut world = World::of([1, 2], &Discv4Config::new());
        world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
        world.seconds(1);
        let mut answered = 0;
        for tick in 0..20 {
            for number in 0..40 {
                let forged = ping(3, 100 * tick + number).seal(&key(3)).unwrap().bytes;
                let mut forged = forged.to_vec();
                forged[0] ^= u8::from(!has_right_hash);
                world.call(1, |one, now, unix| one.handle_datagram(now, unix, address(2), &forged));
            }
            let before = world.node(1).stats().packets_in[PacketKind::Ping.index()];
            world.forge(2, 1, &ping(2, tick));
            answered += world.node(1).stats().packets_in[PacketKind::Ping.index()] - before;
            world.seconds(1);
        }
        assert_eq!(answered, 20, "the hash is right: {has_right_hash}");
    }
}

/// Junk with the address of an unknown node as its source does not use up its rate either.
#[test]
fn datagrams_with_a_wrong_hash_are_charged_to_no_address() {
    let mut world = World::of([1], &Discv4Config::new());
    for number in 0..1000 {
        let mut forged = ping(3, number).seal(&key(3)).unwrap().bytes.to_vec();
        forged[0] ^= 1;
        world.call(1, |one, now, unix| one.handle_datagram(now, unix, address(2), &forged));
    }
    world.forge(2, 1, &ping(2, 0));
    assert_eq!(
        (world.drops(1, DropReason::Hash), world.drops(1, DropReason::AddressRate)),
        (1000, 0)
    );
    assert_eq!(world.node(1).stats().packets_out[PacketKind::Pong.index()], 1);
}

#[test]
fn own_packets_are_dropped() {
    let mut world = World::of([1], &Discv4Config::new());
    let bytes = ping(2, 0).seal(&key(1)).unwrap().bytes;
    world.call(1, |one, now, unix| one.handle_datagram(now, unix, address(2), &bytes));
    assert_eq!(world.drops(1, DropReason::Own), 1);
    assert_eq!(world.call(1, |one, _, _| sent(one)), []);
    let own = world.call(1, |one, now, unix| one.add_seed(now, unix, node(1)));
    assert!(own.is_err());
}

#[test]
fn reports_of_local_addresses_and_system_ports_are_dropped() {
    let mut world = World::of([1, 2], &Discv4Config::new());
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    world.seconds(1);
    // Node 1 asks node 2. A forged answer of node 2 arrives instead of its own.
    world.deaf.push(address(2));
    world.call(1, |one, now, unix| one.lookup(now, unix, NodeId([9; 64]))).unwrap();
    world.deliver();
    let reported = |ip: [u8; 4], udp| Neighbour {
        id: NodeId([ip[3]; 64]),
        endpoint: Endpoint::new((ip, udp).into(), 80),
    };
    let nodes = vec![
        reported([10, 0, 0, 1], 30303),
        reported([127, 0, 0, 2], 30303),
        reported([5, 5, 5, 3], 53),
        reported([0, 0, 0, 4], 30303),
        reported([5, 5, 5, 5], 30303),
    ];
    let expiration = UNIX + 100;
    world.forge(2, 1, &Packet::Neighbours(Neighbours { nodes, expiration }));
    assert_eq!(world.drops(1, DropReason::Unverified), 4);
    // The remaining node is pinged once the answer counts as complete.
    let to: Vec<SocketAddr> = world.call(1, |one, now, unix| {
        one.handle_timeout(now + Duration::from_millis(200), unix);
        std::iter::from_fn(|| one.poll_transmit()).map(|(to, _)| to).collect()
    });
    assert_eq!(to, [SocketAddr::from(([5, 5, 5, 5], 30303))]);
}

#[test]
fn a_replayed_ping_moves_no_node() {
    let mut world = World::of([1, 2], &Discv4Config::new());
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    world.seconds(1);
    let replayed = ping(2, 0).seal(&key(2)).unwrap().bytes;
    world.call(1, |one, now, unix| one.handle_datagram(now, unix, address(66), &replayed));
    let to = world.call(1, |one, _, _| {
        std::iter::from_fn(|| one.poll_transmit()).map(|(to, _)| to).collect::<Vec<_>>()
    });
    assert_eq!(
        to,
        [address(66), address(2)],
        "a pong to the source, and a ping to the known address"
    );
    world.seconds(10);
    assert_eq!(world.node(1).node(&key(2).id()), Some(&node(2)));
}

#[test]
fn a_node_that_moved_is_found_at_its_new_address() {
    let mut world = World::of([1, 2], &Discv4Config::new());
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    world.seconds(1);
    let moved = world.nodes.remove(&address(2)).unwrap();
    world.nodes.insert(address(66), moved);
    for _ in 0..2 {
        let unix = UNIX + 60;
        let two = world.nodes.get_mut(&address(66)).unwrap();
        two.ping(world.now, unix, node(1)).unwrap();
        world.seconds(3);
    }
    let found = world.node(1).node(&key(2).id()).unwrap();
    assert_eq!(found.endpoint.udp_addr(), address(66));
}

#[test]
fn an_answer_in_many_packets_has_no_more_nodes_than_allowed() {
    let mut world = World::of([1, 2], &Discv4Config::new());
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    world.seconds(1);
    world.deaf.push(address(2));
    world.call(1, |one, now, unix| one.lookup(now, unix, NodeId([9; 64]))).unwrap();
    world.deliver();
    let packet = |number: u8| {
        let endpoint = Endpoint::new(address(number), 30303);
        let nodes = vec![Neighbour { id: key(number).id(), endpoint }; 12];
        Packet::Neighbours(Neighbours { nodes, expiration: UNIX + 100 })
    };
    for number in 10..20 {
        world.forge(2, 1, &packet(number));
    }
    assert_eq!(world.drops(1, DropReason::Unsolicited), 8, "two packets had 16 nodes");
}
