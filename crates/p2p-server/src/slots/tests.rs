//! The rules, and two ends that see the same two connections in every possible order.

use p2p_mux::{DisconnectReason, identity::NodeId};

use super::{Direction, Limits, Refusal, Slots};
use Direction::{Inbound, Outbound};

fn id(n: u8) -> NodeId {
    NodeId([n; 64])
}

fn slots(max_peers: usize, split: bool) -> Slots {
    Slots::new(id(100), Limits { max_peers, ..Limits::default() }, split)
}

#[test]
fn the_limit_holds_until_a_place_is_given_back() {
    let mut slots = slots(2, false);
    let first = slots.admit(id(1), Inbound).unwrap();
    slots.admit(id(2), Outbound).unwrap();
    assert_eq!(slots.admit(id(3), Inbound), Err(Refusal::TooManyPeers));
    assert!(slots.release(&id(1), first.number));
    assert!(!slots.release(&id(1), first.number));
    slots.admit(id(3), Inbound).unwrap();
    assert_eq!(slots.len(), 2);
}

#[test]
fn trusted_and_static_peers_are_admitted_beyond_the_limit() {
    let mut slots = slots(1, true);
    assert!(slots.set_trusted(id(1), true));
    assert!(slots.set_static(id(2), true));
    slots.admit(id(3), Inbound).unwrap();
    slots.admit(id(1), Inbound).unwrap();
    slots.admit(id(2), Outbound).unwrap();
    assert_eq!(slots.admit(id(4), Outbound), Err(Refusal::TooManyPeers), "they count all the same");
    assert!(slots.set_trusted(id(1), false));
    assert_eq!(slots.len(), 3, "a peer that lost the mark keeps its place");
}

#[test]
fn places_are_split_between_those_we_dial_and_those_who_dial_us() {
    let mut slots = slots(6, true);
    for n in 0..2 {
        slots.admit(id(n), Outbound).unwrap();
    }
    assert_eq!(slots.admit(id(2), Outbound), Err(Refusal::TooManyDialled));
    for n in 3..7 {
        slots.admit(id(n), Inbound).unwrap();
    }
    assert_eq!(slots.admit(id(7), Inbound), Err(Refusal::TooManyPeers));

    let mut inbound_only = self::slots(6, true);
    for n in 0..4 {
        inbound_only.admit(id(n), Inbound).unwrap();
    }
    assert_eq!(
        inbound_only.admit(id(4), Inbound),
        Err(Refusal::TooManyInbound),
        "two are kept for our dials"
    );
    inbound_only.set_static(id(4), true);
    inbound_only.admit(id(4), Inbound).unwrap();
    inbound_only.admit(id(5), Outbound).unwrap();
}

#[test]
fn a_node_that_finds_no_peers_itself_keeps_no_places_for_them() {
    let mut slots = slots(3, false);
    for n in 0..3 {
        slots.admit(id(n), Inbound).unwrap();
    }
}

#[test]
fn a_single_place_can_be_taken_from_either_side() {
    slots(1, true).admit(id(1), Inbound).unwrap();
    slots(1, true).admit(id(1), Outbound).unwrap();
    assert_eq!(slots(0, true).admit(id(1), Inbound), Err(Refusal::TooManyPeers));
}

#[test]
fn self_and_a_second_connection_of_the_same_dialler_are_refused_even_when_full() {
    let mut slots = slots(1, false);
    assert_eq!(slots.check(&id(100), Inbound), Err(Refusal::SelfConnect));
    slots.admit(id(1), Inbound).unwrap();
    assert_eq!(slots.admit(id(100), Outbound), Err(Refusal::SelfConnect));
    assert_eq!(slots.admit(id(1), Inbound), Err(Refusal::AlreadyConnected));
    assert_eq!(
        slots.admit(id(1), Outbound),
        Err(Refusal::AlreadyConnected),
        "1 < 100: theirs stays"
    );
}

#[test]
fn each_refusal_tells_the_other_end_why() {
    assert_eq!(Refusal::TooManyPeers.reason(), DisconnectReason::TooManyPeers);
    assert_eq!(Refusal::TooManyInbound.reason(), DisconnectReason::TooManyPeers);
    assert_eq!(Refusal::SelfConnect.reason(), DisconnectReason::SelfConnect);
    assert_eq!(Refusal::AlreadyConnected.reason(), DisconnectReason::AlreadyConnected);
    assert_eq!(Refusal::Stopping.reason(), DisconnectReason::Quitting);
}

#[test]
fn room_for_dialled_peers_follows_ratio_places_and_privilege() {
    let limits = Limits { max_peers: 6, dial_ratio: 2, ..Limits::default() };
    let mut slots = Slots::new(id(0), limits, true);
    assert_eq!(slots.dial_room(), 3);
    slots.set_static(id(1), true);
    let privileged = slots.admit(id(1), Outbound).unwrap();
    assert_eq!(slots.dial_room(), 3, "a static peer is not on our own account");
    slots.admit(id(2), Outbound).unwrap();
    slots.admit(id(3), Inbound).unwrap();
    assert_eq!(slots.dial_room(), 2);
    slots.admit(id(4), Inbound).unwrap();
    slots.set_trusted(id(5), true);
    slots.admit(id(5), Inbound).unwrap();
    assert_eq!(slots.dial_room(), 1, "one place is left");
    assert!(slots.release(&id(1), privileged.number));
    assert_eq!(slots.dial_room(), 2);
    let none = Slots::new(id(0), Limits { max_peers: 0, ..limits }, true);
    assert_eq!(none.dial_room(), 0);
}

/// One end's steps with one connection: it asks, then takes the place, and later may be told that
/// the other end closed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Check,
    Admit,
}

/// Plays one order of the four steps of two connections at one end; says which direction holds the
/// place at the end.
fn survivor(local: NodeId, remote: NodeId, order: &[(Direction, Step)]) -> Option<Direction> {
    let mut slots = Slots::new(local, Limits { max_peers: 1, ..Limits::default() }, false);
    let mut refused = Vec::new();
    let mut holder = None;
    for &(direction, step) in order {
        let outcome = match step {
            Step::Check => slots.check(&remote, direction),
            Step::Admit if refused.contains(&direction) => continue,
            Step::Admit => slots.admit(remote, direction).map(|_| holder = Some(direction)),
        };
        if outcome.is_err() {
            refused.push(direction);
        }
    }
    assert_eq!(slots.len(), 1);
    holder
}

/// All ways to interleave the two steps of each of two connections.
fn orders() -> Vec<Vec<(Direction, Step)>> {
    let mut orders = Vec::new();
    for mask in 0u8..16 {
        if mask.count_ones() != 2 {
            continue;
        }
        let mut seen = [0, 0];
        let order = (0..4).map(|bit| {
            let which = usize::from(mask >> bit & 1);
            seen[which] += 1;
            let direction = if which == 0 { Inbound } else { Outbound };
            (direction, if seen[which] == 1 { Step::Check } else { Step::Admit })
        });
        orders.push(order.collect());
    }
    orders
}

#[test]
fn both_ends_keep_the_same_one_of_two_simultaneous_dials() {
    let (small, large) = (id(1), id(2));
    assert_eq!(orders().len(), 6);
    for order in orders() {
        assert_eq!(survivor(small, large, &order), Some(Outbound), "{order:?}");
        assert_eq!(survivor(large, small, &order), Some(Inbound), "{order:?}");
    }
}
