//! The dial plan on virtual time.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use p2p_mux::identity::{Enode, NodeId};
use p2p_world::HashMap;
use proptest::prelude::*;

use super::{Backoff, DialReason, Dialer, NextAction, NodeKind, OfferError};

const COOLDOWN: Duration = Dialer::DEFAULT_FOUND_COOLDOWN;

const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    cap: Duration::from_secs(60),
    steady: Duration::from_secs(10),
};

fn id(n: u8) -> NodeId {
    NodeId([n; 64])
}

fn enode(n: u8) -> Enode {
    Enode::new(id(n), SocketAddr::from((Ipv4Addr::LOCALHOST, 30_000 + u16::from(n))))
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn dialer(nodes: &[u8], max_active: usize, now: Instant) -> Dialer {
    let mut dialer = Dialer::new(BACKOFF, max_active);
    for &n in nodes {
        dialer.add(enode(n), NodeKind::Static, now);
    }
    dialer
}

#[test]
fn delays_grow_with_each_failure_and_start_over_after_a_steady_connection() {
    let mut now = Instant::now();
    let mut dialer = dialer(&[1], 4, now);
    assert_eq!(
        dialer.next_action(&id(1)),
        Some(NextAction::Dial { at: now, failures: 0, reason: DialReason::New })
    );
    for (failures, wait) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60)] {
        assert_eq!(dialer.poll_dial(now), Some(enode(1)));
        assert_eq!(dialer.next_action(&id(1)), Some(NextAction::Dialing { since: now }));
        dialer.handle_failed(&id(1), now, 1.0);
        let at = now + seconds(wait);
        assert_eq!(
            dialer.next_action(&id(1)),
            Some(NextAction::Dial { at, failures, reason: DialReason::Failed })
        );
        assert_eq!(dialer.poll_dial(at - Duration::from_millis(1)), None);
        assert_eq!(dialer.poll_timeout(), Some(at));
        now = at;
    }
    assert_eq!(dialer.poll_dial(now), Some(enode(1)));
    dialer.handle_connected(id(1), true, now);
    assert_eq!(dialer.next_action(&id(1)), Some(NextAction::Connected { since: now }));
    assert_eq!(dialer.poll_timeout(), None);
    now += BACKOFF.steady;
    dialer.handle_disconnected(&id(1), now, 1.0);
    let at = now + BACKOFF.first;
    assert_eq!(
        dialer.next_action(&id(1)),
        Some(NextAction::Dial { at, failures: 1, reason: DialReason::Lost })
    );
}

#[test]
fn a_peer_that_hangs_up_at_once_is_not_dialed_without_pause() {
    let mut now = Instant::now();
    let mut dialer = dialer(&[1], 4, now);
    for wait in [1, 2, 4, 8] {
        assert_eq!(dialer.poll_dial(now), Some(enode(1)));
        dialer.handle_connected(id(1), true, now);
        dialer.handle_disconnected(&id(1), now, 1.0);
        assert_eq!(dialer.poll_timeout(), Some(now + seconds(wait)));
        now += seconds(wait);
    }
}

#[test]
fn attempts_are_limited_and_the_longest_wait_goes_first() {
    let start = Instant::now();
    let mut dialer = dialer(&[1, 2], 2, start);
    dialer.add(enode(3), NodeKind::Static, start + seconds(1));
    let now = start + seconds(5);
    assert!(dialer.poll_dial(now).is_some());
    assert!(dialer.poll_dial(now).is_some());
    assert_eq!(dialer.poll_dial(now), None);
    assert_eq!(
        (dialer.poll_timeout(), dialer.active()),
        (None, 2),
        "only the end of an attempt changes anything"
    );
    dialer.handle_failed(&id(1), now, 0.0);
    assert_eq!(dialer.poll_dial(now), Some(enode(3)));
}

#[test]
fn boot_nodes_are_dialed_only_by_a_node_without_peers() {
    let now = Instant::now();
    let mut dialer = Dialer::new(BACKOFF, 4);
    dialer.add(enode(1), NodeKind::Boot, now);
    dialer.handle_connected(id(9), false, now);
    assert_eq!(dialer.next_action(&id(1)), Some(NextAction::Idle));
    assert_eq!(dialer.poll_dial(now), None);
    dialer.handle_disconnected(&id(9), now, 0.0);
    assert_eq!(dialer.poll_dial(now), Some(enode(1)));
}

