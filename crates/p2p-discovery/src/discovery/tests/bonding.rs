//! Endpoint proofs in both directions; requests with and without an answer.

use p2p_identity::NodeId;

use super::*;
use crate::event::{ClockOffset, ClockWitness, NoAnswerError};
use crate::v4::{EnrRequest, FindNode, PacketKind, Ping, Pong};

#[test]
fn two_nodes_prove_their_endpoints() {
    let mut world = World::of([1, 2], &Discv4Config::new());
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    world.seconds(1);
    assert!(world.knows(1, 2) && world.knows(2, 1));
    assert!(world.events(1).contains(&Event::Found(node(2))));
    assert!(world.events(2).contains(&Event::Found(node(1))));
}

#[test]
fn nodes_and_records_require_an_endpoint_proof() {
    let mut world = World::of([1, 2, 3], &Discv4Config::new());
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    world.seconds(1);
    let before = world.node(1).stats().clone();
    let find = Packet::FindNode(FindNode { target: NodeId([1; 64]), expiration: UNIX + 20 });
    let request = Packet::EnrRequest(EnrRequest { expiration: UNIX + 20 });
    world.forge(3, 1, &find);
    world.forge(3, 1, &request);
    let after = world.node(1).stats();
    assert_eq!(after.datagrams_out, before.datagrams_out);
    assert_eq!(after.recoveries, before.recoveries, "no signature was checked");
    assert_eq!(world.drops(1, DropReason::NoProof), 2);
    world.forge(2, 1, &find);
    world.forge(2, 1, &request);
    assert_eq!(world.node(1).stats().datagrams_out, before.datagrams_out + 2);
    // A proof is valid for twelve hours if the node is not pinged again.
    world.deaf = vec![address(1), address(2)];
    world.seconds(12 * 3600);
    let expiration = UNIX + 13 * 3600;
    world.forge(2, 1, &Packet::EnrRequest(EnrRequest { expiration }));
    assert_eq!(world.drops(1, DropReason::NoProof), 3);
}

#[test]
fn a_node_that_does_not_know_us_gets_half_a_second_to_ping_us() {
    let mut world = World::of([1], &Discv4Config::new());
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    let ping = |machine: &mut Discovery| {
        let datagram = machine.poll_transmit().unwrap().1;
        *Datagram::parse(&datagram).unwrap().hash()
    };
    let hash = world.call(1, |one, _, _| ping(one));
    let to = Endpoint::new(address(1), 0);
    let pong = Pong { to, ping: hash, expiration: UNIX + 20, enr_seq: None };
    world.forge(2, 1, &Packet::Pong(pong));
    // It is the first node, so a lookup of our own id begins; but it has not pinged us yet.
    world.call(1, |one, now, unix| one.handle_timeout(now, unix));
    assert_eq!(world.call(1, |one, _, _| sent(one)), []);
    world.now += Duration::from_millis(500);
    let packets = world.call(1, |one, now, unix| {
        one.handle_timeout(now, unix);
        sent(one)
    });
    let [Packet::FindNode(find)] = &packets[..] else { panic!("{packets:?}") };
    assert_eq!((find.target, find.expiration), (key(1).id(), UNIX + 20));
}

#[test]
fn a_node_that_pings_us_is_asked_immediately() {
    let mut world = World::of([1, 2], &Discv4Config::new());
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    world.run(Duration::from_millis(1));
    assert!(world.node(1).stats().packets_out[PacketKind::FindNode.index()] > 0);
}

#[test]
fn an_answer_must_match_the_request() {
    let mut world = World::of([1], &Discv4Config::new());
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    let datagram = world.call(1, |one, _, _| one.poll_transmit().unwrap().1);
    let hash = *Datagram::parse(&datagram).unwrap().hash();
    let to = Endpoint::new(address(1), 0);
    let pong = |ping| Packet::Pong(Pong { to, ping, expiration: UNIX + 20, enr_seq: None });
    world.forge(2, 1, &pong([7; 32]));
    world.forge(3, 1, &pong(hash));
    assert_eq!(world.drops(1, DropReason::Unsolicited), 2, "another hash, another address");
    assert_eq!(world.node(1).stats().recoveries, 0);
    let bytes = pong(hash).seal(&key(3)).unwrap().bytes;
    world.call(1, |one, now, unix| one.handle_datagram(now, unix, address(2), &bytes));
    assert_eq!(world.drops(1, DropReason::WrongSigner), 1);
    world.forge(2, 1, &pong(hash));
    assert!(world.knows(1, 2));
    world.forge(2, 1, &pong(hash));
    assert_eq!(world.drops(1, DropReason::Unsolicited), 3, "a second pong");
}

