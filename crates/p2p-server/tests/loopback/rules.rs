//! Access rules that change while the server runs: they apply to peers, to nodes that dial, and to nodes that
//! are dialed.

use std::{future::pending, time::Duration};

use p2p_server::{
    Config, Event, Events, Exclusion, ExclusionReason, NextAction, RefuseReason, Server,
    identity::NodeId,
    mux::{self, CloseReason, DisconnectReason, HelloExchangeError, Protocol},
};

use crate::support::{
    added, addr, config, connect_from, dial, dropped, hung_up, id, key, pair, soon, start, until,
};

/// Two nodes, each a static node of the other.
async fn mutual_static_nodes() -> (Server, Server, Events) {
    let (a, b) = pair(config(1), config(2)).await;
    b.add_peer(a.enode());
    let events = a.events();
    (a, b, events)
}

fn exclusion(server: &Server, id: NodeId) -> Option<Exclusion> {
    match server.next_action(&id) {
        Some(NextAction::Excluded(exclusion)) => Some(exclusion),
        _ => None,
    }
}

async fn expelled(events: &mut Events, id: NodeId) {
    let closed = dropped(events, id).await;
    assert!(matches!(closed, CloseReason::ByUs(DisconnectReason::Requested)), "{closed:?}");
}

async fn refused(events: &mut Events, id: NodeId, expected: RefuseReason) {
    until(events, |event| match event {
        Event::Refused { id: refused, reason, .. } => {
            ((*refused, *reason) == (id, expected)).then_some(())
        }
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn a_banned_peer_is_disconnected_and_comes_back_only_after_the_ban() {
    let (a, b, mut events) = mutual_static_nodes().await;
    let node = format!("enode://{}", b.id()).parse().unwrap();
    a.ban(node, None);
    expelled(&mut events, b.id()).await;
    let forever = Exclusion { reason: ExclusionReason::Banned, until: None };
    assert_eq!(exclusion(&a, b.id()), Some(forever));
    // The other end goes on dialing.
    for _ in 0..3 {
        refused(&mut events, b.id(), RefuseReason::Banned).await;
    }
    let stats = a.stats();
    assert_eq!((stats.dials, stats.added, stats.removed.expelled), (1, 1, 1), "not dialed since");
    assert!(stats.refused.get(RefuseReason::Banned) >= 3 && a.peer_count() == 0);
    assert_eq!(a.bans().iter().map(|ban| ban.target).collect::<Vec<_>>(), [node]);

    assert!(a.unban(&node) && !a.unban(&node));
    added(&mut events, b.id()).await;
    assert_eq!(exclusion(&a, b.id()), None);
}

#[tokio::test]
async fn a_ban_ends_by_itself() {
    let (a, b) = pair(config(1), config(2).dial(false)).await;
    let mut events = a.events();
    let node = b.id().to_string().parse().unwrap();
    a.ban(node, Some(Duration::from_millis(200)));
    let until = exclusion(&a, b.id()).unwrap().until;
    assert!(until.is_some());
    assert_eq!(a.bans()[0].until, until);
    expelled(&mut events, b.id()).await;
    // The other node does not dial, so the end of the ban has woken the dialer.
    added(&mut events, b.id()).await;
    assert_eq!((a.bans().len(), exclusion(&a, b.id())), (0, None));
}

#[tokio::test]
async fn a_connection_from_a_banned_network_is_closed_at_once() {
    let (a, b, mut events) = mutual_static_nodes().await;
    a.ban("127.0.0.0/29".parse().unwrap(), None);
    expelled(&mut events, b.id()).await;
    assert_eq!(
        exclusion(&a, b.id()).unwrap().reason,
        ExclusionReason::Banned,
        "its address is known"
    );
    let before = a.stats();
    hung_up(&mut connect_from([127, 0, 0, 1], addr(&a)).await.unwrap()).await;
    let after = a.stats();
    assert!(after.refused.get(RefuseReason::Banned) > before.refused.get(RefuseReason::Banned));
    assert_eq!(
        (after.inbound_failures.total(), after.dials),
        (before.inbound_failures.total(), before.dials)
    );
    assert!(a.unban(&"127.0.0.7/29".parse().unwrap()));
    added(&mut events, b.id()).await;
}

#[tokio::test]
async fn a_list_of_allowed_nodes_applies_to_peers_and_to_others() {
    let (a, b, mut events) = mutual_static_nodes().await;
    let _c = start(config(3).static_node(a.enode())).await;
    added(&mut events, id(3)).await;
    assert_eq!((a.allow(id(3)), a.disallow(&id(3)), a.allowed()), (false, false, None));
    a.set_allowed(Some(vec![id(3), id(4)]));
    expelled(&mut events, b.id()).await;
    assert_eq!((a.peer_count(), a.peer(&id(3)).is_some()), (1, true));
    assert_eq!(
        exclusion(&a, b.id()),
        Some(Exclusion { reason: ExclusionReason::NotAllowed, until: None })
    );
    refused(&mut events, b.id(), RefuseReason::NotAllowed).await;
    assert!(a.stats().refused.get(RefuseReason::NotAllowed) > 0);

    assert!(a.allow(b.id()) && !a.allow(b.id()));
    added(&mut events, b.id()).await;
    assert!(a.disallow(&id(3)) && !a.disallow(&id(3)));
    expelled(&mut events, id(3)).await;
    a.set_allowed(None);
    added(&mut events, id(3)).await;
}

#[tokio::test]
async fn the_allowed_networks_change_while_the_server_runs() {
    let (a, b, mut events) = mutual_static_nodes().await;
    a.set_net_restrict(Some("10.0.0.0/8".parse().unwrap()));
    expelled(&mut events, b.id()).await;
    assert_eq!(exclusion(&a, b.id()).unwrap().reason, ExclusionReason::Restricted);
    assert_eq!(a.net_restrict().unwrap().to_string(), "10.0.0.0/8");
    hung_up(&mut connect_from([127, 0, 0, 1], addr(&a)).await.unwrap()).await;
    a.set_net_restrict(Some("127.0.0.0/8".parse().unwrap()));
    added(&mut events, b.id()).await;
}

#[tokio::test]
async fn rules_can_be_set_before_the_start() {
    let ban = |target: &str| config(1).ban(target.parse().unwrap());
    let closed: [(Config, ExclusionReason); 3] = [
        (ban("127.0.0.1"), ExclusionReason::Banned),
        (ban(&id(9).to_string()), ExclusionReason::Banned),
        (config(1).allow(id(2)), ExclusionReason::NotAllowed),
    ];
    for (config, reason) in closed {
        let a = start(config.static_node(start(self::config(9)).await.enode())).await;
        assert_eq!(exclusion(&a, id(9)), Some(Exclusion { reason, until: None }));
        assert_eq!(a.stats().dials, 0);
    }
}

/// The peer does not read, the sub-protocol does not return, and the time limits of the connection are long.
/// Only the limit of the server for a peer that must leave ends the connection.
#[tokio::test]
async fn a_peer_that_must_leave_is_gone_even_if_it_does_not_read() {
    let deaf = Protocol::new("quiet", 1, 2, |_peer, channel| async move {
        while channel.send_raw(0, vec![0; 1 << 20]).await.is_ok() {}
        pending().await
    });
    let close_limit = Duration::from_secs(3600);
    let patient = mux::Config { close_limit, write_limit: close_limit, ..mux::Config::default() };
    let mut config = config(1).connection(patient);
    config.protocols = vec![deaf];
    let a = start(config).await;
    let mut events = a.events();
    for banned in [false, true] {
        let client = dial(&key(9), &a.enode()).await.unwrap();
        added(&mut events, id(9)).await;
        match banned {
            false => assert!(a.remove_peer(&id(9))),
            true => a.ban(id(9).to_string().parse().unwrap(), None),
        }
        expelled(&mut events, id(9)).await;
        drop(client);
    }
    soon(async {
        while a.peer_count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(a.stats().removed.expelled, 2);
}

#[tokio::test]
async fn a_banned_node_is_refused_on_every_attempt() {
    const TRIES: u64 = 300;
    let a = start(config(1).ban(id(9).to_string().parse().unwrap())).await;
    for _ in 0..TRIES {
        let error = dial(&key(9), &a.enode()).await.err().unwrap();
        assert!(
            matches!(error, HelloExchangeError::Refused(DisconnectReason::Requested)),
            "{error:?}"
        );
    }
    // The last refusal is counted after the reason is sent.
    soon(async {
        while a.stats().refused.get(RefuseReason::Banned) < TRIES {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!((a.stats().refused.get(RefuseReason::Banned), a.stats().added), (TRIES, 0));
}
