//! Over which link nodes are connected: policies, pins, and attempts to keep two nodes in plain RLPx.

use p2p_server::{
    Config, DialFailReason, Event, Server,
    transport::{HANDSHAKE_LIMIT, Link, SecPolicy, SecSettings, Stock, StockSize, connect_with},
};
use rand::TryRngCore;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{QUICK, added, config, id, key, local, quiet, soon, start, until};
use SecPolicy::{Off, Prefer, Require};

/// The link of the first peer, at both ends.
fn link(a: &Server, b: &Server) -> Link {
    let links = [a.peer(&b.id()).unwrap().link(), b.peer(&a.id()).unwrap().link()];
    assert_eq!(links[0], links[1]);
    assert_eq!(a.peers()[0].network.link, links[0].to_string());
    links[0]
}

/// Two connected servers with these policies; the first dials.
async fn connected(here: Config, there: Config) -> (Server, Server) {
    let there = start(there).await;
    let here = start(here).await;
    let (mut here_events, mut events) = (here.events(), there.events());
    here.add_peer(there.enode());
    added(&mut here_events, there.id()).await;
    added(&mut events, here.id()).await;
    (here, there)
}

/// The first error of an attempt to dial.
async fn dial_error(here: &Server, to: &Server) -> DialFailReason {
    let mut events = here.events();
    here.add_peer(to.enode());
    until(&mut events, |event| match event {
        Event::DialFailed { error, .. } => Some(DialFailReason::from(&**error)),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn policies_decide_the_link() {
    for (here, there, sec) in [
        (Prefer, Prefer, true),
        (Require, Prefer, true),
        (Prefer, Require, true),
        (Prefer, Off, false),
        (Off, Prefer, false),
    ] {
        let (a, b) = connected(config(1).sec(here), config(2).sec(there)).await;
        assert_eq!(link(&a, &b).is_sec(), sec, "{here} dials {there}");
        assert_eq!((a.is_pinned(&b.id()), b.is_pinned(&a.id())), (sec, sec));
        let mut links = Vec::new();
        a.for_each_counter(|counted| {
            if counted.sample.metric.name == "p2p_peers_by_link" {
                links.push((counted.sample.labels[0].1.to_owned(), counted.sample.value));
            }
        });
        let of = |name: &str| links.iter().find(|(link, _)| link == name).unwrap().1;
        assert_eq!((of("sec/1"), of("rlpx")), (u64::from(sec), u64::from(!sec)));
    }
    let (a, b) = (start(config(1).sec(Require)).await, start(config(2).sec(Off)).await);
    assert_eq!(dial_error(&a, &b).await, DialFailReason::NoSec);
    let (a, b) = (start(config(1).sec(Off)).await, start(config(2).sec(Require)).await);
    assert_eq!(dial_error(&a, &b).await, DialFailReason::Unanswered);
}

#[tokio::test]
async fn a_node_can_have_a_policy_of_its_own() {
    let (a, b) =
        connected(config(1).sec(Require).sec_with(id(2), Prefer), config(2).sec(Off)).await;
    assert!(!link(&a, &b).is_sec());
    let (a, b) = connected(config(1), config(2).sec(Require).sec_with(id(1), Off)).await;
    assert!(!link(&a, &b).is_sec(), "the other end leaves it out");
}

#[tokio::test]
async fn a_pinned_node_is_not_connected_without_sec() {
    let (a, b) = connected(config(1), config(2)).await;
    let enode = b.enode();
    b.stop().await;
    // The same node comes back without it.
    let again = config(2).sec(Off).listen(format!("127.0.0.1:{}", enode.tcp));
    let again = start(again).await;
    let mut events = a.events();
    a.add_peer(again.enode());
    let error = until(&mut events, |event| match event {
        Event::DialFailed { error, .. } => Some(DialFailReason::from(&**error)),
        _ => None,
    })
    .await;
    assert!(matches!(error, DialFailReason::NoSec | DialFailReason::Connect), "{error}");
    let mut at_again = again.events();
    assert!(a.unpin(again.id()) && !a.unpin(again.id()));
    added(&mut at_again, a.id()).await;
    added(&mut events, again.id()).await;
    assert!(!link(&a, &again).is_sec());
    // It is refused the other way as well.
    let (c, d) = connected(config(3), config(4)).await;
    let listening = c.enode();
    drop(d);
    let dialing = start(config(4).sec(Off)).await;
    let mut failed = dialing.events();
    dialing.add_peer(listening);
    until(&mut failed, |event| matches!(event, Event::DialFailed { .. }).then_some(())).await;
    assert_eq!(dialing.peer_count(), 0);
}

#[cfg(feature = "store")]
#[tokio::test]
async fn a_pin_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let keeps = |n| {
        let discovery = p2p_server::DiscoverySettings::new().v4(false);
        config(n).discovery(discovery.store(dir.path().join(n.to_string())))
    };
    let (a, b) = connected(keeps(1), keeps(2)).await;
    let listened = b.enode().tcp;
    for server in [&a, &b] {
        soon(server.stop()).await;
    }
    drop((a, b));
    // First, and where it was: the other one remembers the address and dials it at once.
    let b = start(keeps(2).sec(Off).listen(format!("127.0.0.1:{listened}"))).await;
    let a = start(keeps(1)).await;
    assert!(a.is_pinned(&id(2)) && b.is_pinned(&id(1)), "both the dialing and the dialed node");
    assert_eq!(dial_error(&a, &b).await, DialFailReason::NoSec);
    assert!(a.unpin(id(2)));
    soon(a.stop()).await;
    drop(a);
    assert!(!start(keeps(1)).await.is_pinned(&id(2)), "a removed pin does not come back");
}

/// A listener that cuts every handshake whose auth is long, as a node that breaks on it would.
async fn cut_long_auths(listener: TcpListener, to: std::net::SocketAddr) {
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut auth = [0; 2];
            if near.peek(&mut auth).await.is_ok_and(|length| length == 2)
                && u16::from_be_bytes(auth) < 1000
            {
                let mut far = TcpStream::connect(to).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
            }
        });
    }
}

