//! Refused connections: the other end gets the reason, and each one is counted.

use p2p_server::{
    DialError, Event, Exclusion, ExclusionReason, NetRestrict, NextAction, RefuseReason,
    identity::{Enode, Host, NodeId},
    mux::{DisconnectReason, HelloExchangeError},
};
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::support::{added, addr, config, dial, id, key, pair, soon, start, until};

/// The reason that the server at the other end gave.
fn reason_of(error: &HelloExchangeError) -> Option<DisconnectReason> {
    match error {
        HelloExchangeError::Refused(reason) => Some(*reason),
        _ => None,
    }
}

async fn refused(events: &mut p2p_server::Events) -> (NodeId, RefuseReason) {
    until(events, |event| match event {
        Event::Refused { id, reason, .. } => Some((*id, *reason)),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn beyond_the_limit_peers_are_refused_unless_trusted() {
    let (a, b) = pair(config(1), config(2).max_peers(1)).await;
    let mut events = b.events();
    let c = start(config(3)).await;
    let mut c_events = c.events();
    c.add_peer(b.enode());
    assert_eq!(refused(&mut events).await, (c.id(), RefuseReason::TooManyPeers));
    let reason = until(&mut c_events, |event| match event {
        Event::DialFailed { error, .. } => match &**error {
            DialError::Hello(error) => Some(reason_of(error)),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(reason.await, Some(DisconnectReason::TooManyPeers));
    assert!(b.stats().refused.get(RefuseReason::TooManyPeers) >= 1);
    assert_eq!(b.peer_count(), 1);

    assert!(b.add_trusted(c.id()));
    added(&mut events, c.id()).await;
    assert_eq!(b.peer_count(), 2);
    assert_eq!(a.peer_count(), 1);
}

#[tokio::test]
async fn a_second_connection_of_the_same_dialer_is_refused() {
    let b = start(config(2)).await;
    let mut events = b.events();
    let client = key(9);
    let first = dial(&client, &b.enode()).await.unwrap();
    added(&mut events, client.id()).await;
    let error = dial(&client, &b.enode()).await.err().unwrap();
    assert_eq!(reason_of(&error), Some(DisconnectReason::AlreadyConnected));
    assert_eq!(refused(&mut events).await, (client.id(), RefuseReason::AlreadyConnected));
    assert_eq!((b.peer_count(), b.stats().refused.get(RefuseReason::AlreadyConnected)), (1, 1));
    drop(first);
}

#[tokio::test]
async fn a_node_does_not_connect_with_itself() {
    let a = start(config(1)).await;
    let mut events = a.events();
    a.add_peer(a.enode());
    assert_eq!(
        (a.next_action(&a.id()), a.stats().refused.get(RefuseReason::SelfConnect)),
        (None, 1)
    );
    // A client with the same key, like a dial of this node to its own other address.
    let error = dial(&key(1), &a.enode()).await.err().unwrap();
    assert_eq!(reason_of(&error), Some(DisconnectReason::SelfConnect));
    assert_eq!(refused(&mut events).await, (a.id(), RefuseReason::SelfConnect));
    assert_eq!((a.peer_count(), a.stats().refused.get(RefuseReason::SelfConnect)), (0, 2));
}

#[tokio::test]
async fn addresses_outside_the_allowed_networks_are_neither_accepted_nor_dialed() {
    let elsewhere: NetRestrict = "203.0.113.0/24".parse().unwrap();
    let closed = start(config(1).net_restrict(elsewhere)).await;
    let open = start(config(2)).await;
    let mut socket = TcpStream::connect(addr(&closed)).await.unwrap();
    // Closed at once, without a handshake. Whether the connection is reset depends on the system.
    let read = soon(socket.read(&mut [0; 1])).await;
    assert!(matches!(read, Ok(0) | Err(_)));
    assert_eq!(
        (closed.stats().accepted, closed.stats().refused.get(RefuseReason::Restricted)),
        (1, 1)
    );

    // An excluded address is not dialed. A host name is resolved first.
    closed.add_peer(open.enode());
    let exclusion =
        NextAction::Excluded(Exclusion { reason: ExclusionReason::Restricted, until: None });
    assert_eq!(closed.next_action(&open.id()), Some(exclusion));
    let mut events = closed.events();
    closed.add_peer(Enode { host: Host::Name("localhost".into()), ..open.enode() });
    until(&mut events, |event| match event {
        Event::DialFailed { error, .. } => {
            matches!(**error, DialError::Refused(RefuseReason::Restricted)).then_some(())
        }
        _ => None,
    })
    .await;
    assert_eq!(open.stats().accepted, 0);
    assert!(closed.stats().refused.get(RefuseReason::Restricted) >= 2);

    let loopback = start(config(3).net_restrict("127.0.0.0/8".parse().unwrap())).await;
    let mut events = loopback.events();
    open.add_peer(loopback.enode());
    added(&mut events, id(2)).await;
}
