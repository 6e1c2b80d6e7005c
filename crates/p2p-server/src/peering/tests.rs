//! The rules that join access, slots and the dial plan.

use std::time::Duration;

use super::*;
use crate::access::{BanTarget, ExclusionReason};

fn id(n: u8) -> NodeId {
    NodeId([n; 64])
}

fn enode(n: u8) -> Enode {
    Enode::new(id(n), ([127, 0, 0, n], 30_303).into())
}

fn candidate(n: u8, direction: Direction) -> Candidate {
    Candidate { id: id(n), ip: [127, 0, 0, n].into(), direction }
}

fn peering(settings: &ServerSettings, now: Instant) -> Peering {
    Peering::new(settings, id(100), now)
}

#[test]
fn a_node_removed_while_it_is_dialed_is_not_admitted() {
    let now = Instant::now();
    let mut peering = peering(&ServerSettings::default(), now);
    peering.add_static(enode(1), now).unwrap();
    assert_eq!(peering.poll_dial(now), Some(enode(1)));
    let outbound = candidate(1, Direction::Outbound);
    assert_eq!(peering.check(&outbound, now), Ok(()));
    assert!(peering.remove(&id(1)));
    assert_eq!(peering.check(&outbound, now), Err(RefuseReason::Unwanted));
    assert_eq!(peering.admit(&outbound, now), Err(RefuseReason::Unwanted));
    assert_eq!(peering.dial_failed(&id(1), now, 0.0), None);
    // The node may still dial this one.
    assert!(peering.admit(&candidate(1, Direction::Inbound), now).is_ok());
}

#[test]
fn sixty_idle_peers_of_one_address_lock_no_other_out() {
    let now = Instant::now();
    let mut peering = peering(&ServerSettings::default(), now);
    let idle =
        |n| Candidate { id: id(n), ip: [192, 0, 2, 1].into(), direction: Direction::Inbound };
    let admitted = (101..161).filter(|n| peering.admit(&idle(*n), now).is_ok()).count();
    assert_eq!(admitted, 50);
    for n in 1..30 {
        let honest = Candidate { ip: [n, 51, 100, 1].into(), ..candidate(n, Direction::Inbound) };
        assert_eq!(peering.check(&honest, now), Ok(()), "peer {n}");
        let admission = peering.admit(&honest, now).unwrap();
        assert_eq!(admission.evicts, Some(n.into()), "the oldest idle one");
    }
    let more = now + Duration::from_secs(10);
    assert_eq!(peering.check(&idle(200), now), Err(RefuseReason::TooManyPeers));
    assert!(peering.admit(&idle(200), more).unwrap().evicts.is_some_and(|number| number <= 50));
    // Static and trusted nodes need no slot of others.
    peering.add_static(enode(90), now).unwrap();
    peering.set_trusted(id(91), true);
    for n in [90, 91] {
        assert_eq!(peering.admit(&candidate(n, Direction::Inbound), now).unwrap().evicts, None);
    }
}

#[test]
fn idle_peers_do_not_take_the_slots_for_dialed_ones() {
    let now = Instant::now();
    let mut settings = ServerSettings::default();
    settings.nodes.boot.push(enode(99));
    let mut peering = peering(&settings, now);
    let idle =
        |n| Candidate { id: id(n), ip: [192, 0, 2, 1].into(), direction: Direction::Inbound };
    assert_eq!((101..161).filter(|n| peering.admit(&idle(*n), now).is_ok()).count(), 34);
    for n in 1..=16 {
        peering.add_found(enode(n), now).unwrap();
        let admission = peering.admit(&candidate(n, Direction::Outbound), now).unwrap();
        assert_eq!(admission.evicts, None);
    }
}

#[test]
fn access_rules_come_before_slots() {
    let now = Instant::now();
    let mut peering = peering(&ServerSettings::default(), now);
    peering.set_trusted(id(1), true);
    peering.access_mut().bans.ban(BanTarget::Node(id(1)), None);
    let inbound = candidate(1, Direction::Inbound);
    assert_eq!(peering.check(&inbound, now), Err(RefuseReason::Banned));
    let banned = Exclusion { reason: ExclusionReason::Banned, until: None };
    assert_eq!(peering.next_action(&id(1), now), Some(NextAction::Excluded(banned)));
    assert_eq!(peering.add_found(enode(1), now), Err(NotAdded::Excluded(banned)));
}

#[test]
fn a_banned_node_is_dialed_when_its_ban_ends() {
    let now = Instant::now();
    let mut peering = peering(&ServerSettings::default(), now);
    peering.add_static(enode(1), now).unwrap();
    let end = now + Duration::from_secs(9);
    peering.access_mut().bans.ban(BanTarget::Node(id(1)), Some(end));
    assert_eq!((peering.poll_dial(now), peering.poll_timeout(now)), (None, Some(end)));
    assert_eq!(peering.poll_dial(end), Some(enode(1)));
    assert_eq!(peering.access().bans.iter(now).count(), 0, "the ended ban is removed");
}

#[test]
fn a_peer_ends_its_attempt_and_its_loss_plans_the_next_one() {
    let now = Instant::now();
    let mut peering = peering(&ServerSettings::default(), now);
    peering.add_static(enode(1), now).unwrap();
    assert_eq!(peering.poll_dial(now), Some(enode(1)));
    let admission = peering.admit(&candidate(1, Direction::Outbound), now).unwrap();
    assert!(matches!(peering.next_action(&id(1), now), Some(NextAction::Connected { .. })));
    assert!(peering.release(&id(1), admission.number, now, 1.0));
    assert!(!peering.release(&id(1), admission.number, now, 1.0));
    assert!(matches!(peering.next_action(&id(1), now), Some(NextAction::Dial { .. })));
}

