//! The rules of the slots, and two ends that see the same two connections in every possible order.

use p2p_mux::identity::NodeId;

use super::{Direction, Limits, Slots};
use crate::access::RefuseReason;
use Direction::{Inbound, Outbound};

fn id(n: u8) -> NodeId {
    NodeId([n; 64])
}

fn slots(max_peers: usize, reserve_outbound: bool) -> Slots {
    Slots::new(id(100), Limits { max_peers, ..Limits::default() }, reserve_outbound)
}

#[test]
fn the_limit_holds_until_a_slot_is_freed() {
    let mut slots = slots(2, false);
    let first = slots.admit(id(1), Inbound).unwrap();
    slots.admit(id(2), Outbound).unwrap();
    assert_eq!(slots.admit(id(3), Inbound), Err(RefuseReason::TooManyPeers));
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
    assert_eq!(
        slots.admit(id(4), Outbound),
        Err(RefuseReason::TooManyPeers),
        "they count as peers"
    );
    assert!(slots.set_trusted(id(1), false));
    assert_eq!(slots.len(), 3, "a peer that lost the mark keeps its slot");
}

#[test]
fn slots_are_divided_between_outbound_and_inbound_peers() {
    let mut slots = slots(6, true);
    for n in 0..2 {
        slots.admit(id(n), Outbound).unwrap();
    }
    assert_eq!(slots.admit(id(2), Outbound), Err(RefuseReason::TooManyDialed));
    for n in 3..7 {
        slots.admit(id(n), Inbound).unwrap();
    }
    assert_eq!(slots.admit(id(7), Inbound), Err(RefuseReason::TooManyPeers));

    let mut inbound_only = self::slots(6, true);
    for n in 0..4 {
        inbound_only.admit(id(n), Inbound).unwrap();
    }
    assert_eq!(
        inbound_only.admit(id(4), Inbound),
        Err(RefuseReason::TooManyInbound),
        "two are reserved for outbound peers"
    );
    inbound_only.set_static(id(4), true);
    inbound_only.admit(id(4), Inbound).unwrap();
    inbound_only.admit(id(5), Outbound).unwrap();
}

#[test]
fn without_reserved_slots_all_are_open_to_inbound_peers() {
    let mut slots = slots(3, false);
    for n in 0..3 {
        slots.admit(id(n), Inbound).unwrap();
    }
}

#[test]
fn a_single_slot_can_be_taken_in_either_direction() {
    slots(1, true).admit(id(1), Inbound).unwrap();
    slots(1, true).admit(id(1), Outbound).unwrap();
    assert_eq!(slots(0, true).admit(id(1), Inbound), Err(RefuseReason::TooManyPeers));
}

#[test]
fn self_and_a_second_connection_of_the_same_dialer_are_refused_even_if_full() {
    let mut slots = slots(1, false);
    assert_eq!(slots.check(&id(100), Inbound), Err(RefuseReason::SelfConnect));
    slots.admit(id(1), Inbound).unwrap();
    assert_eq!(slots.admit(id(100), Outbound), Err(RefuseReason::SelfConnect));
    assert_eq!(slots.admit(id(1), Inbound), Err(RefuseReason::AlreadyConnected));
    assert_eq!(
        slots.admit(id(1), Outbound),
        Err(RefuseReason::AlreadyConnected),
        "1 < 100: the inbound one stays"
    );
}

#[test]
fn dial_room_follows_the_ratio_the_free_slots_and_privilege() {
    let limits = Limits { max_peers: 6, dial_ratio: 2, ..Limits::default() };
    let mut slots = Slots::new(id(0), limits, true);
    assert_eq!(slots.dial_room(), 3);
    slots.set_static(id(1), true);
    let privileged = slots.admit(id(1), Outbound).unwrap();
    assert_eq!(slots.dial_room(), 3, "a static peer does not count");
    slots.admit(id(2), Outbound).unwrap();
    slots.admit(id(3), Inbound).unwrap();
    assert_eq!(slots.dial_room(), 2);
    slots.admit(id(4), Inbound).unwrap();
    slots.set_trusted(id(5), true);
    slots.admit(id(5), Inbound).unwrap();
    assert_eq!(slots.dial_room(), 1, "one slot is free");
    assert!(slots.release(&id(1), privileged.number));
    assert_eq!(slots.dial_room(), 2);
    let none = Slots::new(id(0), Limits { max_peers: 0, ..limits }, true);
    assert_eq!(none.dial_room(), 0);
}

/// A step of one end with one connection.
#[derive(Debug, Clone, Copy, PartialEq)]
enum AdmissionStep {
    Check,
    Admit,
}

/// Takes the four steps of two connections at one end in this order. Returns the direction that holds
/// the slot in the end.
fn survivor(
    local: NodeId,
    remote: NodeId,
    order: &[(Direction, AdmissionStep)],
) -> Option<Direction> {
    let mut slots = Slots::new(local, Limits { max_peers: 1, ..Limits::default() }, false);
    let mut refused = Vec::new();
    let mut holder = None;
    for &(direction, step) in order {
        let outcome = match step {
            AdmissionStep::Check => slots.check(&remote, direction),
            AdmissionStep::Admit if refused.contains(&direction) => continue,
            AdmissionStep::Admit => {
                slots.admit(remote, direction).map(|_| holder = Some(direction))
            }
        };
        if outcome.is_err() {
            refused.push(direction);
        }
    }
    assert_eq!(slots.len(), 1);
    holder
}

/// All ways to interleave the two steps of each of two connections.
fn orders() -> Vec<Vec<(Direction, AdmissionStep)>> {
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
            (direction, if seen[which] == 1 { AdmissionStep::Check } else { AdmissionStep::Admit })
        });
        orders.push(order.collect());
    }
    orders
}

#[test]
fn both_ends_keep_the_same_one_of_two_crossed_dials() {
    let (small, large) = (id(1), id(2));
    assert_eq!(orders().len(), 6);
    for order in orders() {
        assert_eq!(survivor(small, large, &order), Some(Outbound), "{order:?}");
        assert_eq!(survivor(large, small, &order), Some(Inbound), "{order:?}");
    }
}
