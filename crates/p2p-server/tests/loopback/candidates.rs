//! Nodes from a source of found nodes are dialed while there are free slots.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use p2p_server::{Event, NetRestrict, Server, identity::Enode};
use tokio::sync::mpsc;

use crate::support::{added, addr, config, dropped, id, key, soon, start, until};

/// A source that the test fills. It counts the nodes that were taken from it.
struct Source {
    nodes: mpsc::UnboundedReceiver<Enode>,
    taken: Arc<AtomicUsize>,
}

impl Stream for Source {
    type Item = Enode;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Enode>> {
        let next = self.nodes.poll_recv(context);
        if let Poll::Ready(Some(_)) = next {
            self.taken.fetch_add(1, Ordering::SeqCst);
        }
        next
    }
}

fn source() -> (mpsc::UnboundedSender<Enode>, Source, Arc<AtomicUsize>) {
    let (sender, nodes) = mpsc::unbounded_channel();
    let taken = Arc::new(AtomicUsize::new(0));
    (sender, Source { nodes, taken: Arc::clone(&taken) }, taken)
}

/// A source of one node.
async fn others(numbers: std::ops::Range<u8>) -> Vec<Server> {
    let mut others = Vec::new();
    for n in numbers {
        others.push(start(config(n)).await);
    }
    others
}

#[tokio::test]
async fn found_nodes_become_peers_while_there_are_free_slots() {
    let others = others(2..6).await;
    let node = start(config(1).max_peers(4).dial_ratio(2)).await;
    let mut events = node.events();
    let (nodes, source, taken) = source();
    for other in &others {
        nodes.send(other.enode()).unwrap();
    }
    node.add_candidates(source);
    added(&mut events, id(2)).await;
    added(&mut events, id(3)).await;
    assert_eq!((node.peer_count(), taken.load(Ordering::SeqCst)), (2, 2), "half of the slots");

    // When a peer leaves, the next node is taken; the one that left is not dialed again.
    others[0].stop().await;
    dropped(&mut events, id(2)).await;
    added(&mut events, id(4)).await;
    assert_eq!(node.next_action(&id(2)), None);
    assert_eq!((taken.load(Ordering::SeqCst), node.stats().found.taken), (3, 3));
    node.stop().await;
}

#[tokio::test]
async fn nodes_that_cannot_be_peers_are_skipped_and_counted() {
    let others = others(2..5).await;
    let lan: NetRestrict = "127.0.0.0/8".parse().unwrap();
    let node = start(config(1).net_restrict(lan).static_node(others[0].enode())).await;
    let mut events = node.events();
    let (nodes, source, _) = source();
    let third = others[1].enode();
    nodes.send(node.enode()).unwrap();
    nodes.send(others[0].enode()).unwrap();
    nodes.send(Enode { tcp: 0, ..third.clone() }).unwrap();
    nodes.send(Enode::new(third.id, "10.1.2.3:30303".parse().unwrap())).unwrap();
    nodes.send(third).unwrap();
    node.add_candidates(source);
    added(&mut events, id(3)).await;
    let found = node.stats().found;
    assert_eq!((found.seen, found.taken, found.known), (5, 1, 2));
    assert_eq!((found.no_port, found.restricted, found.recent), (1, 1, 0));
}

#[tokio::test]
async fn a_found_node_that_does_not_answer_is_dialed_once_until_it_is_found_again() {
    let gone = start(config(2)).await;
    let enode = gone.enode();
    gone.stop().await;
    let node = start(config(1).found_cooldown(Duration::from_millis(20))).await;
    let mut events = node.events();
    let (nodes, source, _) = source();
    node.add_candidates(source);
    nodes.send(enode.clone()).unwrap();
    let failed = |event: &Event| matches!(event, Event::DialFailed { .. }).then_some(());
    until(&mut events, failed).await;
    assert_eq!(node.next_action(&id(2)), None);
    // It comes back, and is found until it is dialed.
    let mut again = config(2);
    again.settings.listen = vec![addr(&gone).to_string()];
    let _back = start(again).await;
    soon(async {
        while node.peer_count() == 0 {
            nodes.send(enode.clone()).unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!((node.stats().dials, node.stats().found.taken), (2, 2));
}

#[tokio::test]
async fn a_source_is_dropped_by_a_node_that_does_not_dial_and_by_a_stop() {
    let quiet = start(config(1).dial(false)).await;
    let (nodes, found, _) = source();
    quiet.add_candidates(found);
    assert!(nodes.is_closed());
    let node = start(config(2)).await;
    let (nodes, found, _) = source();
    node.add_candidates(found);
    assert!(!nodes.is_closed());
    node.stop().await;
    assert!(nodes.is_closed());
    assert_eq!(node.id(), key(2).id());
}
