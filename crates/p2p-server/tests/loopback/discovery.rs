//! Nodes that know only a boot node find each other and connect.

use std::{collections::HashSet, time::Duration};

use p2p_server::{
    Config, DiscoverySettings, Server, StartError,
    identity::{Content, Enode, NodeId, Record},
    p2p_discovery::{self, Discv4, NetworkId},
};

use crate::support::{addr, config, id, key, quiet, soon, start};

fn finds(n: u8) -> Config {
    config(n).discovery(DiscoverySettings::new())
}

async fn until_connected(server: &Server, peers: &[NodeId]) {
    let mut events = server.events();
    let wanted: HashSet<&NodeId> = peers.iter().collect();
    soon(async {
        loop {
            if wanted.iter().all(|id| server.peer(id).is_some()) {
                return;
            }
            events.next().await.expect("the server stopped");
        }
    })
    .await;
}

/// A boot node that only answers discovery.
async fn boot(n: u8, config: p2p_discovery::Discv4Config) -> Discv4 {
    let record = Record::sign(&key(n), 1, &Content::new()).unwrap();
    Discv4::start(config, key(n), &record, "127.0.0.1:0".parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn three_nodes_that_know_one_boot_node_connect() {
    let boot = boot(9, p2p_discovery::Discv4Config::new()).await;
    let mut servers = Vec::new();
    for n in 1..=3 {
        servers.push(start(finds(n).boot_node(boot.enode())).await);
    }
    let ids: Vec<NodeId> = servers.iter().map(Server::id).collect();
    for server in &servers {
        let others: Vec<NodeId> = ids.iter().copied().filter(|id| *id != server.id()).collect();
        until_connected(server, &others).await;
    }
    for server in servers {
        soon(server.stop()).await;
    }
}

#[tokio::test]
async fn a_server_can_be_the_boot_node() {
    let first = start(finds(1)).await;
    let second = start(finds(2).boot_node(first.enode())).await;
    let third = start(finds(3).boot_node(first.enode())).await;
    until_connected(&third, &[id(1), id(2)]).await;
    until_connected(&second, &[id(1), id(3)]).await;
}

/// It is a witness of the time, which no message of a connection tells.
#[tokio::test]
async fn a_static_node_is_asked_over_discv4_too() {
    let (first, listed) = (start(finds(1)).await, start(finds(3)).await);
    let second = start(finds(2).static_node(listed.enode())).await;
    second.add_peer(first.enode());
    let discv4 = second.discv4().unwrap();
    let mut events = discv4.events();
    soon(async {
        loop {
            let known: HashSet<NodeId> =
                discv4.nodes().await.unwrap().iter().map(|node| node.id).collect();
            if [id(1), id(3)].iter().all(|id| known.contains(id)) {
                return;
            }
            events.recv().await.unwrap();
        }
    })
    .await;
    assert_eq!(second.clock_error(), None);
}

/// The operator hides the address of this node from its static nodes.
#[tokio::test]
async fn a_static_node_behind_a_proxy_gets_no_datagram() {
    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let listed = Enode::new(id(1), udp.local_addr().unwrap());
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("socks5://{}", closed.local_addr().unwrap()).parse().unwrap();
    drop(closed);
    let mut hidden = finds(2).static_node(listed);
    hidden.settings.dialing.proxy = Some(proxy);
    let server = start(hidden).await;
    let mut events = server.events();
    let mut failures = 0;
    soon(async {
        while failures < 5 {
            let event = events.next().await.unwrap();
            failures += u32::from(matches!(event, p2p_server::Event::DialFailed { .. }));
        }
    })
    .await;
    server.stop().await;
    assert!(udp.try_recv_from(&mut [0; 1]).is_err(), "it sees the address of this node");
}

#[cfg(feature = "store")]
#[tokio::test]
async fn a_known_node_is_found_after_a_restart_without_a_boot_node() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("nodes");
    let keeps = |n| config(n).discovery(DiscoverySettings::new().store(&file));
    let there = start(finds(1)).await;
    let before = start(keeps(2).boot_node(there.enode())).await;
    let discv4 = before.discv4().unwrap();
    let mut found = discv4.events();
    soon(async {
        while discv4.nodes().await.unwrap().iter().all(|node| node.id != id(1)) {
            found.recv().await.unwrap();
        }
    })
    .await;
    let second = Server::start(keeps(3)).await;
    assert!(matches!(second, Err(StartError::Store(_))), "only one server can use the file");
    soon(before.stop()).await;
    drop(before);

    // With another key, so that the other node, which dials too, does not know this one.
    let after = start(keeps(4)).await;
    until_connected(&after, &[id(1)]).await;
    soon(after.stop()).await;
}

#[tokio::test]
async fn networks_do_not_mix() {
    let boot = boot(9, p2p_discovery::Discv4Config::new()).await;
    let of = |n, network| {
        let discovery = DiscoverySettings::new().network(NetworkId(network));
        config(n).discovery(discovery).boot_node(boot.enode())
    };
    let first = start(of(1, 7)).await;
    let same = start(of(2, 7).boot_node(first.enode())).await;
    let foreign = start(of(3, 8).boot_node(first.enode())).await;
    until_connected(&same, &[id(1)]).await;
    let discv4 = foreign.discv4().unwrap();
    // The node of the other network knows the address, gets an answer, and still does not connect.
    soon(discv4.ping(&same.enode())).await.unwrap();
    soon(discv4.lookup(id(2))).await.unwrap();
    assert!(foreign.stats().found.taken == 0 && same.peer(&id(3)).is_none());
}

#[tokio::test]
async fn the_url_and_the_record_have_the_discovery_port() {
    let node = start(finds(1)).await;
    let enode = node.enode();
    let port = node.discv4().unwrap().local_addr().port();
    assert_eq!((enode.udp, enode.tcp), (port, addr(&node).port()));
    let info = node.node_info();
    assert_eq!((info.ports.discovery, info.ports.listener), (enode.udp, enode.tcp));
    assert_eq!(info.enode, enode.to_string());
    let record = node.discv4().unwrap().record();
    assert_eq!(record.enode(), Some(enode));

    // A removed sub-protocol leaves the record, which gets a higher sequence number.
    let mut changes = node.discv4().unwrap().record_changes();
    let capability = quiet().capability().clone();
    node.remove_protocol(&capability).unwrap();
    soon(changes.changed()).await.unwrap();
    let changed = node.discv4().unwrap().record();
    assert!(changed.sequence() > record.sequence() && changed.raw("cap") == Some(&[0xc0]));
}

#[tokio::test]
async fn only_a_known_address_is_in_the_record() {
    let known = start(finds(1).nat("extip:203.0.113.7".parse().unwrap())).await;
    let record = known.discv4().unwrap().record();
    assert_eq!(record.ip(), Some([203, 0, 113, 7].into()));
    let mut anywhere = finds(2);
    anywhere.settings.listen = vec!["0.0.0.0:0".to_owned()];
    let anywhere = start(anywhere).await;
    assert_eq!(anywhere.discv4().unwrap().record().ip(), None);
    let enode = anywhere.enode();
    assert_eq!(enode.to_string().split('@').nth(1).unwrap().split(':').next(), Some("127.0.0.1"));
    assert_ne!(enode.udp, 0);
}

#[tokio::test]
async fn without_discovery_there_is_no_socket_and_a_taken_port_is_an_error() {
    let off = start(finds(1).discover(false)).await;
    assert!(off.discv4().is_none() && off.enode().udp == 0);
    let on = start(finds(2)).await;
    let taken = on.discv4().unwrap().local_addr();
    let config = config(3).discovery(DiscoverySettings::new().addr(taken));
    assert!(matches!(Server::start(config).await, Err(StartError::Discovery(_))));
    let enode = on.enode();
    soon(on.stop()).await;
    let gone = soon(tokio::time::timeout(Duration::from_secs(20), async {
        tokio::net::UdpSocket::bind(taken).await.is_ok()
    }));
    assert_eq!((gone.await, enode.udp), (Ok(true), taken.port()));
}

/// A boot node of discv5, and two servers that know only that node and do not run discv4.
#[cfg(feature = "discv5")]
#[tokio::test]
async fn nodes_found_by_discv5_are_dialed() {
    let record = Record::sign(&key(9), 1, &Content::new()).unwrap();
    let anywhere = "127.0.0.1:0".parse().unwrap();
    let boot = p2p_discovery::Discv5::start(None, &key(9), &record, anywhere).await.unwrap();
    let mut discovery = DiscoverySettings::new().v4(false);
    discovery.v5 = Some(anywhere);
    discovery.v5_boot = vec![boot.record().unwrap()];
    let first = start(config(1).discovery(discovery.clone())).await;
    let second = start(config(2).discovery(discovery)).await;
    until_connected(&first, &[id(2)]).await;
    until_connected(&second, &[id(1)]).await;
    assert!(first.discv4().is_none());
    soon(first.stop()).await;
}

#[cfg(feature = "store")]
#[tokio::test]
async fn a_dialed_peer_is_dialed_again_after_a_restart_without_discovery() {
    let dir = tempfile::tempdir().unwrap();
    let keeps =
        |n| config(n).discovery(DiscoverySettings::new().v4(false).store(dir.path().join("nodes")));
    let there = start(config(1)).await;
    let before = start(keeps(2)).await;
    before.add_peer(there.enode());
    until_connected(&before, &[id(1)]).await;
    soon(before.stop()).await;
    drop(before);
    let after = start(keeps(3)).await;
    until_connected(&after, &[id(1)]).await;
    assert_eq!(after.next_action(&id(1)).map(|_| after.stats().found.taken), Some(1));
}

#[tokio::test]
async fn a_static_peer_that_has_moved_is_found_by_discovery() {
    let boot = boot(9, p2p_discovery::Discv4Config::new()).await;
    let moved = start(finds(1).boot_node(boot.enode())).await;
    // Another node has its old address now.
    let other = start(config(3)).await;
    let listed = Enode { tcp: addr(&other).port(), ..moved.enode() };
    // No slot for found nodes: only asking for this node can find it.
    let node = start(finds(2).max_peers(0).boot_node(boot.enode()).static_node(listed)).await;
    until_connected(&node, &[id(1)]).await;
    assert_eq!(node.stats().found.taken, 0);
    soon(node.stop()).await;
}
