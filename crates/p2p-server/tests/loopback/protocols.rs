//! Sub-protocols added to and removed from running servers.

use std::time::Duration;

use p2p_server::{
    MessageEvent, ProtocolError, Server,
    mux::{Capability, CloseReason, Direction, DisconnectReason, Protocol},
};
use tokio::sync::mpsc;

use crate::support::{PING, PONG, added, config, dropped, echo, id, pair, quiet, soon, start};

fn shared(server: &Server, with: &Server) -> Vec<String> {
    server.peer(&with.id()).unwrap().shared().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_new_sub_protocol_runs_with_peers_that_connect_later() {
    let (a, b) = pair(config(1), config(2)).await;
    let (echo_a, mut heard_a) = echo(10);
    let (echo_b, _heard_b) = echo(20);
    a.add_protocol(echo_a).unwrap();
    b.add_protocol(echo_b).unwrap();
    assert_eq!(a.protocols(), [Capability::new("quiet", 1), Capability::new("echo", 1)]);
    assert_eq!((shared(&a, &b), shared(&b, &a)), (vec!["quiet/1".into()], vec!["quiet/1".into()]));
    assert!(a.node_info().protocols.contains_key("echo"));

    // The existing connection is unchanged; the next one has the sub-protocol.
    let mut events = a.events();
    a.peer(&b.id()).unwrap().disconnect(DisconnectReason::Requested);
    dropped(&mut events, b.id()).await;
    added(&mut events, b.id()).await;
    assert_eq!(shared(&a, &b), ["echo/1", "quiet/1"]);
    assert_eq!(soon(heard_a.recv()).await, Some((b.id(), 11)));
}

/// A sub-protocol that runs as long as its slot is open, and reports its end.
fn watched(ended: mpsc::Sender<()>) -> Protocol {
    Protocol::new("watched", 1, 1, move |_peer, mut channel| {
        let ended = ended.clone();
        async move {
            while channel.recv().await.is_some() {}
            ended.send(()).await?;
            Ok(())
        }
    })
}

#[tokio::test]
async fn a_removed_sub_protocol_ends_and_the_connection_stays() {
    let (ended, mut end) = mpsc::channel(4);
    let watched = watched(ended);
    let both = |n| config(n).protocol(watched.clone());
    let (a, b) = pair(both(1), both(2)).await;
    assert_eq!(shared(&a, &b), ["quiet/1", "watched/1"]);
    let capability = Capability::new("watched", 1);
    a.remove_protocol(&capability).unwrap();
    soon(end.recv()).await.unwrap();
    // The other end does not know of the removal, and its slot stays; the connection stays.
    let peer = a.peer(&b.id()).unwrap();
    soon(async {
        while peer.stats().slots[1].exits.removed == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!peer.is_closed() && !b.peer(&a.id()).unwrap().is_closed());
    assert_eq!(a.protocols(), [Capability::new("quiet", 1)]);
    assert!(!a.node_info().protocols.contains_key("watched"));
    assert_eq!(a.remove_protocol(&capability), Err(ProtocolError::Unknown(capability)));

    // It is not announced to a peer that connects now.
    let mut events = a.events();
    peer.disconnect(DisconnectReason::Requested);
    dropped(&mut events, b.id()).await;
    added(&mut events, b.id()).await;
    assert_eq!(shared(&a, &b), ["quiet/1"]);
}

#[tokio::test]
async fn a_connection_ends_with_the_removal_of_its_last_sub_protocol() {
    let (a, b) = pair(config(1), config(2)).await;
    let (mut at_a, mut at_b) = (a.events(), b.events());
    a.remove_protocol(&Capability::new("quiet", 1)).unwrap();
    let closed = dropped(&mut at_a, b.id()).await;
    assert!(matches!(closed, CloseReason::ByUs(DisconnectReason::UselessPeer)), "{closed:?}");
    let closed = dropped(&mut at_b, a.id()).await;
    assert!(matches!(closed, CloseReason::ByPeer(DisconnectReason::UselessPeer)), "{closed:?}");
}

/// Reports when it is dropped.
struct Guard(mpsc::Sender<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.try_send(()).unwrap();
    }
}

#[tokio::test]
async fn a_task_that_does_not_return_after_its_removal_is_cancelled() {
    let (tell, mut gone) = mpsc::channel(4);
    let deaf = Protocol::new("deaf", 1, 1, move |_peer, channel| {
        let guard = Guard(tell.clone());
        async move {
            let _held = (guard, channel);
            std::future::pending().await
        }
    });
    let connection =
        p2p_server::mux::Config { close_limit: Duration::from_millis(20), ..Default::default() };
    let both = |n| config(n).connection(connection).protocol(deaf.clone());
    let (a, b) = pair(both(1), both(2)).await;
    for server in [&a, &b] {
        server.remove_protocol(&Capability::new("deaf", 1)).unwrap();
    }
    soon(gone.recv()).await.unwrap();
    soon(gone.recv()).await.unwrap();
    assert_eq!((a.peer_count(), b.peer_count()), (1, 1));
}

#[tokio::test]
async fn a_refused_sub_protocol_changes_nothing() {
    let (a, _b) = pair(config(1), config(2)).await;
    let refused = a.add_protocol(quiet());
    assert_eq!(refused, Err(ProtocolError::Duplicate(Capability::new("quiet", 1))));
    for name in ["", "ninechars", "a b", "\u{e4}"] {
        let next = Protocol::new(name, 1, 1, |_, _| async { Ok(()) });
        assert_eq!(a.add_protocol(next), Err(ProtocolError::Name(Capability::new(name, 1))));
    }
    let mut last = Ok(());
    for version in 1..1000 {
        let next = Protocol::new("takeroom", version, 1, |_, _| async { Ok(()) });
        last = a.add_protocol(next);
        if last.is_err() {
            break;
        }
    }
    assert!(matches!(last, Err(ProtocolError::HelloTooLong { bytes, .. }) if bytes > 2048));
    assert!(a.protocols().len() > 50);
    assert_eq!(a.peer_count(), 1);
}

#[tokio::test]
async fn every_message_is_an_event_if_that_is_on() {
    let (of_a, _heard_a) = echo(10);
    let (of_b, mut heard_b) = echo(20);
    let watched = start(config(1).message_events(true).protocol(of_a)).await;
    let other = start(config(2).protocol(of_b)).await;
    assert!(soon(other.messages().next()).await.is_none(), "not switched on");
    let mut messages = watched.messages();
    other.add_peer(watched.enode());
    assert!(soon(heard_b.recv()).await.is_some());
    // A ping and its answer in each direction.
    let mut seen = Vec::new();
    while seen.len() < 4 {
        match soon(messages.next()).await {
            Some(MessageEvent::Message { capability, traffic }) => {
                assert_eq!((capability.to_string().as_str(), traffic.peer), ("echo/1", id(2)));
                seen.push((traffic.direction == Direction::In, traffic.code, traffic.length));
            }
            other => panic!("{other:?}"),
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [(false, PING, 1), (false, PONG, 1), (true, PING, 1), (true, PONG, 1)]);

    // Also the messages of a sub-protocol that is added later.
    let late = Protocol::new("late", 1, 1, |_peer, mut channel| async move {
        channel.send(0, &0u64).await?;
        while channel.recv().await.is_some() {}
        Ok(())
    });
    watched.add_protocol(late.clone()).unwrap();
    other.add_protocol(late).unwrap();
    other.peer(&id(1)).unwrap().disconnect(DisconnectReason::Requested);
    soon(async {
        loop {
            match messages.next().await {
                Some(MessageEvent::Message { capability, .. }) if capability.name == "late" => {
                    break;
                }
                Some(_) => {}
                None => panic!("the server stopped"),
            }
        }
    })
    .await;
    watched.stop().await;
    while messages.next().await.is_some() {}
}
