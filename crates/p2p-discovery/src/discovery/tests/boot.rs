//! Boot nodes that are of no use, and clocks that are wrong.

use super::*;
use crate::event::{BootNodeReason, ClockOffset, ClockWitness};
use crate::network::NetworkId;
use crate::v4::Pong;

fn config() -> Discv4Config {
    Discv4Config::new()
}

/// What node 1 reports of boot nodes and clocks.
fn reports(world: &mut World) -> Vec<Event> {
    let events = world.events(1).into_iter();
    events
        .filter(|event| {
            matches!(
                event,
                Event::BootNodeFailed(..) | Event::BootNodeAnswers(_) | Event::ClockOffset(..)
            )
        })
        .collect()
}

/// Node 1 gets node 2 as its boot node, and 15 s pass.
fn start_with_boot_node(world: &mut World) -> Vec<Event> {
    world.call(1, |one, now, unix| one.add_boot_node(now, unix, node(2))).unwrap();
    world.seconds(15);
    reports(world)
}

#[test]
fn a_silent_boot_node_is_reported_within_15_seconds_and_then_seldom() {
    let mut world = World::of([1], &config());
    let silent = BootNodeReason::Silent { has_received: false };
    let failed = Event::BootNodeFailed(node(2), silent);
    assert_eq!(start_with_boot_node(&mut world), std::slice::from_ref(&failed));
    world.seconds(9 * 60);
    assert_eq!(reports(&mut world), []);
    world.seconds(2 * 60);
    assert_eq!(reports(&mut world), [failed]);
    world.add(2, config());
    world.seconds(61);
    assert_eq!(reports(&mut world), [Event::BootNodeAnswers(key(2).id())]);
}

/// One boot node answers, the other does not: the second is pinged again before it is reported.
#[test]
fn a_silent_boot_node_is_reported_although_another_answers() {
    let mut world = World::of([1, 3], &config());
    world.call(1, |one, now, unix| one.add_boot_node(now, unix, node(3))).unwrap();
    let silent = BootNodeReason::Silent { has_received: true };
    assert_eq!(start_with_boot_node(&mut world), [Event::BootNodeFailed(node(2), silent)]);
    world.seconds(3600);
    assert_eq!(reports(&mut world), [], "it is not pinged again");
}

#[test]
fn a_boot_node_that_answers_or_loses_a_few_packets_is_not_reported() {
    let mut world = World::of([1, 2], &config());
    world.deaf.push(address(2));
    world.call(1, |one, now, unix| one.add_boot_node(now, unix, node(2))).unwrap();
    world.seconds(2);
    world.deaf.clear();
    world.seconds(60);
    assert_eq!(reports(&mut world), []);
    assert!(world.knows(1, 2));
}

#[test]
fn another_key_at_the_address_of_a_boot_node_is_reported() {
    let mut world = World::of([1], &config());
    let content = Content::new().tcp(30303);
    let record = Record::sign(&key(9), 1, &content).unwrap();
    let other = Discovery::new(world.now, config(), key(9), &record, [9; 32]).unwrap();
    world.nodes.insert(address(2), other);
    let other_key = BootNodeReason::OtherKey(key(9).id());
    assert_eq!(start_with_boot_node(&mut world), [Event::BootNodeFailed(node(2), other_key)]);
}

#[test]
fn a_boot_node_of_another_network_is_reported_with_its_network() {
    for (theirs, named) in [(config().network(NetworkId(8)), Some(NetworkId(8))), (config(), None)]
    {
        let mut world = World::of([1], &config().network(NetworkId(7)));
        world.add(2, theirs);
        let foreign = BootNodeReason::OtherNetwork(named);
        assert_eq!(start_with_boot_node(&mut world), [Event::BootNodeFailed(node(2), foreign)]);
        world.seconds(120);
        assert_eq!(reports(&mut world), [], "once");
    }
}

/// One boot node is enough, in both directions. The node works again when its clock has been set.
#[test]
fn a_wrong_clock_is_found_by_one_boot_node() {
    for seconds in [-86_400, -3600, -65, -45, -30, 21, 30, 45, 65, 3600, 86_400] {
        let mut world = World::of([1, 2, 3, 4, 5], &config());
        for other in 3..=5 {
            world.call(other, |other, now, unix| other.add_boot_node(now, unix, node(2))).unwrap();
        }
        world.seconds(5);
        world.ahead.insert(address(1), seconds);
        let events = start_with_boot_node(&mut world);
        let by = Duration::from_secs(seconds.unsigned_abs());
        let offset = if seconds < 0 { ClockOffset::Behind(by) } else { ClockOffset::Ahead(by) };
        let witness = ClockWitness::BootNode(key(2).id());
        assert_eq!(events, [Event::ClockOffset(offset, witness)], "{seconds}");
        assert_eq!(world.node(1).nodes().count(), 0);
        world.ahead.clear();
        world.seconds(20);
        assert_eq!(reports(&mut world), []);
        assert_eq!(world.node(1).nodes().count(), 4, "{seconds}");
    }
}