#[test]
fn a_removed_node_is_not_dialed_again_and_one_added_again_not_twice_at_once() {
    let now = Instant::now();
    let mut dialer = dialer(&[1], 4, now);
    assert!(dialer.poll_dial(now).is_some());
    assert!(dialer.remove(&id(1)));
    assert!(!dialer.remove(&id(1)));
    assert_eq!(dialer.next_action(&id(1)), None);
    dialer.add(enode(1), NodeKind::Static, now);
    assert_eq!(dialer.poll_dial(now), None, "the first attempt still runs");
    assert!(dialer.remove(&id(1)));
    dialer.handle_failed(&id(1), now, 0.0);
    assert_eq!((dialer.active(), dialer.poll_timeout()), (0, None));
}

#[test]
fn a_new_address_is_tried_at_once() {
    let now = Instant::now();
    let mut dialer = dialer(&[1], 4, now);
    assert!(dialer.poll_dial(now).is_some());
    dialer.handle_failed(&id(1), now, 1.0);
    dialer.add(enode(1), NodeKind::Static, now);
    assert_eq!(
        dialer.poll_timeout(),
        Some(now + seconds(1)),
        "the same address again changes nothing"
    );
    let moved = Enode::new(id(1), SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    dialer.add(moved.clone(), NodeKind::Static, now);
    assert_eq!(dialer.poll_dial(now), Some(moved));
}

#[test]
fn a_node_that_is_seen_elsewhere_is_dialed_there_too() {
    let now = Instant::now();
    let mut dialer = dialer(&[1], 4, now);
    let moved = Enode::new(id(1), SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    assert_eq!(dialer.offer(enode(1), now), Err(OfferError::Known));
    assert_eq!(dialer.seen_at(&id(1)), None, "at the listed address");
    assert_eq!(dialer.offer(moved.clone(), now), Err(OfferError::Known));
    assert_eq!(dialer.offer(enode(1), now), Err(OfferError::Known));
    assert_eq!(dialer.seen_at(&id(1)), Some(&moved));
    assert_eq!(dialer.poll_dial(now), Some(enode(1)), "the listed address comes first");
    dialer.handle_failed(&id(1), now, 1.0);
    assert_eq!(dialer.seen_at(&id(1)), Some(&moved));
    dialer.add(moved, NodeKind::Static, now);
    assert_eq!(dialer.seen_at(&id(1)), None, "the operator listed the new address");
}

#[test]
fn the_delay_counts_from_the_beginning_of_an_attempt() {
    let start = Instant::now();
    let mut dialer = dialer(&[1], 4, start);
    // Each attempt fails after 15 s. Until the delay is longer, the next attempt follows at once.
    for (began, next) in [(0, 15), (15, 30), (30, 45), (45, 60), (60, 76), (76, 108), (108, 168)] {
        let now = start + seconds(began);
        assert_eq!(dialer.poll_dial(now), Some(enode(1)));
        dialer.handle_failed(&id(1), now + seconds(15), 1.0);
        assert_eq!(dialer.poll_timeout(), Some(start + seconds(next)));
    }
}

#[test]
fn found_nodes_leave_half_of_the_attempts_to_static_ones() {
    let now = Instant::now();
    let mut dialer = Dialer::new(BACKOFF, 5);
    for n in 1..=5 {
        assert_eq!(dialer.offer(enode(n), now), Ok(()));
    }
    let found = std::iter::from_fn(|| dialer.poll_dial(now)).count();
    assert_eq!((found, dialer.poll_timeout()), (3, None));
    for n in 6..=8 {
        dialer.add(enode(n), NodeKind::Static, now);
    }
    assert_eq!(std::iter::from_fn(|| dialer.poll_dial(now)).count(), 2);
    // The attempt of a removed found node still counts.
    assert!(dialer.remove(&id(1)));
    dialer.handle_failed(&id(6), now, 1.0);
    dialer.handle_failed(&id(7), now, 1.0);
    assert_eq!(dialer.poll_dial(now).map(|enode| enode.id), Some(id(8)));
    assert_eq!(dialer.poll_dial(now), None);
}

#[test]
fn a_dialer_without_attempts_reports_never() {
    let now = Instant::now();
    let mut dialer = dialer(&[1], 0, now);
    assert_eq!(dialer.next_action(&id(1)), Some(NextAction::Never));
    assert_eq!((dialer.poll_dial(now), dialer.poll_timeout()), (None, None));
    dialer.handle_connected(id(1), false, now);
    assert_eq!(dialer.next_action(&id(1)), Some(NextAction::Connected { since: now }));
}

#[test]
fn an_inbound_connection_stops_dialing_too() {
    let now = Instant::now();
    let mut dialer = dialer(&[1], 4, now);
    assert!(dialer.poll_dial(now).is_some());
    dialer.handle_connected(id(1), false, now);
    assert_eq!(dialer.active(), 1, "the attempt ends on its own");
    dialer.handle_failed(&id(1), now, 0.0);
    assert_eq!((dialer.active(), dialer.poll_timeout()), (0, None));
}

#[test]
fn a_found_node_is_dialed_once_and_must_be_found_again() {
    let mut now = Instant::now();
    let mut dialer = Dialer::new(BACKOFF, 4);
    assert_eq!(dialer.offer(enode(1), now), Ok(()));
    assert_eq!((dialer.offer(enode(1), now), dialer.found()), (Err(OfferError::Known), 1));
    assert_eq!(dialer.poll_dial(now), Some(enode(1)));
    assert_eq!((dialer.offer(enode(1), now), dialer.found()), (Err(OfferError::Known), 1));
    dialer.handle_failed(&id(1), now, 0.0);
    assert_eq!((dialer.poll_timeout(), dialer.found()), (None, 0));
    assert_eq!(dialer.offer(enode(1), now), Err(OfferError::Recent));
    now += COOLDOWN;
    assert_eq!(dialer.offer(enode(1), now), Ok(()));
    assert_eq!(dialer.poll_dial(now), Some(enode(1)));
    dialer.handle_connected(id(1), true, now);
    assert_eq!((dialer.offer(enode(1), now), dialer.found()), (Err(OfferError::Known), 0));
    now += COOLDOWN;
    dialer.handle_disconnected(&id(1), now, 0.0);
    assert_eq!((dialer.next_action(&id(1)), dialer.poll_timeout()), (None, None));
    assert_eq!(dialer.offer(enode(1), now), Err(OfferError::Recent), "lost a moment ago");
    assert_eq!(dialer.offer(Enode { tcp: 0, ..enode(2) }, now), Err(OfferError::NoPort));
}

#[test]
fn a_found_node_that_disconnects_in_favor_of_our_attempt_keeps_it() {
    let now = Instant::now();
    for succeeds in [true, false] {
        let mut dialer = Dialer::new(BACKOFF, 4);
        assert_eq!(dialer.offer(enode(1), now), Ok(()));
        assert_eq!(dialer.poll_dial(now), Some(enode(1)));
        dialer.handle_connected(id(1), false, now);
        dialer.handle_disconnected(&id(1), now, 0.0);
        assert!(dialer.get(&id(1)).is_some(), "the attempt still counts");
        if succeeds {
            dialer.handle_connected(id(1), true, now);
            assert_eq!(dialer.next_action(&id(1)), Some(NextAction::Connected { since: now }));
            dialer.handle_disconnected(&id(1), now, 0.0);
        } else {
            dialer.handle_failed(&id(1), now, 0.0);
        }
        assert_eq!((dialer.next_action(&id(1)), dialer.active()), (None, 0));
        assert_eq!(dialer.offer(enode(1), now), Err(OfferError::Recent));
    }
}

#[test]
fn static_nodes_go_before_found_ones_and_a_found_one_can_become_static() {
    let start = Instant::now();
    let mut dialer = Dialer::new(BACKOFF, 1);
    assert_eq!(dialer.offer(enode(1), start), Ok(()));
    assert_eq!(dialer.offer(enode(3), start), Ok(()));
    let now = start + seconds(9);
    dialer.add(enode(2), NodeKind::Static, now);
    assert_eq!(dialer.poll_dial(now), Some(enode(2)), "although it waited less");
    dialer.handle_failed(&id(2), now, 1.0);
    assert_eq!(dialer.poll_dial(now), Some(enode(1)));
    dialer.add(enode(1), NodeKind::Static, now);
    dialer.handle_failed(&id(1), now, 1.0);
    assert!(matches!(dialer.next_action(&id(1)), Some(NextAction::Dial { .. })));
    assert_eq!(dialer.poll_dial(now), Some(enode(3)));
    // The node connects from its end while it is being dialed, and the attempt fails.
    dialer.handle_connected(id(3), false, now);
    dialer.handle_failed(&id(3), now, 1.0);
    assert!(matches!(dialer.next_action(&id(3)), Some(NextAction::Connected { .. })));
}

/// Something that happens to the plan.
#[derive(Debug, Clone)]
enum PlanStep {
    Wait(u64),
    Dialed { pick: usize, succeeds: bool },
    Inbound(u8),
    Lost(u8),
    Remove(u8),
    Add(u8),
}

fn step() -> impl Strategy<Value = PlanStep> {
    prop_oneof![
        (0u64..90_000).prop_map(PlanStep::Wait),
        (any::<usize>(), any::<bool>())
            .prop_map(|(pick, succeeds)| PlanStep::Dialed { pick, succeeds }),
        (0u8..6).prop_map(PlanStep::Inbound),
        (0u8..6).prop_map(PlanStep::Lost),
        (0u8..6).prop_map(PlanStep::Remove),
        (0u8..6).prop_map(PlanStep::Add),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A static node that is neither connected nor being dialed is always due within the cap. There are
    /// never two attempts for one node, never one for a connected node, never more than allowed.
    #[test]
    fn a_static_node_is_never_forgotten(
        steps in prop::collection::vec(step(), 1..80),
        jitter in 0.0f64..=1.0,
    ) {
        let mut now = Instant::now();
        let mut dialer = dialer(&[0, 1, 2, 3, 4, 5], 3, now);
        let mut attempts: Vec<NodeId> = Vec::new();
        let mut connected: HashMap<NodeId, ()> = HashMap::default();
        for step in steps {
            match step {
                PlanStep::Wait(ms) => now += Duration::from_millis(ms),
                PlanStep::Dialed { pick, succeeds } if !attempts.is_empty() => {
                    let id = attempts.swap_remove(pick % attempts.len());
                    if succeeds {
                        dialer.handle_connected(id, true, now);
                        connected.insert(id, ());
                    } else {
                        dialer.handle_failed(&id, now, jitter);
                    }
                }
                PlanStep::Dialed { .. } => {}
                PlanStep::Inbound(n) => {
                    dialer.handle_connected(id(n), false, now);
                    connected.insert(id(n), ());
                }
                PlanStep::Lost(n) => {
                    dialer.handle_disconnected(&id(n), now, jitter);
                    connected.remove(&id(n));
                }
                PlanStep::Remove(n) => {
                    dialer.remove(&id(n));
                }
                PlanStep::Add(n) => dialer.add(enode(n), NodeKind::Static, now),
            }
            while let Some(enode) = dialer.poll_dial(now) {
                prop_assert!(!attempts.contains(&enode.id), "two attempts at once");
                prop_assert!(!connected.contains_key(&enode.id), "dialed although connected");
                attempts.push(enode.id);
            }
            prop_assert!(attempts.len() <= 3);
            prop_assert_eq!(dialer.active(), attempts.len());
            for n in 0..6 {
                if let Some(NextAction::Dial { at, .. }) = dialer.next_action(&id(n)) {
                    prop_assert!(at <= now + BACKOFF.cap);
                    let wakes = dialer.poll_timeout().is_some_and(|timeout| timeout <= at);
                    prop_assert!(wakes || attempts.len() == 3);
                }
            }
        }
    }
}
