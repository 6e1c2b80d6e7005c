//! The plan on virtual time.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use p2p_mux::identity::{Enode, NodeId};
use proptest::prelude::*;

use super::{AGAIN, Backoff, Declined, Dialer, Kind, NextAction, Why};

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
        dialer.add(enode(n), Kind::Static, now);
    }
    dialer
}

#[test]
fn waits_longer_after_each_failure_and_starts_over_after_a_steady_connection() {
    let mut now = Instant::now();
    let mut dialer = dialer(&[1], 4, now);
    assert_eq!(
        dialer.next_action(&id(1)),
        Some(NextAction::Dial { at: now, failures: 0, why: Why::New })
    );
    for (failures, wait) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60)] {
        assert_eq!(dialer.poll_dial(now), Some(enode(1)));
        assert_eq!(dialer.next_action(&id(1)), Some(NextAction::Dialling { since: now }));
        dialer.handle_failed(&id(1), now, 1.0);
        let at = now + seconds(wait);
        assert_eq!(
            dialer.next_action(&id(1)),
            Some(NextAction::Dial { at, failures, why: Why::Failed })
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
        Some(NextAction::Dial { at, failures: 1, why: Why::Lost })
    );
}

#[test]
fn a_peer_that_hangs_up_at_once_is_not_dialled_without_pause() {
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
fn no_more_attempts_at_once_than_allowed_and_the_longest_wait_goes_first() {
    let start = Instant::now();
    let mut dialer = dialer(&[1, 2], 2, start);
    dialer.add(enode(3), Kind::Static, start + seconds(1));
    let now = start + seconds(5);
    assert!(dialer.poll_dial(now).is_some());
    assert!(dialer.poll_dial(now).is_some());
    assert_eq!(dialer.poll_dial(now), None);
    assert_eq!(
        (dialer.poll_timeout(), dialer.active()),
        (None, 2),
        "nothing to wait for but an attempt's end"
    );
    dialer.handle_failed(&id(1), now, 0.0);
    assert_eq!(dialer.poll_dial(now), Some(enode(3)));
}

#[test]
fn boot_nodes_are_dialled_only_by_a_node_without_peers() {
    let now = Instant::now();
    let mut dialer = Dialer::new(BACKOFF, 4);
    dialer.add(enode(1), Kind::Boot, now);
    dialer.handle_connected(id(9), false, now);
    assert_eq!(dialer.next_action(&id(1)), Some(NextAction::Idle));
    assert_eq!(dialer.poll_dial(now), None);
    dialer.handle_disconnected(&id(9), now, 0.0);
    assert_eq!(dialer.poll_dial(now), Some(enode(1)));
}

#[test]
fn a_removed_node_is_not_dialled_again_and_one_added_again_not_twice_at_once() {
    let now = Instant::now();
    let mut dialer = dialer(&[1], 4, now);
    assert!(dialer.poll_dial(now).is_some());
    assert!(dialer.remove(&id(1)));
    assert!(!dialer.remove(&id(1)));
    assert_eq!(dialer.next_action(&id(1)), None);
    dialer.add(enode(1), Kind::Static, now);
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
    dialer.add(enode(1), Kind::Static, now);
    assert_eq!(
        dialer.poll_timeout(),
        Some(now + seconds(1)),
        "the same address again changes nothing"
    );
    let moved = Enode::new(id(1), SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    dialer.add(moved.clone(), Kind::Static, now);
    assert_eq!(dialer.poll_dial(now), Some(moved));
}

#[test]
fn a_node_that_is_seen_elsewhere_is_dialled_there_too() {
    let now = Instant::now();
    let mut dialer = dialer(&[1], 4, now);
    let moved = Enode::new(id(1), SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    assert_eq!(dialer.offer(enode(1), now), Err(Declined::Known));
    assert_eq!(dialer.seen(&id(1)), None, "where it is said to be");
    assert_eq!(dialer.offer(moved.clone(), now), Err(Declined::Known));
    assert_eq!(dialer.offer(enode(1), now), Err(Declined::Known));
    assert_eq!(dialer.seen(&id(1)), Some(&moved));
    assert_eq!(dialer.poll_dial(now), Some(enode(1)), "still the one that was listed");
    dialer.handle_failed(&id(1), now, 1.0);
    assert_eq!(dialer.seen(&id(1)), Some(&moved));
    dialer.add(moved, Kind::Static, now);
    assert_eq!(dialer.seen(&id(1)), None, "the operator knows now");
}

#[test]
fn the_wait_counts_from_the_beginning_of_an_attempt() {
    let start = Instant::now();
    let mut dialer = dialer(&[1], 4, start);
    // Each attempt takes its 15 s to fail: until the wait is longer, the next one follows at once.
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
        dialer.add(enode(n), Kind::Static, now);
    }
    assert_eq!(std::iter::from_fn(|| dialer.poll_dial(now)).count(), 2);
    // A found node that is removed still has its attempt.
    assert!(dialer.remove(&id(1)));
    dialer.handle_failed(&id(6), now, 1.0);
    dialer.handle_failed(&id(7), now, 1.0);
    assert_eq!(dialer.poll_dial(now).map(|enode| enode.id), Some(id(8)));
    assert_eq!(dialer.poll_dial(now), None);
}

#[test]
fn a_node_that_does_not_dial_says_so() {
    let now = Instant::now();
    let mut dialer = dialer(&[1], 0, now);
    assert_eq!(dialer.next_action(&id(1)), Some(NextAction::Never));
    assert_eq!((dialer.poll_dial(now), dialer.poll_timeout()), (None, None));
    dialer.handle_connected(id(1), false, now);
    assert_eq!(dialer.next_action(&id(1)), Some(NextAction::Connected { since: now }));
}

#[test]
fn an_inbound_connection_also_stops_the_dialling() {
    let now = Instant::now();
    let mut dialer = dialer(&[1], 4, now);
    assert!(dialer.poll_dial(now).is_some());
    dialer.handle_connected(id(1), false, now);
    assert_eq!(dialer.active(), 1, "the attempt has its own end");
    dialer.handle_failed(&id(1), now, 0.0);
    assert_eq!((dialer.active(), dialer.poll_timeout()), (0, None));
}

#[test]
fn a_found_node_is_tried_once_and_must_be_found_again_later() {
    let mut now = Instant::now();
    let mut dialer = Dialer::new(BACKOFF, 4);
    assert_eq!(dialer.offer(enode(1), now), Ok(()));
    assert_eq!((dialer.offer(enode(1), now), dialer.found()), (Err(Declined::Known), 1));
    assert_eq!(dialer.poll_dial(now), Some(enode(1)));
    assert_eq!((dialer.offer(enode(1), now), dialer.found()), (Err(Declined::Known), 1));
    dialer.handle_failed(&id(1), now, 0.0);
    assert_eq!((dialer.poll_timeout(), dialer.found()), (None, 0));
    assert_eq!(dialer.offer(enode(1), now), Err(Declined::Recent));
    now += AGAIN;
    assert_eq!(dialer.offer(enode(1), now), Ok(()));
    assert_eq!(dialer.poll_dial(now), Some(enode(1)));
    dialer.handle_connected(id(1), true, now);
    assert_eq!((dialer.offer(enode(1), now), dialer.found()), (Err(Declined::Known), 0));
    now += AGAIN;
    dialer.handle_disconnected(&id(1), now, 0.0);
    assert_eq!((dialer.next_action(&id(1)), dialer.poll_timeout()), (None, None));
    assert_eq!(dialer.offer(enode(1), now), Err(Declined::Recent), "it has just left");
    assert_eq!(dialer.offer(Enode { tcp: 0, ..enode(2) }, now), Err(Declined::NoPort));
}

#[test]
fn a_found_node_that_hangs_up_for_our_own_attempt_keeps_it() {
    let now = Instant::now();
    for succeeds in [true, false] {
        let mut dialer = Dialer::new(BACKOFF, 4);
        assert_eq!(dialer.offer(enode(1), now), Ok(()));
        assert_eq!(dialer.poll_dial(now), Some(enode(1)));
        dialer.handle_connected(id(1), false, now);
        dialer.handle_disconnected(&id(1), now, 0.0);
        assert!(dialer.get(&id(1)).is_some(), "the attempt is still wanted");
        if succeeds {
            dialer.handle_connected(id(1), true, now);
            assert_eq!(dialer.next_action(&id(1)), Some(NextAction::Connected { since: now }));
            dialer.handle_disconnected(&id(1), now, 0.0);
        } else {
            dialer.handle_failed(&id(1), now, 0.0);
        }
        assert_eq!((dialer.next_action(&id(1)), dialer.active()), (None, 0));
        assert_eq!(dialer.offer(enode(1), now), Err(Declined::Recent));
    }
}

#[test]
fn static_nodes_go_before_found_ones_and_a_found_one_can_become_static() {
    let start = Instant::now();
    let mut dialer = Dialer::new(BACKOFF, 1);
    assert_eq!(dialer.offer(enode(1), start), Ok(()));
    assert_eq!(dialer.offer(enode(3), start), Ok(()));
    let now = start + seconds(9);
    dialer.add(enode(2), Kind::Static, now);
    assert_eq!(dialer.poll_dial(now), Some(enode(2)), "it waited less");
    dialer.handle_failed(&id(2), now, 1.0);
    assert_eq!(dialer.poll_dial(now), Some(enode(1)));
    dialer.add(enode(1), Kind::Static, now);
    dialer.handle_failed(&id(1), now, 1.0);
    assert!(matches!(dialer.next_action(&id(1)), Some(NextAction::Dial { .. })));
    assert_eq!(dialer.poll_dial(now), Some(enode(3)));
    // While it is dialled it connects from the other end, and the attempt comes to nothing.
    dialer.handle_connected(id(3), false, now);
    dialer.handle_failed(&id(3), now, 1.0);
    assert!(matches!(dialer.next_action(&id(3)), Some(NextAction::Connected { .. })));
}

/// One thing that happens to the plan.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Dialled { pick: usize, succeeds: bool },
    Inbound(u8),
    Lost(u8),
    Remove(u8),
    Add(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u64..90_000).prop_map(Step::Wait),
        (any::<usize>(), any::<bool>())
            .prop_map(|(pick, succeeds)| Step::Dialled { pick, succeeds }),
        (0u8..6).prop_map(Step::Inbound),
        (0u8..6).prop_map(Step::Lost),
        (0u8..6).prop_map(Step::Remove),
        (0u8..6).prop_map(Step::Add),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever happened before, a static node that is neither connected nor being dialled is due
    /// within the cap; never two attempts at one node, never one at a connected node, never more
    /// than allowed.
    #[test]
    fn a_static_node_is_never_forgotten(
        steps in prop::collection::vec(step(), 1..80),
        jitter in 0.0f64..=1.0,
    ) {
        let mut now = Instant::now();
        let mut dialer = dialer(&[0, 1, 2, 3, 4, 5], 3, now);
        let mut attempts: Vec<NodeId> = Vec::new();
        let mut connected: HashMap<NodeId, ()> = HashMap::new();
        for step in steps {
            match step {
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Dialled { pick, succeeds } if !attempts.is_empty() => {
                    let id = attempts.swap_remove(pick % attempts.len());
                    if succeeds {
                        dialer.handle_connected(id, true, now);
                        connected.insert(id, ());
                    } else {
                        dialer.handle_failed(&id, now, jitter);
                    }
                }
                Step::Dialled { .. } => {}
                Step::Inbound(n) => {
                    dialer.handle_connected(id(n), false, now);
                    connected.insert(id(n), ());
                }
                Step::Lost(n) => {
                    dialer.handle_disconnected(&id(n), now, jitter);
                    connected.remove(&id(n));
                }
                Step::Remove(n) => {
                    dialer.remove(&id(n));
                }
                Step::Add(n) => dialer.add(enode(n), Kind::Static, now),
            }
            while let Some(enode) = dialer.poll_dial(now) {
                prop_assert!(!attempts.contains(&enode.id), "two attempts at once");
                prop_assert!(!connected.contains_key(&enode.id), "dialled although connected");
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
