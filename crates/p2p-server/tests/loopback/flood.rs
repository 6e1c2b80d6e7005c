//! More junk connections than the limits allow, and honest nodes among them.

use std::{collections::VecDeque, net::SocketAddr};

use p2p_server::{InboundSettings, RefuseReason, Server, Stats, transport};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

use crate::support::{
    added, addr, config, connect_from, dial, dial_over, hung_up, id, key, quiet, soon, start,
};

/// Number of junk connections.
const JUNK: usize = 10_000;
/// Number of tasks that make them.
const SENDERS: usize = 8;
/// Number of sockets that each task keeps open.
const OPEN_PER_SENDER: usize = 30;

/// One connection that does not become a peer: silent, junk, another protocol, or a handshake and then
/// silence.
async fn junk(n: usize, from: [u8; 4], server: &Server) -> Option<TcpStream> {
    let mut socket = connect_from(from, addr(server)).await.ok()?;
    match n % 50 {
        0..25 => {}
        25..40 => socket.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.ok()?,
        40..49 => socket.write_all(&[0x55; 600]).await.ok()?,
        _ => {
            let key = p2p_server::identity::SecretKey::random(&mut rand::rng());
            let limit = transport::HANDSHAKE_LIMIT;
            drop(transport::connect(socket, &key, &server.id(), limit).await);
            return None;
        }
    }
    Some(socket)
}

/// The junk connections of one task, each from another address.
async fn send(sender: usize, server: Server) {
    let mut held = VecDeque::new();
    for n in (sender..JUNK).step_by(SENDERS) {
        let [_, x, y, z] = u32::try_from(n + (1 << 16)).unwrap().to_be_bytes();
        held.extend(junk(n / SENDERS, [127, x, y, z], &server).await);
        if held.len() > OPEN_PER_SENDER {
            held.pop_front();
        }
    }
}

#[tokio::test]
async fn ten_thousand_junk_connections_do_not_keep_honest_nodes_out() {
    // With the throttle for loopback addresses too.
    let inbound = InboundSettings { throttle_lan: true, ..InboundSettings::default() };
    let server = start(config(1).inbound(inbound).max_peers(100)).await;
    let mut events = server.events();
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        senders.spawn(send(sender, server.clone()));
    }
    // Honest nodes connect one after the other while the junk arrives; each may need several attempts.
    let (mut honest, mut attempts) = (Vec::new(), 0u64);
    while !senders.is_empty() || honest.len() < 3 {
        let n = u8::try_from(honest.len() + 2).unwrap();
        soon(async {
            loop {
                attempts += 1;
                let from = [127, 200, n, u8::try_from(attempts % 250).unwrap() + 1];
                let socket = connect_from(from, addr(&server)).await.unwrap();
                if let Ok(negotiated) = handshake(socket, n, &server).await {
                    honest.push(negotiated);
                    break;
                }
            }
        })
        .await;
        added(&mut events, id(n)).await;
        if honest.len() == 90 {
            soon(async { while senders.join_next().await.is_some() {} }).await;
        }
        while senders.try_join_next().is_some() {}
    }
    println!("{} honest nodes needed {attempts} attempts", honest.len());
    server.stop().await;
    let stats = server.stats();
    assert_eq!(stats.accepted, JUNK as u64 + attempts);
    assert_eq!(stats.added, honest.len() as u64);
    assert_eq!(unwanted(&stats) + stats.added, stats.accepted, "each connection is counted once");
}

/// The handshake of an honest client.
async fn handshake(
    socket: TcpStream,
    n: u8,
    server: &Server,
) -> Result<impl Sized + use<>, Box<dyn std::error::Error>> {
    let limit = transport::HANDSHAKE_LIMIT;
    let stream = transport::connect(socket, &key(n), &server.id(), limit).await?;
    let local = crate::support::local(&key(n), quiet());
    Ok(p2p_server::mux::exchange_hello(stream, &local, &p2p_server::mux::Config::default()).await?)
}

fn unwanted(stats: &Stats) -> u64 {
    stats.inbound_failures.total() + stats.refused.total()
}

#[tokio::test]
async fn one_address_cannot_take_all_pending_handshakes() {
    let server = start(config(1).max_pending(8)).await;
    let mut silent = Vec::new();
    for _ in 0..60 {
        silent.push(connect_from([127, 9, 9, 9], addr(&server)).await.unwrap());
    }
    // The address has evicted only its own handshakes, so the first attempt of another one succeeds.
    drop(dial(&key(2), &server.enode()).await.unwrap());
    for socket in &mut silent[..56] {
        hung_up(socket).await;
    }
    let refused = server.stats().refused;
    assert_eq!(
        (refused.get(RefuseReason::TooManyPendingPerIp), refused.get(RefuseReason::TooManyPending)),
        (56, 0)
    );
}

#[tokio::test]
async fn a_connection_of_a_throttled_address_is_closed() {
    let inbound = InboundSettings { throttle_lan: true, ..InboundSettings::default() };
    let server = start(config(1).inbound(inbound)).await;
    drop(dial(&key(2), &server.enode()).await.unwrap());
    let to: SocketAddr = addr(&server);
    hung_up(&mut connect_from([127, 0, 0, 1], to).await.unwrap()).await;
    assert_eq!(server.stats().refused.get(RefuseReason::Throttled), 1);
    let other = connect_from([127, 0, 0, 2], to).await.unwrap();
    drop(dial_over(other, &key(3), &server.enode()).await.unwrap());
    assert_eq!(server.stats().refused.get(RefuseReason::Throttled), 1);
}

/// The clock is paused: it advances to the next deadline when all tasks wait.
#[tokio::test(start_paused = true)]
async fn every_phase_of_a_handshake_has_a_deadline() {
    let server = start(config(1)).await;
    let mut silent = TcpStream::connect(addr(&server)).await.unwrap();
    hung_up(&mut silent).await;
    assert_eq!(server.stats().inbound_failures.total(), 1);
    let mut slow = TcpStream::connect(addr(&server)).await.unwrap();
    slow.write_all(&[1, 0x90, 4, 7]).await.unwrap();
    hung_up(&mut slow).await;
    assert_eq!(server.stats().inbound_failures.total(), 2);
    // It proves a key, and sends no Hello.
    let socket = TcpStream::connect(addr(&server)).await.unwrap();
    let limit = transport::HANDSHAKE_LIMIT;
    let mut stream = transport::connect(socket, &key(9), &server.id(), limit).await.unwrap();
    soon(async { while let Ok(Some(_)) = stream.read().await {} }).await;
    assert_eq!(server.stats().inbound_failures.total(), 3);
    assert_eq!(server.peer_count(), 0);
}
