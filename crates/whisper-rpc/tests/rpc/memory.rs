//! Clients that do not read: what the node keeps for them is bounded, for all of them together.

use std::time::Duration;

use crate::support::client::Client;
use crate::support::eventually::{PATIENCE, eventually};
use crate::support::http::Request;
use crate::support::node::{Node, config, request};
use crate::support::ws::{frame, upgraded};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use whisper_rpc::RpcConfig;

const LIMIT: usize = 16 << 20;

/// How large the answer to [`large_batch`] is at least. The buffers of the system hold less.
const ANSWER: u64 = 6 << 20;

/// A node with little memory for clients, which are disconnected late for other reasons.
fn frugal() -> RpcConfig {
    let mut config = config();
    config.limits.memory = LIMIT;
    config.limits.unread_bytes = 1 << 20;
    config.limits.step_time = Duration::from_secs(300);
    config
}

/// A request with a large answer.
fn large_batch() -> String {
    format!("[{}]", vec![request("rpc_discover", json!([])); 90].join(","))
}

/// Connects deaf clients until one of them was disconnected for its memory.
async fn until_disconnected<S>(node: &Node, connect: impl AsyncFn() -> S) {
    let before = node.rpc.stats().out_of_memory;
    let mut deaf = Vec::new();
    while node.rpc.stats().out_of_memory == before {
        assert!(deaf.len() < 8, "{} bytes for {} clients", node.rpc.stats().memory, deaf.len());
        let memory = node.rpc.stats().memory;
        deaf.push(connect().await);
        eventually("answer", async || {
            let stats = node.rpc.stats();
            let most = LIMIT as u64 + 2 * ANSWER;
            assert!(stats.memory <= most, "{} bytes, {} is the limit", stats.memory, LIMIT);
            (stats.memory > memory + ANSWER / 2 || stats.out_of_memory > before).then_some(())
        })
        .await;
    }
    assert_eq!(node.result("shh_version", json!([])).await, "6.0");
}

async fn nothing_is_left(node: &Node) {
    eventually("memory", async || (node.rpc.stats().memory == 0).then_some(())).await;
}

#[tokio::test]
async fn answers_that_http_clients_do_not_read_are_bounded() {
    let node = Node::start_with(frugal()).await;
    until_disconnected(&node, async || Request::json(large_batch()).start(node.http()).await).await;
    nothing_is_left(&node).await;
}

#[tokio::test]
async fn answers_that_websocket_clients_do_not_read_are_bounded() {
    let node = Node::start_with(frugal()).await;
    until_disconnected(&node, async || {
        let mut stream = upgraded(node.ws()).await;
        stream.write_all(&frame(&large_batch())).await.unwrap();
        stream
    })
    .await;
    nothing_is_left(&node).await;
}

#[cfg(unix)]
#[tokio::test]
async fn answers_that_ipc_clients_do_not_read_are_bounded() {
    let node = Node::start_with(frugal()).await;
    until_disconnected(&node, async || {
        let path = node.rpc.ipc_path().unwrap();
        let mut stream = tokio::net::UnixStream::connect(path).await.unwrap();
        stream.write_all(large_batch().as_bytes()).await.unwrap();
        stream
    })
    .await;
    nothing_is_left(&node).await;
}

/// One client gets no second large answer before it has read the first.
#[tokio::test]
async fn a_client_gets_no_more_than_it_reads() {
    let node = Node::start_with(frugal()).await;
    let mut client = node.connect().await;
    for _ in 0..20 {
        client.send(large_batch()).await;
    }
    for _ in 0..20 {
        assert!(client.next().await.expect("an answer").len() as u64 > ANSWER);
        assert!(node.rpc.stats().memory <= LIMIT as u64);
    }
    assert_eq!(node.rpc.stats().out_of_memory, 0);
}

#[tokio::test]
async fn requests_that_do_not_end_are_bounded() {
    let mut config = frugal();
    config.limits.request_bytes = Some(4 << 20);
    config.limits.memory = 8 << 20;
    let node = Node::start_with(config).await;
    let part = vec![b' '; 3 << 20];
    // The head of a frame of 4 MiB, and most of it.
    let head = [&[0x81, 0xff][..], &(4_u64 << 20).to_be_bytes(), &[0; 4]].concat();
    let post = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 4000000\r\n\r\n";
    let mut open = Vec::new();
    for number in 0..6 {
        let (mut stream, head) = match number % 2 {
            0 => (upgraded(node.ws()).await, &head[..]),
            _ => (TcpStream::connect(node.http()).await.unwrap(), post.as_bytes()),
        };
        let sent = async {
            stream.write_all(head).await?;
            stream.write_all(&part).await
        };
        // An error means that it was disconnected.
        let _ = timeout(PATIENCE, sent).await.expect("the node to read");
        open.push(stream);
    }
    eventually("disconnected client", async || (node.rpc.stats().out_of_memory > 0).then_some(()))
        .await;
    assert!(node.rpc.stats().memory <= 12 << 20);
    assert_eq!(node.result("shh_version", json!([])).await, "6.0");
}

#[tokio::test]
async fn pings_occupy_no_memory_for_long() {
    let mut config = frugal();
    config.limits.request_bytes = Some(10_000);
    let node = Node::start_with(config).await;
    let mut stream = upgraded(node.ws()).await;
    let mut answer = [0; 1024];
    let ping = [&[0x89, 0xfd, 0, 0, 0, 0][..], &[7; 125]].concat();
    for _ in 0..1000 {
        stream.write_all(&ping).await.unwrap();
        let read = timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
        assert_ne!(read, 0);
    }
    assert!(node.rpc.stats().memory <= 10_000 + 4096);
}