#[test]
fn expired_packets_are_not_answered() {
    let mut world = World::of([1], &Discv4Config::new());
    let endpoint = Endpoint::new(address(2), 30303);
    let ping =
        |expiration| Packet::Ping(Ping { from: endpoint, to: endpoint, expiration, enr_seq: None });
    world.forge(2, 1, &ping(UNIX - 1));
    assert_eq!(world.call(1, |one, _, _| sent(one)), []);
    assert_eq!(world.drops(1, DropReason::Expired), 1);
    world.forge(2, 1, &ping(UNIX));
    let packets = world.call(1, |one, _, _| sent(one));
    assert!(packets.iter().all(|packet| packet.expiration() == Some(UNIX + 20)), "{packets:?}");
    assert_eq!(
        packets.iter().map(Packet::kind).collect::<Vec<_>>(),
        [PacketKind::Pong, PacketKind::Ping]
    );
}

/// `-futureExpiration()` of go-ethereum's `devp2p discv4 test`: a negative number, not the far future.
#[test]
fn negative_expirations_are_in_the_past() {
    let mut world = World::of([1, 2], &Discv4Config::new());
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    world.seconds(1);
    let (before, endpoint) = (world.node(1).stats().clone(), Endpoint::new(address(2), 30303));
    let negative = [(UNIX + 20).wrapping_neg(), u64::MAX, 1 << 63];
    for expiration in negative {
        world.forge(2, 1, &Packet::FindNode(FindNode { target: NodeId([1; 64]), expiration }));
        world.forge(2, 1, &Packet::EnrRequest(EnrRequest { expiration }));
        let ping = Ping { from: endpoint, to: endpoint, expiration, enr_seq: None };
        world.forge(2, 1, &Packet::Ping(ping));
        world.forge(3, 1, &Packet::Ping(ping));
    }
    assert_eq!(world.node(1).stats().datagrams_out, before.datagrams_out, "nothing is answered");
    assert_eq!(world.drops(1, DropReason::Expired), 12);
    let far = Ping { from: endpoint, to: endpoint, expiration: i64::MAX as u64, enr_seq: None };
    world.forge(2, 1, &Packet::Ping(far));
    assert_eq!(world.node(1).stats().datagrams_out, before.datagrams_out + 1, "2^63 - 1 is future");
}

#[test]
fn a_wrong_clock_is_reported() {
    let mut world = World::of(1..=6, &Discv4Config::new());
    world.ahead.insert(address(1), 100);
    for other in 2..=6 {
        world.call(1, |one, now, unix| one.add_seed(now, unix, node(other))).unwrap();
    }
    world.seconds(10);
    let offsets =
        world.events(1).into_iter().filter(|event| matches!(event, Event::ClockOffset(..)));
    let ahead = ClockOffset::Ahead(Duration::from_secs(100));
    let expected = Event::ClockOffset(ahead, ClockWitness::Majority(3));
    assert_eq!(offsets.collect::<Vec<_>>(), [expected]);
    assert!(!world.events(2).iter().any(|event| matches!(event, Event::ClockOffset(..))));
}

#[test]
fn a_node_is_lost_after_three_unanswered_pings() {
    let mut world = World::of([1, 2], &Discv4Config::new());
    world.call(1, |one, now, unix| one.add_seed(now, unix, node(2))).unwrap();
    world.seconds(60);
    world.events(1);
    let gone = world.nodes.remove(&address(2)).unwrap();
    world.seconds(400);
    assert!(!world.knows(1, 2));
    assert_eq!(world.events(1), [Event::Lost(key(2).id())]);
    assert_eq!(world.node(1).stats().timeouts, 3);
    // The node is back and contacts us.
    world.nodes.insert(address(2), gone);
    world.call(2, |two, now, unix| two.ping(now, unix, node(1))).unwrap();
    world.seconds(1);
    assert!(world.knows(1, 2));
    assert!(world.events(1).contains(&Event::Found(node(2))));
}

