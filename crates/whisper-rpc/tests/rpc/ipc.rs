//! JSON-RPC over a Unix socket: all namespaces, requests in pieces, limits.

use std::path::Path;

use crate::support::client::Client;
use crate::support::ipc::IpcClient;
use crate::support::node::{Node, config, in_progress, request};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use whisper_protocol::{Config, FilterSettings, Post, QueueLimits, Recipient, Topic, Work};
use whisper_rpc::{RpcConfig, RpcError, serve};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

async fn version(client: &mut IpcClient) {
    let answer = client.ask(request("shh_version", json!([]))).await;
    assert_eq!(parsed(&answer)["result"], "6.0", "{answer}");
}

#[tokio::test]
async fn all_namespaces_are_served() {
    let node = Node::start().await;
    let mut client = node.connect_ipc().await;
    let modules = parsed(&client.ask(request("rpc_modules", json!([]))).await)["result"].clone();
    for namespace in ["admin", "debug", "history", "net", "rpc", "shh", "shhext", "web3"] {
        assert_eq!(modules[namespace], "1.0", "{modules}");
    }
    let drops = client.ask(request("debug_drops", json!([]))).await;
    assert!(parsed(&drops).get("result").is_some(), "{drops}");
}

#[tokio::test]
async fn requests_are_found_in_pieces_of_any_length() {
    let node = Node::start().await;
    let mut client = node.connect_ipc().await;
    let call = |id: u32| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"shh_version","params":["}}"]}}"#)
    };
    // Three in one piece, with and without white space between them.
    client.write(format!("{}{}\r\n\t{}", call(1), call(2), call(3))).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(parsed(&client.next().await.unwrap())["id"].as_u64().unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
    // One in many pieces.
    for byte in call(4).as_bytes() {
        client.write([*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(parsed(&client.next().await.unwrap())["id"], 4);
    let batch = client.ask(format!("[{}, {}]", request("net_version", json!([])), call(5))).await;
    assert_eq!(parsed(&batch).as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn requests_sent_before_the_end_are_answered() {
    let node = Node::start().await;
    let mut client = node.connect_ipc().await;
    client.write(request("shh_generateSymKeyFromPassword", json!(["swordfish"]))).await;
    client.finish().await;
    assert!(parsed(&client.next().await.unwrap())["result"].is_string());
    assert_eq!(client.next().await, None);
}

#[tokio::test]
async fn messages_are_pushed_to_subscribers() {
    let node = Node::start().await;
    node.whisper.set_min_work(Work::ZERO);
    let key = node.result("shh_newSymKey", json!([])).await;
    let mut client = node.connect_ipc().await;
    let criteria = json!(["messages", { "symKeyID": key, "topics": ["0x63686174"] }]);
    let id = parsed(&client.ask(request("shh_subscribe", criteria)).await)["result"].clone();
    let post =
        json!([{ "symKeyID": key, "topic": "0x63686174", "payload": "0x68", "powTarget": 0 }]);
    let hash = node.result("shh_post", post).await;
    let pushed = parsed(&client.next().await.unwrap());
    assert_eq!(pushed["params"]["subscription"], id);
    assert_eq!(pushed["params"]["result"]["hash"], hash);
    // Only the connection that subscribed can unsubscribe.
    let unsubscribe = request("shh_unsubscribe", json!([id]));
    let foreign = node.connect_ipc().await.ask(unsubscribe.clone()).await;
    assert!(foreign.contains("subscription not found"), "{foreign}");
    assert_eq!(parsed(&client.ask(unsubscribe).await)["result"], true);
}

#[tokio::test]
async fn after_an_invalid_request_the_connection_is_closed() {
    let node = Node::start().await;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let long = request("web3_sha3", json!([format!("0x{}", "0".repeat(600_000))]));
    let nested = format!("{{\"a\":{deep}");
    let cases: [(&[u8], i64); 7] = [
        (b"hello", -32700),
        (b"\"{}\"", -32700),
        (b"{]", -32700),
        (b"{\"id\":\"\xff\"}", -32700),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"shh_version\",\"params\":[}}", -32700),
        (nested.as_bytes(), -32007),
        (long.as_bytes(), -32007),
    ];
    for (bytes, code) in cases {
        let mut client = node.connect_ipc().await;
        client.write(bytes).await;
        client.write(" ".repeat(600_000)).await;
        // The system may discard the answer if much is left unread.
        if let Some(answer) = client.next().await {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            assert_eq!(parsed(&answer)["error"]["code"], code, "{shown}");
            assert_eq!(client.next().await, None, "{shown}");
        }
    }
    version(&mut node.connect_ipc().await).await;
}

#[tokio::test]
async fn deep_nesting_does_not_recurse() {
    let node = Node::start().await;
    let mut client = node.connect_ipc().await;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"shh_hasSymKey","params":{deep}}}"#);
    assert_eq!(parsed(&client.ask(call).await)["error"]["code"], -32602);
    assert_eq!(parsed(&client.ask(deep).await)[0]["error"]["code"], -32600);
    version(&mut client).await;
}

#[tokio::test]
async fn a_proof_of_work_is_cancelled_when_its_client_disconnects() {
    let node = Node::start().await;
    let key = node.result("shh_newSymKey", json!([])).await;
    let mut client = node.connect_ipc().await;
    let post = json!([{
        "symKeyID": key, "topic": "0x01020304", "payload": "0x00",
        "powTarget": 1e18, "powTime": 60, "ttl": 100,
    }]);
    client.write(request("shh_post", post)).await;
    in_progress(&node, 1).await;
    drop(client);
    in_progress(&node, 0).await;
}

#[tokio::test]
async fn two_nodes_do_not_share_a_socket() {
    let node = Node::start().await;
    let path = node.rpc.ipc_path().unwrap();
    let config =
        RpcConfig { http: None, ws: None, ipc: Some(path.clone()), ..RpcConfig::default() };
    let error = serve(config, node.whisper.clone(), node.server.clone()).await.unwrap_err();
    assert!(matches!(error, RpcError::IpcInUse { .. }), "{error}");
    version(&mut node.connect_ipc().await).await;
    node.rpc.stop().await;
    assert!(!Path::new(&path).exists(), "the node removes its socket");
}

#[tokio::test]
async fn a_subscriber_that_never_reads_loses_messages_and_delays_no_other_client() {
    let mut config = config();
    config.limits.unread_bytes = 60_000;
    let mailbox = QueueLimits { items: 4, bytes: 1_000_000 };
    let filters = FilterSettings { mailbox, ..FilterSettings::default() };
    let settings = Config { min_work: Work::ZERO, filters, ..Config::default() };
    let node = Node::start_from(config, settings).await;
    let key = node.whisper.keys().new_symmetric();
    let criteria = json!(["messages", { "symKeyID": key.to_string(), "topics": ["0x63686174"] }]);
    let (mut silent, mut client) = (node.connect_ipc().await, node.connect_ipc().await);
    for subscriber in [&mut silent, &mut client] {
        subscriber.ask(request("shh_subscribe", criteria.clone())).await;
    }
    let post = Post {
        topic: Topic(*b"chat"),
        payload: vec![0; 20_000],
        pow_target: 0.0,
        ..Post::new(Recipient::Symmetric(key))
    };
    let mut posted = 0;
    while node.whisper.stats().delivery.mailbox_full == 0 {
        posted += 1;
        assert!(posted < 2000, "what is queued for the silent client is bounded");
        node.whisper.post(post.clone()).await.unwrap();
        assert!(client.next().await.unwrap().contains("shh_subscription"));
    }
    version(&mut client).await;
}

/// Sends requests without reading answers, until the node closes the connection.
async fn flood(stream: &mut UnixStream) {
    let call = request("shh_info", json!([])).repeat(100);
    while stream.write_all(call.as_bytes()).await.is_ok() {}
}

#[tokio::test]
async fn a_client_that_never_reads_is_disconnected() {
    let mut config = config();
    config.limits.step_time = std::time::Duration::from_secs(1);
    config.limits.connections = 1;
    let node = Node::start_with(config).await;
    let path = node.rpc.ipc_path().unwrap();
    let mut silent = UnixStream::connect(&path).await.unwrap();
    // It ends because the node closes the connection. Until then the node has read a bounded number of requests.
    tokio::time::timeout(crate::support::eventually::PATIENCE, flood(&mut silent)).await.unwrap();
    // Its connection no longer counts.
    loop {
        let mut client = node.connect_ipc().await;
        client.write(request("shh_version", json!([]))).await;
        if client.next().await.is_some() {
            break;
        }
    }
}
