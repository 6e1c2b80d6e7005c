//! Streams that the user of the crate opens, and their faults.

use std::{
    future::pending,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use p2p_server::{
    Backoff, Config, DialError, Event, NextAction, NodeDialer, RefuseReason,
    identity::{Enode, Host},
};
use tokio::{io::DuplexStream, time::Instant};

use crate::{
    memory::Net,
    support::{added, dropped, id, key, quiet, soon, start, until},
};

fn in_memory(n: u8, net: &Net) -> Config {
    Config::new(key(n)).protocol(quiet()).node_dialer(net.dialer())
}

#[tokio::test(start_paused = true)]
async fn two_nodes_connect_in_memory_on_a_paused_clock() {
    let net = Net::new(1, 20);
    let (a, b) = (start(in_memory(1, &net)).await, start(in_memory(2, &net)).await);
    let (mut a_events, mut b_events) = (a.events(), b.events());
    // A host name that only this network resolves.
    let named = Enode { host: Host::Name("b.memory".into()), ..b.enode() };
    a.add_peer(named.clone());
    let refused = until(&mut a_events, |event| match event {
        Event::DialFailed { error, .. } => Some(matches!(**error, DialError::Connect(_))),
        _ => None,
    });
    assert!(refused.await, "b cannot be reached yet");
    net.add(&b);
    added(&mut a_events, id(2)).await;
    added(&mut b_events, id(1)).await;
    let (to_b, to_a) = (&a.peers()[0], &b.peers()[0]);
    assert_eq!(to_b.enode, named.to_string());
    assert_eq!(to_b.network.remote_address.to_string(), "0.0.0.0:0", "unknown");
    assert_eq!(to_a.network.remote_address.to_string(), "127.0.0.1:1", "as given to accept");
    assert!(to_a.network.inbound && !to_b.network.inbound);
    b.stop().await;
    dropped(&mut a_events, id(2)).await;
    assert_eq!(net.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_static_peer_that_was_away_for_days_is_back_within_the_cap() {
    let net = Net::new(2, 20);
    let (a, b) = (start(in_memory(1, &net)).await, start(in_memory(2, &net)).await);
    let mut events = a.events();
    a.add_peer(b.enode());
    tokio::time::sleep(Duration::from_secs(3 * 24 * 3600)).await;
    assert!(matches!(a.next_action(&id(2)), Some(NextAction::Dial { .. })));
    net.add(&b);
    let since = Instant::now();
    loop {
        if let Some(Event::Added { .. }) = events.next().await {
            break;
        }
    }
    assert!(since.elapsed() <= Backoff::default().cap + Duration::from_secs(5));
}

/// The first call panics, the second one never returns, and later ones return a stream that ends at once.
fn bad_dialer(calls: &Arc<AtomicU32>) -> NodeDialer {
    let calls = Arc::clone(calls);
    NodeDialer::new(move |_| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        async move {
            match call {
                0 => panic!("for the test"),
                1 => pending::<io::Result<DuplexStream>>().await,
                _ => Ok(tokio::io::duplex(1).0),
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn dialing_goes_on_after_a_dialer_that_panics_or_hangs() {
    let calls = Arc::default();
    let node = start(Config::new(key(1)).protocol(quiet()).node_dialer(bad_dialer(&calls))).await;
    let mut events = node.events();
    node.add_peer(Enode::new(id(2), ([127, 0, 0, 1], 1).into()));
    let mut causes = Vec::new();
    while causes.len() < 3 {
        let Some(Event::DialFailed { error, .. }) = soon(events.next()).await else { continue };
        causes.push(error);
    }
    assert!(matches!(*causes[0], DialError::Panicked), "{causes:?}");
    assert!(matches!(*causes[1], DialError::Timeout), "{causes:?}");
    assert!(matches!(*causes[2], DialError::Handshake(_)), "{causes:?}");
    assert!(matches!(node.next_action(&id(2)), Some(NextAction::Dial { failures: 3, .. })));
}

#[tokio::test(start_paused = true)]
async fn an_unresolved_name_is_not_dialed_where_networks_are_restricted() {
    let net = Net::new(3, 0);
    let config = in_memory(1, &net).net_restrict("127.0.0.0/8".parse().unwrap());
    let (a, b) = (start(config).await, start(in_memory(2, &net)).await);
    net.add(&b);
    let mut events = a.events();
    a.add_peer(Enode { host: Host::Name("b.memory".into()), ..b.enode() });
    until(&mut events, |event| match event {
        Event::DialFailed { error, .. } => {
            matches!(**error, DialError::Refused(RefuseReason::Restricted)).then_some(())
        }
        _ => None,
    })
    .await;
    assert_eq!(net.begun(), 0);
    a.add_peer(b.enode());
    added(&mut events, id(2)).await;
}

/// A source of one node.
struct OneNode(Option<Enode>);

impl Stream for OneNode {
    type Item = Enode;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Enode>> {
        Poll::Ready(self.0.take())
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_of_nodes_can_be_part_of_the_configuration() {
    let net = Net::new(4, 5);
    let b = start(in_memory(2, &net)).await;
    net.add(&b);
    let enode = Enode::new(id(2), ([127, 0, 0, 1], 1).into());
    let a = start(in_memory(1, &net).candidates(move || OneNode(Some(enode.clone())))).await;
    added(&mut b.events(), id(1)).await;
    assert_eq!(a.stats().found.taken, 1);
}
