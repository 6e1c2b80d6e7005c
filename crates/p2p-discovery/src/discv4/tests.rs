//! Nodes on loopback, each with its own socket.

use std::time::Duration;

use futures_util::StreamExt as _;
use p2p_identity::{Content, Enode, EnodeUseError, NodeId, Record, SecretKey};
use tokio::net::UdpSocket;

use super::*;
use crate::network::NetworkId;

fn key(n: u8) -> SecretKey {
    SecretKey::from_bytes(&[n; 32]).unwrap()
}

async fn start_with(n: u8, config: Discv4Config, addr: &str) -> Discv4 {
    let record = Record::sign(&key(n), 1, &Content::new().tcp(30000 + u16::from(n))).unwrap();
    Discv4::start(config, key(n), &record, addr.parse().unwrap()).await.unwrap()
}

async fn start(n: u8) -> Discv4 {
    start_with(n, Discv4Config::new(), "127.0.0.1:0").await
}

/// Waits for the future, but not forever: the test fails after 30 s.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    time::timeout(Duration::from_secs(30), future).await.expect("timeout")
}

async fn found(events: &mut broadcast::Receiver<Event>, id: NodeId) -> Node {
    soon(async {
        loop {
            if let Event::Found(node) = events.recv().await.unwrap()
                && node.id == id
            {
                return node;
            }
        }
    })
    .await
}

#[tokio::test]
async fn nodes_find_each_other_through_a_boot_node() {
    let boot = start(1).await;
    let (a, b) = (start(2).await, start(3).await);
    let (mut a_events, mut b_events) = (a.events(), b.events());
    a.add_boot_node(&boot.enode()).await.unwrap();
    found(&mut a_events, boot.id()).await;
    b.add_boot_node(&boot.enode()).await.unwrap();
    let node = found(&mut b_events, a.id()).await;
    assert_eq!(node.enode(), a.enode(), "with the TCP port of its pings");
    let outcome = soon(b.lookup(a.id())).await.unwrap();
    assert_eq!(outcome.nodes[0].id, a.id());
    let record = soon(b.resolve(a.id())).await.unwrap();
    assert_eq!(record, a.record());
    assert!(matches!(soon(b.resolve(key(9).id())).await, Err(RequestError::NotFound)));
}

#[tokio::test]
async fn a_ping_is_answered_or_fails() {
    let (a, b) = (start(1).await, start(2).await);
    assert!(soon(a.ping(&b.enode())).await.is_ok());
    let named = format!("enode://{}@localhost:1?discport={}", b.id(), b.local_addr().port());
    assert!(soon(a.ping(&named.parse().unwrap())).await.is_ok(), "a host name is resolved");
    for (address, error) in [
        ("127.0.0.1:30303?discport=0", EnodeUseError::NoUdpPort),
        ("0.0.0.0:30303", EnodeUseError::Unspecified([0, 0, 0, 0].into())),
    ] {
        let unusable: Enode = format!("enode://{}@{address}", b.id()).parse().unwrap();
        let refused = |result| matches!(result, Err(RequestError::Address(is)) if is == error);
        assert!(refused(soon(a.ping(&unusable)).await.map(drop)), "{address}");
        assert!(refused(soon(a.add_boot_node(&unusable)).await), "{address}");
    }
    let gone = b.enode();
    b.stop().await;
    assert!(matches!(soon(a.ping(&gone)).await, Err(RequestError::NoAnswer(_))));
    assert!(matches!(soon(b.ping(&a.enode())).await, Err(RequestError::Stopped)));
    let unknown: Enode =
        format!("enode://{}@does-not-exist.invalid:1", key(3).id()).parse().unwrap();
    assert!(matches!(soon(a.ping(&unknown)).await, Err(RequestError::Name(_))));
}

#[tokio::test]
async fn the_record_has_the_port_of_the_socket_and_can_be_updated() {
    let (a, b) = (start(1).await, start(2).await);
    let record = a.record();
    assert_eq!(record.udp(), Some(a.local_addr().port()));
    assert_eq!((record.ip(), record.tcp()), (Some([127, 0, 0, 1].into()), Some(30001)));
    let mut changes = a.record_changes();
    a.update_record(|content| content.tcp(40000)).await.unwrap();
    soon(changes.changed()).await.unwrap();
    assert_eq!(a.record().tcp(), Some(40000));
    assert_eq!(soon(b.request_record(&a.enode())).await.unwrap(), a.record());
    let long = [0; 300];
    let too_long = a.update_record(move |content| content.set("x", long.as_slice())).await;
    assert!(matches!(too_long, Err(RequestError::Record(_))));
}