/// A static node is such a witness too, and nothing is said if it does not answer.
#[test]
fn a_wrong_clock_is_found_by_one_given_witness() {
    for seconds in [-3600, -45, 45, 3600] {
        let mut world = World::of([1, 2], &config());
        world.ahead.insert(address(1), seconds);
        for witness in [2, 3] {
            let add =
                |one: &mut Discovery, now, unix| one.add_clock_witness(now, unix, node(witness));
            world.call(1, add).unwrap();
        }
        world.seconds(15);
        let by = Duration::from_secs(seconds.unsigned_abs());
        let offset = if seconds < 0 { ClockOffset::Behind(by) } else { ClockOffset::Ahead(by) };
        let witness = ClockWitness::Trusted(key(2).id());
        assert_eq!(reports(&mut world), [Event::ClockOffset(offset, witness)], "{seconds}");
        assert_eq!(world.node(1).clock_offset(), Some((offset, witness)));
        world.ahead.clear();
        world.seconds(20);
        assert_eq!(world.node(1).clock_offset(), None, "{seconds}");
        assert_eq!(reports(&mut world), []);
    }
}

/// A static node of another network is named; whether it stays a peer is not decided here.
#[test]
fn a_given_witness_of_another_network_is_reported() {
    for (theirs, named) in [(config().network(NetworkId(8)), Some(NetworkId(8))), (config(), None)]
    {
        let mut world = World::of([1], &config().network(NetworkId(7)));
        world.add(2, theirs);
        world.call(1, |one, now, unix| one.add_clock_witness(now, unix, node(2))).unwrap();
        world.seconds(15);
        let events = world.events(1);
        let foreign = |event: &&Event| matches!(event, Event::WitnessForeign(..));
        let foreign: Vec<_> = events.iter().filter(foreign).collect();
        assert_eq!(foreign, [&Event::WitnessForeign(node(2), named)]);
    }
}

/// If most others agree with our clock, that of the boot node is wrong.
#[test]
fn a_boot_node_with_a_wrong_clock_is_reported_as_such() {
    let mut world = World::of(1..=5, &config());
    for other in 3..=5 {
        world.call(1, |one, now, unix| one.add_seed(now, unix, node(other))).unwrap();
    }
    world.seconds(5);
    world.ahead.insert(address(2), -45);
    let wrong = BootNodeReason::WrongClock(ClockOffset::Ahead(Duration::from_secs(45)));
    assert_eq!(start_with_boot_node(&mut world), [Event::BootNodeFailed(node(2), wrong)]);
}

/// A pong with a forged signature is no witness of the time.
#[test]
fn the_time_of_a_forged_pong_does_not_count() {
    let mut world = World::of([1], &config());
    world.call(1, |one, now, unix| one.add_boot_node(now, unix, node(2))).unwrap();
    let datagram = world.call(1, |one, _, _| one.poll_transmit().unwrap().1);
    let ping = *Datagram::parse(&datagram).unwrap().hash();
    let to = Endpoint::new(address(1), 0);
    let pong = Packet::Pong(Pong { to, ping, expiration: UNIX - 100, enr_seq: None });
    let bytes = pong.seal(&key(3)).unwrap().bytes;
    world.call(1, |one, now, unix| one.handle_datagram(now, unix, address(2), &bytes));
    let other_key = BootNodeReason::OtherKey(key(3).id());
    assert_eq!(reports(&mut world), [Event::BootNodeFailed(node(2), other_key)]);
}

#[test]
fn every_reason_says_what_was_seen() {
    let ahead = ClockOffset::Ahead(Duration::from_secs(45));
    for (reason, text) in [
        (BootNodeReason::Silent { has_received: false }, "UDP is blocked"),
        (BootNodeReason::Silent { has_received: true }, "a firewall drops the packets"),
        (BootNodeReason::OtherKey(key(3).id()), &key(3).id().to_string()),
        (BootNodeReason::OtherNetwork(Some(NetworkId(8))), "names network 8"),
        (BootNodeReason::OtherNetwork(None), "no record that names one"),
        (BootNodeReason::WrongClock(ahead), "our clock is 45 s ahead of its clock"),
    ] {
        assert!(reason.to_string().contains(text), "{reason}");
    }
    assert!(ClockWitness::BootNode(key(3).id()).to_string().len() < 40);
    assert!(ClockWitness::Trusted(key(3).id()).to_string().starts_with("the node "));
}