#[tokio::test]
async fn a_node_that_breaks_on_a_long_auth_is_dialed_without_after_two_failures() {
    let old = start(config(2).sec(Off)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut enode = old.enode();
    enode.tcp = listener.local_addr().unwrap().port();
    let proxy = tokio::spawn(cut_long_auths(listener, old.listen_addr().unwrap()));
    let a = start(config(1).backoff(QUICK)).await;
    let mut events = a.events();
    a.add_peer(enode.clone());
    added(&mut events, old.id()).await;
    let stats = a.stats();
    assert_eq!((stats.dials, stats.link_fallbacks), (3, 1));
    // Where it is required, or where the node is pinned, there is no such attempt.
    let strict = start(config(3).backoff(QUICK).sec(Require)).await;
    let mut events = strict.events();
    strict.add_peer(enode);
    for _ in 0..5 {
        until(&mut events, |event| matches!(event, Event::DialFailed { .. }).then_some(())).await;
    }
    assert_eq!((strict.stats().link_fallbacks, strict.peer_count()), (0, 0));
    proxy.abort();
}

/// An attacker who cuts handshakes with an offer gets no connection without one: both ends notice it, and pin each other.
#[tokio::test]
async fn two_nodes_with_sec_cannot_be_forced_into_plain_rlpx() {
    let b = start(config(2)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut enode = b.enode();
    enode.tcp = listener.local_addr().unwrap().port();
    let proxy = tokio::spawn(cut_long_auths(listener, b.listen_addr().unwrap()));
    let a = start(config(1).backoff(QUICK)).await;
    let mut events = a.events();
    a.add_peer(enode);
    until(&mut events, |event| match event {
        Event::DialFailed { error, .. } => {
            (DialFailReason::from(&**error) == DialFailReason::Downgraded).then_some(())
        }
        _ => None,
    })
    .await;
    assert_eq!((a.stats().link_downgrades, a.peer_count()), (1, 0));
    assert!(a.is_pinned(&b.id()));
    proxy.abort();
}

/// A client that is no server, over plain RLPx and without the notice in its Hello, as all other programs.
#[tokio::test]
async fn other_nodes_notice_nothing() {
    let server = start(config(1)).await;
    let mut events = server.events();
    let (key, off) = (key(9), SecSettings::off());
    let socket = TcpStream::connect(server.listen_addr().unwrap()).await.unwrap();
    let stock = Stock::new(&key, StockSize::default());
    let rng = rand::rngs::OsRng.unwrap_err();
    let id = server.id();
    let stream = connect_with(socket, &stock, &id, &off, HANDSHAKE_LIMIT, rng);
    let stream = soon(stream).await.unwrap();
    let config = p2p_server::mux::Config::default();
    let greeted = p2p_server::mux::exchange_hello(stream, &local(&key, quiet()), &config).await;
    let announced: Vec<_> =
        greeted.unwrap().hello().capabilities.iter().map(ToString::to_string).collect();
    assert_eq!(announced, ["chunk/1", "quiet/1", "sec/1"]);
    added(&mut events, key.id()).await;
    assert!(!server.is_pinned(&key.id()));
}
