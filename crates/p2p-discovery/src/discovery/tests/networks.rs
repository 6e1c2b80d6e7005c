//! Separate networks.

use p2p_identity::NodeId;

use super::*;
use crate::network::NetworkId;
use crate::v4::{FindNode, PacketKind};

/// Nodes 1 to 3 are in network 7, node 4 is in network 8, node 5 in none. Each contacts all others.
fn world() -> World {
    let mut world = World::of([1, 2, 3], &Discv4Config::new().network(NetworkId(7)));
    world.add(4, Discv4Config::new().network(NetworkId(8)));
    world.add(5, Discv4Config::new());
    for number in 1..=5 {
        for other in (1..=5).filter(|other| *other != number) {
            world.call(number, |one, now, unix| one.add_seed(now, unix, node(other))).unwrap();
        }
    }
    world.seconds(30);
    world
}

#[test]
fn a_network_keeps_only_its_own_nodes() {
    let mut world = world();
    for (number, others) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
        let known: Vec<NodeId> = world.node(number).nodes().map(|node| node.id).collect();
        assert_eq!(known.len(), 2);
        assert!(others.iter().all(|other| known.contains(&key(*other).id())));
        let is_found =
            |event: &Event| matches!(event, Event::Found(node) if !known.contains(&node.id));
        assert!(!world.events(number).iter().any(is_found), "other nodes are not reported");
        assert!(world.drops(number, DropReason::NotOurNetwork) > 0);
    }
    assert_eq!(world.node(4).nodes().count(), 0, "the only one of its network");
    let member = world.node(1).node(&key(2).id()).unwrap();
    assert_eq!(member.record.as_ref(), Some(world.node(2).record()));
}

/// Record requests of the same second are equal, byte for byte, so their answers refer to the same hash.
#[test]
fn the_records_of_many_nodes_are_read_in_the_same_second() {
    let mut world = World::of(1..=16, &Discv4Config::new().network(NetworkId(7)));
    for other in 2..=16 {
        world.call(1, |one, now, unix| one.add_seed(now, unix, node(other))).unwrap();
    }
    world.run(Duration::from_millis(100));
    assert_eq!(world.node(1).nodes().count(), 15);
    assert_eq!(world.drops(1, DropReason::Unsolicited), 0);
}

#[test]
fn a_node_without_network_id_keeps_all_nodes() {
    let world = world();
    assert_eq!(world.node(5).nodes().count(), 4);
    assert_eq!(world.node(5).stats().packets_out[PacketKind::EnrRequest.index()], 0);
}

#[test]
fn nodes_of_other_networks_get_no_neighbours() {
    let mut world = world();
    let expiration = UNIX + 100;
    let answers = |world: &World| world.node(1).stats().packets_out[PacketKind::Neighbours.index()];
    let before = answers(&world);
    for other in [4, 5] {
        world.forge(other, 1, &Packet::FindNode(FindNode { target: NodeId([1; 64]), expiration }));
    }
    assert_eq!(answers(&world), before);
    assert!(world.drops(1, DropReason::Foreign) >= 2);
    world.forge(2, 1, &Packet::FindNode(FindNode { target: NodeId([1; 64]), expiration }));
    assert_eq!(answers(&world), before + 1);
}

#[test]
fn a_node_that_leaves_the_network_is_removed() {
    let mut world = world();
    // The same node with another configuration; its record is newer than the one it had.
    let record = world.node(2).record().clone();
    let config = Discv4Config::new().network(NetworkId(8));
    let moved = Discovery::new(world.now, config, key(2), &record, [2; 32]).unwrap();
    assert!(moved.record().sequence() > record.sequence());
    world.nodes.insert(address(2), moved);
    world.events(1);
    world.seconds(400);
    assert!(!world.knows(1, 2) && world.knows(1, 3));
    assert!(world.events(1).contains(&Event::Lost(key(2).id())));
}

/// A node of a network answers our pings but gives no neighbours to a node outside of it.
#[test]
fn a_node_that_answers_only_pings_is_not_found_by_a_lookup() {
    let mut world = World::of([1], &Discv4Config::new());
    world.add(2, Discv4Config::new().network(NetworkId(7)));
    world.call(1, |one, now, unix| one.add_boot_node(now, unix, node(2))).unwrap();
    world.seconds(30);
    assert!(world.knows(1, 2), "it is alive");
    world.events(1);
    let target = key(2).id();
    world.call(1, |one, now, unix| one.lookup(now, unix, target)).unwrap();
    world.seconds(10);
    let outcomes = world.events(1).into_iter().filter_map(|event| match event {
        Event::LookupFinished(_, outcome) => {
            Some((outcome.nodes.len(), outcome.asked, outcome.silent))
        }
        _ => None,
    });
    assert_eq!(outcomes.collect::<Vec<_>>(), [(0, 2, 1)], "it was asked twice");
}
