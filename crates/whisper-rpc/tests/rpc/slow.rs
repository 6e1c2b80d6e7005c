//! Slow clients: every step has a deadline, and every transport has a maximum number of connections.

use std::time::Duration;

use crate::support::client::Client;
use crate::support::eventually::PATIENCE;
use crate::support::http::Request;
use crate::support::node::{Node, config, request};
use crate::support::ws::{WsClient, frame, upgraded};
use futures_util::future::{join, join_all};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use whisper_rpc::RpcConfig;

/// A node with short deadlines.
fn impatient() -> RpcConfig {
    let mut config = config();
    config.limits.step_time = Duration::from_secs(1);
    config
}

/// Reads until the node closes the connection.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset ends the connection as well.
    let read = async { while matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {} };
    timeout(PATIENCE, read).await.expect("the node to close the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends byte by byte, slowly, until the node closes the connection.
async fn trickle(stream: &mut TcpStream, bytes: &[u8]) {
    for byte in bytes.iter().cycle() {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn serves(node: &Node) {
    assert_eq!(node.result("shh_version", json!([])).await, "6.0");
}

#[tokio::test]
async fn slow_heads_end_the_connection() {
    let node = Node::start_with(impatient()).await;
    // Nothing, the beginning of a request, and an endless header.
    let begins = ["", "POST / HT", "GET / HTTP/1.1\r\nhost: localhost\r\nx: "];
    let silent = |addr, begin: &'static str| async move {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        read_to_end(&mut stream).await;
    };
    let slow = |addr| async move {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        timeout(PATIENCE, trickle(&mut stream, b"GET / HTTP/1.1\r\nx: ")).await.unwrap();
    };
    let ports = [node.http(), node.ws()];
    let silent = ports.into_iter().flat_map(|addr| begins.map(|begin| silent(addr, begin)));
    join(join_all(silent), join_all(ports.map(slow))).await;
    serves(&node).await;
}

#[tokio::test]
async fn an_endless_head_is_refused() {
    let node = Node::start().await;
    for addr in [node.http(), node.ws()] {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n").await;
        let line = format!("x: {}\r\n", "y".repeat(8000));
        while stream.write_all(line.as_bytes()).await.is_ok() {}
        read_to_end(&mut stream).await;
    }
    serves(&node).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let node = Node::start_with(impatient()).await;
    let mut stream = TcpStream::connect(node.http()).await.unwrap();
    let body = request("shh_version", json!([]));
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let post = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(post.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.contains("\"6.0\""));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_refused() {
    let node = Node::start_with(impatient()).await;
    let half = Request::json("{\"jsonrpc\"").header("content-length", "1000");
    let mut stream = half.start(node.http()).await;
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(node.rpc.stats().refused_body, 1);
    serves(&node).await;
}

#[tokio::test]
async fn a_websocket_client_that_does_not_answer_pings_is_disconnected() {
    let node = Node::start_with(impatient()).await;
    // The client does nothing, as if it had been switched off.
    let words = read_to_end(&mut upgraded(node.ws()).await).await;
    assert!(words.starts_with("HTTP/1.1 101 "), "{words}");
    // An incomplete frame does not count as an answer.
    let mut stream = upgraded(node.ws()).await;
    stream.write_all(&[0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0]).await.unwrap();
    timeout(PATIENCE, trickle(&mut stream, b" ")).await.unwrap();
}

#[tokio::test]
async fn a_websocket_client_that_only_answers_pings_stays() {
    let node = Node::start_with(impatient()).await;
    let mut client = node.connect().await;
    // Clients that do not answer are disconnected twice in this time.
    for _ in 0..2 {
        read_to_end(&mut upgraded(node.ws()).await).await;
    }
    assert!(client.ask(request("shh_version", json!([]))).await.contains("6.0"));
}

#[tokio::test]
async fn a_websocket_client_that_never_reads_is_disconnected() {
    let mut config = impatient();
    config.limits.connections = 1;
    let node = Node::start_with(config).await;
    let mut stream = upgraded(node.ws()).await;
    let calls = frame(&request("shh_info", json!([]))).repeat(100);
    let flood = async { while stream.write_all(&calls).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("the node to close the connection");
    // Its connection no longer counts.
    while WsClient::connect_from(node.ws(), None).await.is_err() {}
    serves(&node).await;
}

#[tokio::test]
async fn silent_connections_do_not_lock_out_clients() {
    let node = Node::start().await;
    for addr in [node.http(), node.ws()] {
        let mut silent = Vec::new();
        for _ in 0..270 {
            silent.push(TcpStream::connect(addr).await.unwrap());
        }
        for _ in 0..24 {
            serves(&node).await;
            let mut client = node.connect().await;
            assert!(client.ask(request("shh_version", json!([]))).await.contains("6.0"));
        }
    }
}

/// The pongs for a client that only sends pings do not queue: the node reads no more of them.
#[tokio::test]
async fn pings_of_a_client_that_never_reads_are_not_read() {
    let mut config = config();
    config.limits.step_time = Duration::from_secs(5);
    let node = Node::start_with(config).await;
    let mut stream = upgraded(node.ws()).await;
    let pings = [&[0x89, 0xfd, 0, 0, 0, 0][..], &[7; 125]].concat().repeat(1000);
    let mut sent = 0;
    // It ends when the node disconnects the client, which reads nothing.
    let flood = async {
        while stream.write_all(&pings).await.is_ok() {
            sent += pings.len();
        }
    };
    timeout(PATIENCE, flood).await.expect("the node to close the connection");
    // Only what the buffers of the system hold.
    assert!(sent < 32 << 20, "{sent} bytes were read");
}

#[tokio::test]
async fn connections_above_the_limit_are_closed_and_counted() {
    let mut config = config();
    config.limits.connections = 2;
    let node = Node::start_with(config).await;
    for addr in [node.http(), node.ws()] {
        let before = node.rpc.stats().turned_away;
        let [mut oldest, second] =
            [TcpStream::connect(addr).await.unwrap(), TcpStream::connect(addr).await.unwrap()];
        let third = TcpStream::connect(addr).await.unwrap();
        assert_eq!(read_to_end(&mut oldest).await, "");
        assert_eq!(node.rpc.stats().turned_away, before + 1);
        drop((second, third));
    }
    // When a client disconnects, the next one can connect.
    let connect = async || loop {
        if let Ok(client) = WsClient::connect_from(node.ws(), None).await {
            return client;
        }
    };
    let (_first, mut second) = (connect().await, connect().await);
    assert!(WsClient::connect_from(node.ws(), None).await.is_err());
    assert!(second.ask(request("shh_version", json!([]))).await.contains("6.0"));
}

#[tokio::test]
async fn a_client_that_sends_nothing_at_first_is_disconnected_soon() {
    let mut config = config();
    config.limits.first_byte_time = Duration::from_millis(50);
    config.limits.step_time = Duration::from_secs(300);
    let node = Node::start_with(config).await;
    for addr in [node.http(), node.ws()] {
        let mut silent = TcpStream::connect(addr).await.unwrap();
        assert_eq!(read_to_end(&mut silent).await, "");
    }
    // Later it may be silent.
    let mut client = node.connect().await;
    let mut silent = TcpStream::connect(node.ws()).await.unwrap();
    read_to_end(&mut silent).await;
    assert!(client.ask(request("shh_version", json!([]))).await.contains("6.0"));
}

/// Asks over a connection of its own, which stays open, from this address of the machine.
#[cfg(target_os = "linux")]
async fn proven(addr: std::net::SocketAddr, from: [u8; 4]) -> Option<TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(addr).await.unwrap();
    let body = request("shh_version", json!([]));
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let post = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(post.as_bytes()).await.ok()?;
    let (mut answer, mut bytes) = (String::new(), [0; 1024]);
    while !answer.contains("\"6.0\"") {
        match timeout(PATIENCE, stream.read(&mut bytes)).await.expect("an answer in time") {
            Ok(1..) => answer += &String::from_utf8_lossy(&bytes),
            _ => return None,
        }
    }
    Some(stream)
}

/// Clients of one address cannot take all connections from others, even if they make valid requests.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_with_most_connections_makes_room_for_others() {
    let mut config = config();
    config.limits.connections = 4;
    let node = Node::start_with(config).await;
    let (greedy, other) = ([127, 0, 0, 1], [127, 0, 0, 2]);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(proven(node.http(), greedy).await.unwrap());
    }
    assert!(proven(node.http(), greedy).await.is_none(), "it has all of them");
    let mut others = Vec::new();
    for oldest in &mut held[..2] {
        others.push(proven(node.http(), other).await.expect("a connection"));
        assert_eq!(read_to_end(oldest).await, "", "its oldest is closed");
    }
    assert!(proven(node.http(), other).await.is_none(), "both have half of them");
}