#[test]
fn this_node_itself_is_neither_static_nor_found() {
    let now = Instant::now();
    let mut settings = ServerSettings::default();
    settings.nodes.statics = vec![enode(100), enode(1)];
    let mut peering = peering(&settings, now);
    assert_eq!(peering.planned_ids().collect::<Vec<_>>(), [id(1)]);
    assert_eq!(peering.add_static(enode(100), now), Err(RefuseReason::SelfConnect));
    let known = NotAdded::Declined(OfferError::Known);
    assert_eq!(peering.add_found(enode(100), now), Err(known));
}

#[test]
fn an_address_is_checked_against_the_rules_and_the_throttle() {
    let now = Instant::now();
    let mut peering = peering(&ServerSettings::default(), now);
    let ip: IpAddr = [192, 0, 2, 1].into();
    assert_eq!(peering.check_inbound(ip, now), Ok(()));
    assert_eq!(peering.check_inbound(ip, now), Err(RefuseReason::Throttled));
    peering.access_mut().networks = Some("10.0.0.0/8".parse().unwrap());
    assert_eq!(peering.check_inbound(ip, now), Err(RefuseReason::Restricted));
}

#[test]
fn a_listed_node_is_resolved_after_some_failures() {
    let mut now = Instant::now();
    let mut peering = peering(&ServerSettings::default(), now);
    peering.add_static(enode(1), now).unwrap();
    let mut resolved = Vec::new();
    for failure in 1..=6 {
        now += Duration::from_secs(3600);
        peering.poll_dial(now).unwrap();
        peering.dial_failed(&id(1), now, 1.0);
        if peering.should_resolve(&id(1)) {
            resolved.push(failure);
        }
    }
    assert_eq!(resolved, [2, 6]);
    let moved = Enode::new(id(1), ([127, 0, 0, 9], 30_303).into());
    peering.set_seen_at(moved.clone(), now);
    assert_eq!(peering.seen_at(&id(1)), Some(&moved));
}

#[test]
fn found_nodes_are_added_while_there_is_room() {
    let now = Instant::now();
    let mut settings = ServerSettings::default();
    settings.limits.max_peers = 6;
    let mut peering = peering(&settings, now);
    for n in 1..=2 {
        assert!(peering.has_room_for_found());
        peering.add_found(enode(n), now).unwrap();
    }
    assert!(!peering.has_room_for_found(), "a third of six slots");
    assert!(!peering.should_resolve(&id(1)), "not a listed node");
}

#[test]
fn a_stranger_is_pinned_less_firmly_than_a_node_that_was_dialed_or_named() {
    let now = Instant::now();
    let mut peering = peering(&ServerSettings::default(), now);
    let unix_time = UNIX_EPOCH + Duration::from_secs(7);
    let rank = |peering: &Peering, n, direction| {
        let pin = peering.pin(&candidate(n, direction), unix_time);
        assert_eq!((pin.id, pin.network, pin.seen), (id(n), IpAddr::from([127, 0, 0, 0]), 7));
        pin.rank
    };
    peering.add_static(enode(1), now).unwrap();
    peering.set_trusted(id(2), true);
    assert_eq!(rank(&peering, 9, Direction::Inbound), PinRank::Inbound);
    assert_eq!(rank(&peering, 9, Direction::Outbound), PinRank::Dialed);
    peering.access_mut().nodes = Some([id(3)].into_iter().collect());
    for n in [1, 2, 3] {
        assert_eq!(rank(&peering, n, Direction::Inbound), PinRank::Listed);
    }
}

#[test]
fn new_limits_apply_to_the_next_connections_and_no_peer_loses_its_slot() {
    let now = Instant::now();
    let mut peering = peering(&ServerSettings::default(), now);
    let from = |n: u8| Candidate { ip: [n, 1, 1, 1].into(), ..candidate(n, Direction::Inbound) };
    for n in 1..=3 {
        peering.admit(&from(n), now).unwrap();
    }
    let mut settings = ServerSettings::default();
    settings.limits.max_peers = 2;
    settings.inbound.throttle = None;
    settings.inbound.max_pending_per_ip = Some(1);
    let ip = IpAddr::from([192, 0, 2, 1]);
    assert!(peering.check_inbound(ip, now).is_ok());
    assert_eq!(peering.check_inbound(ip, now), Err(RefuseReason::Throttled));
    assert!(
        [peering.begin_handshake(ip).1, peering.begin_handshake(ip).1].iter().all(Option::is_none)
    );

    peering.set_limits(settings.limits, &settings.inbound);
    assert_eq!(peering.admit(&from(4), now), Err(RefuseReason::TooManyPeers));
    assert!(peering.check_inbound(ip, now).is_ok() && peering.check_inbound(ip, now).is_ok());
    let evicted = peering.begin_handshake(ip).1.map(|evicted| evicted.reason);
    assert_eq!(evicted, Some(RefuseReason::TooManyPendingPerIp));

    settings.limits.max_peers = 4;
    peering.set_limits(settings.limits, &settings.inbound);
    assert!(peering.admit(&from(4), now).is_ok());
}
