//! Something else answers at an address than the node that is expected: both ends say what it means.

use p2p_server::{
    Event, InboundFailReason, Server,
    identity::{Enode, causes},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{addr, config, hung_up, id, soon, start, until};

/// The text of the first failed attempt to reach the node.
async fn dial_failure(server: &Server, enode: Enode) -> String {
    let mut events = server.events();
    server.add_peer(enode);
    until(&mut events, |event| match event {
        Event::DialFailed { error, .. } => Some(causes(&**error).to_string()),
        _ => None,
    })
    .await
}

async fn failed_for(server: &Server, reason: InboundFailReason) {
    soon(async {
        while server.stats().inbound_failures.get(reason) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn another_key_at_the_address_is_named_at_both_ends() {
    let (a, b) = (start(config(1)).await, start(config(2)).await);
    let text = dial_failure(&a, Enode::new(id(9), addr(&b))).await;
    assert!(text.contains("not the node with this id"), "{text}");
    failed_for(&b, InboundFailReason::OtherKey).await;
    assert!(InboundFailReason::OtherKey.to_string().contains("another key"));
    // Both ends list it among what was dropped.
    let listed = |server: &Server, reason: &str| {
        let dropped = server.drops().into_iter().find(|dropped| dropped.reason == reason).unwrap();
        (dropped.count > 0).then(|| dropped.last[0].clone())
    };
    let at_recipient = listed(&b, "inbound.other_key").unwrap();
    assert_eq!(at_recipient.addr.unwrap().ip(), addr(&b).ip());
    let at_dialer = listed(&a, "dial.unanswered").unwrap();
    assert_eq!(at_dialer.node, Some(id(9)));
    assert!(at_dialer.detail.unwrap().contains("not the node with this id"));
    assert_eq!(listed(&a, "inbound.other_key"), None);
}

#[tokio::test]
async fn a_port_of_another_service_is_named() {
    for (answer, name) in [
        (&b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..], "HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
        (&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x32], "TLS"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let service = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 1024]).await.unwrap();
            socket.write_all(answer).await.unwrap();
            hung_up(&mut socket).await;
        });
        let text = dial_failure(&start(config(1)).await, Enode::new(id(2), at)).await;
        assert!(text.contains(&format!("speaks {name}, not RLPx")), "{text}");
        service.await.unwrap();
    }
}

#[tokio::test]
async fn clients_of_other_services_are_counted_by_name() {
    let server = start(config(1)).await;
    for (bytes, reason) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], InboundFailReason::Http),
        (b"SSH-2.0-OpenSSH_9.6\r\n", InboundFailReason::Ssh),
        (&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01], InboundFailReason::Tls),
        (&[0xff; 8], InboundFailReason::NotRlpx),
    ] {
        let mut socket = TcpStream::connect(addr(&server)).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        failed_for(&server, reason).await;
    }
    assert_eq!(server.stats().inbound_failures.total(), 4);
}