#[test]
fn boot_nodes_are_pinged_until_one_answers() {
    let mut world = World::of([1, 2], &Discv4Config::new());
    world.deaf.push(address(2));
    world.call(1, |one, now, unix| one.add_boot_node(now, unix, node(2))).unwrap();
    world.seconds(300);
    let pings = world.node(1).stats().packets_out[PacketKind::Ping.index()];
    assert!((15..40).contains(&pings), "{pings}");
    world.deaf.clear();
    world.seconds(61);
    assert!(world.knows(1, 2) && world.knows(2, 1));
}

#[test]
fn requests_of_the_user_succeed_or_fail() {
    let mut world = World::of([1, 2], &Discv4Config::new());
    for other in [2, 3] {
        world.call(1, |one, now, unix| one.ping(now, unix, node(other))).unwrap();
        world.call(1, |one, now, unix| one.request_record(now, unix, node(other))).unwrap();
    }
    world.seconds(10);
    let record = world.node(2).record().clone();
    let (two, three) = (key(2).id(), key(3).id());
    let events = world.events(1);
    for event in [
        Event::PingFinished(two, Ok(Duration::ZERO)),
        Event::RecordFinished(two, Ok(record)),
        Event::PingFinished(three, Err(NoAnswerError::Silent)),
        Event::RecordFinished(three, Err(NoAnswerError::Silent)),
    ] {
        assert!(events.contains(&event), "{event:?} in {events:?}");
    }
}

#[test]
fn the_record_follows_the_external_address() {
    let mut world = World::of(1..=5, &Discv4Config::new());
    for other in 2..=5 {
        world.call(1, |one, now, unix| one.add_seed(now, unix, node(other))).unwrap();
    }
    world.seconds(5);
    let record = world.node(1).record().clone();
    assert_eq!(
        (record.ip(), record.udp(), record.tcp()),
        (Some([1, 1, 1, 1].into()), Some(30303), Some(30303))
    );
    assert_eq!(record.sequence(), 2);
    let events = world.events(1);
    assert!(events.contains(&Event::ExternalAddr(address(1))));
    assert!(events.contains(&Event::RecordChanged(record)));
}

#[test]
fn lookups_find_all_nodes_of_a_small_network() {
    let mut world = World::of(1..=60, &Discv4Config::new());
    for number in 2..=60 {
        world.call(number, |node_, now, unix| node_.add_boot_node(now, unix, node(1))).unwrap();
        world.run(Duration::from_millis(100));
    }
    world.seconds(60);
    for (seeker, sought) in [(2, 60), (60, 2), (30, 31), (59, 1)] {
        let target = key(sought).id();
        let lookup = world.call(seeker, |one, now, unix| one.lookup(now, unix, target)).unwrap();
        world.seconds(10);
        let finished = world.events(seeker).into_iter().find_map(|event| match event {
            Event::LookupFinished(id, outcome) if id == lookup => Some(outcome),
            _ => None,
        });
        let outcome = finished.unwrap();
        assert_eq!(outcome.nodes[0].id, target, "a node is nearest to its own id");
        assert_eq!((outcome.nodes.len(), outcome.silent), (16, 0));
    }
}

/// As in go-ethereum. The UDP port is the one that the ping came from.
#[test]
fn a_pong_names_the_tcp_port_of_the_ping() {
    let mut world = World::of([1], &Discv4Config::new());
    let [from, to] = [2, 1].map(|number| Endpoint::new(address(number), 30_404));
    let ping = Packet::Ping(Ping { from, to, expiration: UNIX + 20, enr_seq: None });
    let bytes = ping.seal(&key(2)).unwrap().bytes;
    world.call(1, |one, now, unix| one.handle_datagram(now, unix, address(2), &bytes));
    let (_, answer) = world.call(1, |one, _, _| one.poll_transmit().unwrap());
    let Packet::Pong(pong) = Datagram::parse(&answer).unwrap().packet().unwrap() else {
        panic!("not a pong");
    };
    assert_eq!(pong.to, from);
}
