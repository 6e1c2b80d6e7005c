//! Hostile connections, and an honest one beside them.

use p2p_server::{Event, RefuseReason, RefuseStats};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{added, addr, config, dial, id, key, soon, start, until};

#[tokio::test]
async fn junk_does_not_keep_honest_peers_out() {
    let a = start(config(1).max_pending(8)).await;
    let mut events = a.events();
    let mut held = Vec::new();
    for n in 0..60usize {
        let mut socket = TcpStream::connect(addr(&a)).await.unwrap();
        match n % 3 {
            0 => {}
            1 => socket.write_all(&[u8::try_from(n).unwrap(); 600]).await.unwrap(),
            _ => socket.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap(),
        }
        held.push(socket);
    }
    let b = start(config(2)).await;
    b.add_peer(a.enode());
    added(&mut events, id(2)).await;
    assert_eq!(a.peer_count(), 1);
    // All of them are counted once the server has closed each one.
    soon(async {
        for socket in &mut held {
            let mut rest = Vec::new();
            let _ = socket.read_to_end(&mut rest).await;
            assert!(rest.is_empty(), "junk is not answered");
        }
    })
    .await;
    b.stop().await;
    a.stop().await;
    let stats = a.stats();
    // All of them came from one address.
    assert!(stats.refused.get(RefuseReason::TooManyPendingPerIp) > 0);
    let evicted = stats.refused.get(RefuseReason::TooManyPendingPerIp)
        + stats.refused.get(RefuseReason::TooManyPending);
    assert_eq!(stats.inbound_failures.total() + evicted, 60);
    assert_eq!((stats.accepted, stats.added, stats.dropped), (61, 1, 1));
}

#[tokio::test]
async fn a_peer_without_a_common_protocol_is_refused_and_others_are_served() {
    let a = start(config(1)).await;
    let mut events = a.events();
    let mut useless = config(2);
    useless.protocols.clear();
    let b = start(useless).await;
    b.add_peer(a.enode());
    let mut b_events = b.events();
    until(&mut b_events, |event| matches!(event, Event::DialFailed { .. }).then_some(())).await;
    let honest = dial(&key(3), &a.enode()).await.unwrap();
    added(&mut events, id(3)).await;
    assert_eq!(a.peer_count(), 1);
    assert!(a.stats().inbound_failures.total() >= 1);
    assert_eq!(a.stats().refused, RefuseStats::default());
    drop(honest);
}