#[tokio::test]
async fn candidates_are_live_nodes_and_repeat() {
    let boot = start(1).await;
    let (a, b) = (start(2).await, start(3).await);
    for node in [&a, &b] {
        node.add_boot_node(&boot.enode()).await.unwrap();
    }
    let mut candidates = b.candidates();
    let (mut boots, mut others) = (0, 0);
    while boots < 2 || others < 2 {
        let node = soon(candidates.next()).await.unwrap();
        boots += usize::from(node.id == boot.id());
        others += usize::from(node.id == a.id());
    }
    b.stop().await;
    soon(async { while candidates.next().await.is_some() {} }).await;
}

#[tokio::test]
async fn separate_networks_do_not_mix() {
    let config = |id| Discv4Config::new().network(NetworkId(id));
    let boot = start_with(1, config(7), "127.0.0.1:0").await;
    let ours = start_with(2, config(7), "127.0.0.1:0").await;
    let theirs = start_with(3, config(8), "127.0.0.1:0").await;
    let mut events = ours.events();
    theirs.add_boot_node(&boot.enode()).await.unwrap();
    assert!(soon(theirs.ping(&boot.enode())).await.is_ok(), "a ping is always answered");
    ours.add_boot_node(&boot.enode()).await.unwrap();
    found(&mut events, boot.id()).await;
    soon(ours.lookup(theirs.id())).await.unwrap();
    let known = |nodes: Vec<Node>| nodes.into_iter().map(|node| node.id).collect::<Vec<_>>();
    assert_eq!(known(ours.nodes().await.unwrap()), [boot.id()]);
    assert_eq!(known(theirs.nodes().await.unwrap()), []);
}

#[tokio::test]
async fn a_dual_stack_socket_reaches_both_families() {
    // Not every machine has IPv6.
    let Ok(both) = UdpSocket::bind("[::]:0").await else { return };
    let record = Record::sign(&key(1), 1, &Content::new()).unwrap();
    let both = Discv4::start_in(
        SystemWorld::shared(),
        Arc::new(both),
        Discv4Config::new(),
        key(1),
        &record,
    )
    .unwrap();
    let four = start(2).await;
    let port = both.local_addr().port();
    let at = |ip: &str| Enode::new(both.id(), SocketAddr::new(ip.parse().unwrap(), port));
    assert!(soon(four.ping(&at("127.0.0.1"))).await.is_ok());
    assert!(soon(both.ping(&four.enode())).await.is_ok());
    if let Ok(socket) = UdpSocket::bind("[::1]:0").await {
        let record = Record::sign(&key(3), 1, &Content::new()).unwrap();
        let six = Discv4::start_in(
            SystemWorld::shared(),
            Arc::new(socket),
            Discv4Config::new(),
            key(3),
            &record,
        )
        .unwrap();
        assert!(soon(six.ping(&at("::1"))).await.is_ok());
    }
}

#[tokio::test]
async fn junk_is_counted_and_an_address_in_use_is_an_error() {
    let node = start(1).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for len in [0, 1, 97, 98, 1280, 1281, 1500] {
        socket.send_to(&vec![0x5a; len], node.local_addr()).await.unwrap();
    }
    soon(async {
        while node.stats().0.datagrams_in < 7 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let record = node.record();
    let again = Discv4::start(Discv4Config::new(), key(1), &record, node.local_addr()).await;
    assert!(matches!(again, Err(Discv4Error::Bind { .. })));
    let foreign =
        Discv4::start(Discv4Config::new(), key(2), &record, "127.0.0.1:0".parse().unwrap());
    assert!(matches!(foreign.await, Err(Discv4Error::Record(_))));
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_task() {
    let node = start(1).await;
    let (addr, mut events) = (node.local_addr(), node.events());
    drop(node);
    let ended = soon(async { while events.recv().await.is_ok() {} });
    ended.await;
    assert!(UdpSocket::bind(addr).await.is_ok());
}
