//! Connecting, exchanging messages, disconnecting, and reconnecting.

use p2p_server::{
    DialError, Direction, Event, NextAction, RefuseReason,
    identity::{Enode, Host},
    mux::{CloseReason, DisconnectReason},
    transport::{HANDSHAKE_LIMIT, accept},
};
use tokio::net::TcpListener;

use crate::support::{added, addr, config, dropped, echo, id, key, pair, soon, start, until};

#[tokio::test]
async fn two_nodes_connect_exchange_messages_and_disconnect() {
    let (echo_a, mut heard_a) = echo(10);
    let (echo_b, mut heard_b) = echo(20);
    let (a, b) = (start(config(1).protocol(echo_a)).await, start(config(2).protocol(echo_b)).await);
    let (mut a_events, mut b_events) = (a.events(), b.events());
    a.add_peer(b.enode());
    let (direction, client) = until(&mut a_events, |event| match event {
        Event::Added { direction, client, .. } => Some((*direction, client.clone())),
        _ => None,
    })
    .await;
    assert_eq!((direction, client.as_str()), (Direction::Outbound, "node-2"));
    let direction = until(&mut b_events, |event| match event {
        Event::Added { direction, .. } => Some(*direction),
        _ => None,
    })
    .await;
    assert_eq!(direction, Direction::Inbound);
    assert_eq!(soon(heard_a.recv()).await, Some((b.id(), 11)));
    assert_eq!(soon(heard_b.recv()).await, Some((a.id(), 21)));
    assert_eq!((a.peer_count(), b.peer_count()), (1, 1));
    assert!(matches!(a.next_action(&b.id()), Some(NextAction::Connected { .. })));

    a.stop().await;
    assert!(matches!(
        dropped(&mut a_events, b.id()).await,
        CloseReason::ByUs(DisconnectReason::Quitting)
    ));
    assert!(matches!(
        dropped(&mut b_events, a.id()).await,
        CloseReason::ByPeer(DisconnectReason::Quitting)
    ));
    assert_eq!(b.peer_count(), 0);
    b.stop().await;
}

#[tokio::test]
async fn a_static_peer_is_dialed_again_when_it_comes_back() {
    let (a, mut b) = pair(config(1), config(2)).await;
    let mut events = a.events();
    let port = addr(&b);
    for _ in 0..3 {
        b.stop().await;
        dropped(&mut events, id(2)).await;
        until(&mut events, |event| match event {
            Event::DialFailed { error, .. } => {
                matches!(**error, DialError::Connect(_)).then_some(())
            }
            _ => None,
        })
        .await;
        let mut again = config(2);
        again.settings.listen = vec![port.to_string()];
        b = start(again).await;
        added(&mut events, id(2)).await;
    }
    assert!(a.stats().dials >= 4);
    a.stop().await;
}

#[tokio::test]
async fn a_host_name_is_resolved_when_dialing() {
    let (a, b) = (start(config(1)).await, start(config(2)).await);
    let mut events = a.events();
    let enode = Enode { host: Host::Name("localhost".into()), ..b.enode() };
    a.add_peer(enode.clone());
    added(&mut events, id(2)).await;
    assert_eq!(a.peers()[0].enode, enode.to_string(), "shown as dialed");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_and_a_wrong_key_are_different_errors() {
    let (a, b) = (start(config(1)).await, start(config(2)).await);
    let mut events = a.events();
    a.add_peer(Enode { host: Host::Name("does-not-exist.invalid".into()), ..b.enode() });
    let name = until(&mut events, |event| match event {
        Event::DialFailed { error, .. } => Some(matches!(**error, DialError::Resolve(_))),
        _ => None,
    });
    assert!(name.await);
    assert!(a.remove_peer(&b.id()));
    a.add_peer(Enode { id: id(3), ..b.enode() });
    until(&mut events, |event| match event {
        Event::DialFailed { id: dialed, error, .. } if *dialed == id(3) => {
            matches!(**error, DialError::Handshake(_)).then_some(())
        }
        _ => None,
    })
    .await;
    assert_eq!(b.peer_count(), 0);
}

#[tokio::test]
async fn a_removed_peer_gets_the_reason_and_is_not_dialed_again() {
    let (a, b) = pair(config(1), config(2)).await;
    let (mut a_events, mut b_events) = (a.events(), b.events());
    assert!(a.remove_peer(&b.id()));
    assert!(matches!(
        dropped(&mut a_events, b.id()).await,
        CloseReason::ByUs(DisconnectReason::Requested)
    ));
    assert!(matches!(
        dropped(&mut b_events, a.id()).await,
        CloseReason::ByPeer(DisconnectReason::Requested)
    ));
    assert_eq!(a.next_action(&b.id()), None);
    assert!(!a.remove_peer(&b.id()));
}

#[tokio::test]
async fn a_peer_removed_while_it_is_dialed_does_not_become_one() {
    // A listener that accepts the dial but sends nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let a = start(config(1)).await;
    a.add_peer(Enode::new(id(2), listener.local_addr().unwrap()));
    let (socket, _) = soon(listener.accept()).await.unwrap();
    assert!(matches!(a.next_action(&id(2)), Some(NextAction::Dialing { .. })));
    let mut events = a.events();
    assert!(a.remove_peer(&id(2)));
    // Now the other end answers.
    let stream = soon(accept(socket, &key(2), HANDSHAKE_LIMIT)).await.unwrap();
    until(&mut events, |event| match event {
        Event::DialFailed { error, .. } => {
            matches!(**error, DialError::Refused(RefuseReason::Unwanted)).then_some(())
        }
        _ => None,
    })
    .await;
    drop(stream);
    assert_eq!((a.peer_count(), a.stats().refused.get(RefuseReason::Unwanted)), (0, 1));
}

#[tokio::test]
async fn a_connected_peer_can_become_static() {
    let (a, b) = pair(config(1), config(2)).await;
    assert!(!b.peers()[0].network.is_static);
    b.add_peer(a.enode());
    assert!(b.peers()[0].network.is_static);
    assert!(matches!(b.next_action(&a.id()), Some(NextAction::Connected { .. })));
    assert_eq!(b.stats().dials, 0);
}

#[tokio::test]
async fn boot_nodes_are_dialed_by_a_node_without_peers_and_only_with_discovery() {
    let boot = start(config(1)).await;
    let joins = start(config(2).boot_node(boot.enode())).await;
    let mut events = boot.events();
    added(&mut events, joins.id()).await;
    let closed = start(config(3).boot_node(boot.enode()).discover(false)).await;
    assert_eq!(closed.next_action(&boot.id()), None);
}

#[tokio::test]
async fn a_node_that_does_not_dial_is_still_reached() {
    let (a, b) = (start(config(1)).await, start(config(2).dial(false)).await);
    b.add_peer(a.enode());
    let mut events = b.events();
    a.add_peer(b.enode());
    added(&mut events, a.id()).await;
    assert_eq!(b.stats().dials, 0);
}

#[tokio::test]
async fn a_slow_subscriber_gets_the_number_of_missed_events() {
    let a = start(config(1).event_buffer(1)).await;
    let mut slow = a.events();
    let mut other = a.events();
    // No process listens there, so each attempt fails and is an event.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    a.add_peer(Enode::new(id(2), gone));
    let mut seen = 0;
    while seen < 3 {
        if let Some(Event::DialFailed { .. }) = soon(other.next()).await {
            seen += 1;
        }
    }
    assert!(matches!(soon(slow.next()).await, Some(Event::Missed(missed)) if missed >= 2));
    assert!(matches!(soon(slow.next()).await, Some(Event::DialFailed { .. })));
}
