//! Subscriptions over WebSocket: messages are pushed, everything is bounded, and the connection ends them.

use std::net::SocketAddr;

use crate::support::client::Client;
use crate::support::json::Json;
use crate::support::node::{Node, request};
use crate::support::ws::{WsClient, frame, upgraded};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use whisper_protocol::{Config, FilterSettings, Post, QueueLimits, Recipient, Topic, Work};

/// A node that requires no work.
async fn start() -> Node {
    let node = Node::start().await;
    node.whisper.set_min_work(Work::ZERO);
    node
}

/// A symmetric key that both nodes derive from a password.
async fn key(node: &Node) -> Value {
    node.result("shh_generateSymKeyFromPassword", json!(["swordfish"])).await
}

fn subscribe(key: &Value) -> String {
    request("shh_subscribe", json!(["messages", { "symKeyID": key, "topics": ["0x63686174"] }]))
}

/// Posts without any work.
async fn post(node: &Node, key: &Value, payload: &str) -> Value {
    let message = json!({
        "symKeyID": key, "topic": "0x63686174", "payload": payload,
        "ttl": 20, "powTarget": 0,
    });
    node.result("shh_post", json!([message])).await
}

/// Subscribes, and returns the subscription's id.
async fn subscribed(client: &mut WsClient, key: &Value) -> String {
    let answer: Value = serde_json::from_str(&client.ask(subscribe(key)).await).unwrap();
    answer["result"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn notification(client: &mut WsClient) -> Value {
    let text = client.next().await.expect("a notification");
    let notification: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(notification["method"], "shh_subscription", "{notification}");
    notification["params"].clone()
}

#[tokio::test]
async fn a_message_is_pushed_to_its_subscribers() {
    let node = start().await;
    let key = key(&node).await;
    let (mut first, mut second) = (node.connect().await, node.connect().await);
    let (one, two) = (subscribed(&mut first, &key).await, subscribed(&mut second, &key).await);
    assert_ne!(one, two);
    let hash = post(&node, &key, "0x68656c6c6f").await;
    for (client, id) in [(&mut first, one), (&mut second, two)] {
        let pushed = notification(client).await;
        assert_eq!(pushed["subscription"], id.as_str());
        assert_eq!(pushed["result"]["payload"], "0x68656c6c6f");
        assert_eq!(pushed["result"]["topic"], "0x63686174");
        assert_eq!(pushed["result"]["hash"], hash);
    }
}

#[tokio::test]
async fn a_message_of_another_node_is_pushed() {
    let (near, far) = (start().await, start().await);
    let mut client = far.connect().await;
    let id = subscribed(&mut client, &key(&far).await).await;
    assert_eq!(near.result("admin_addPeer", json!([far.enode().to_string()])).await, true);
    let hash = post(&near, &key(&near).await, "0x01").await;
    let pushed = notification(&mut client).await;
    assert_eq!((&pushed["subscription"], &pushed["result"]["hash"]), (&json!(id), &hash));
}

#[tokio::test]
async fn the_notification_has_the_form_of_go_ethereum() {
    let node = start().await;
    let key = key(&node).await;
    let mut client = node.connect().await;
    subscribed(&mut client, &key).await;
    post(&node, &key, "0x").await;
    let text = Json::parse(&client.next().await.unwrap());
    let names = |json: &Json| match json {
        Json::Object(fields) => fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(names(&text), ["jsonrpc", "method", "params"]);
    assert_eq!(names(text.at("params")), ["subscription", "result"]);
    let fields = ["ttl", "timestamp", "topic", "payload", "padding", "pow", "hash"];
    assert_eq!(names(text.at("params.result")), fields);
}

#[tokio::test]
async fn after_unsubscribing_a_client_gets_no_messages() {
    let node = start().await;
    let key = key(&node).await;
    let (mut client, mut other) = (node.connect().await, node.connect().await);
    let id = subscribed(&mut client, &key).await;
    let unsubscribe = request("shh_unsubscribe", json!([id]));
    // Only the connection that subscribed can unsubscribe.
    let foreign = other.ask(unsubscribe.clone()).await;
    assert!(foreign.contains("subscription not found"), "{foreign}");
    assert!(client.ask(unsubscribe.clone()).await.contains("\"result\":true"));
    post(&node, &key, "0x01").await;
    // A notification would arrive before this answer.
    let again = client.ask(unsubscribe).await;
    assert!(again.contains("subscription not found"), "{again}");
    let none = client.ask(request("shh_unsubscribe", json!([]))).await;
    assert!(none.contains("missing value for required argument 0"), "{none}");
}

#[tokio::test]
async fn a_subscription_in_a_batch_is_refused() {
    let node = start().await;
    let key = key(&node).await;
    let mut client = node.connect().await;
    let version = request("shh_version", json!([]));
    let answer = client.ask(format!("[{},{version}]", subscribe(&key))).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer[0]["error"]["code"], -32000);
    assert_eq!(answer[1]["result"], "6.0");
}

/// A client that subscribes and then does not read.
async fn idle(addr: SocketAddr, subscribe: &str) -> TcpStream {
    let mut stream = upgraded(addr).await;
    stream.write_all(&frame(subscribe)).await.unwrap();
    // Reads the handshake and the answer, and nothing after them.
    let mut heard = String::new();
    while !heard.contains("\"result\"") {
        let mut some = [0; 512];
        let length = stream.read(&mut some).await.unwrap();
        assert_ne!(length, 0, "{heard}");
        heard += &String::from_utf8_lossy(&some[..length]);
    }
    stream
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_messages_and_delays_no_other_client() {
    let mut config = crate::support::node::config();
    config.limits.unread_bytes = 60_000;
    let mailbox = QueueLimits { items: 4, bytes: 1_000_000 };
    let filters = FilterSettings { mailbox, ..FilterSettings::default() };
    let settings = Config { min_work: Work::ZERO, filters, ..Config::default() };
    let node = Node::start_from(config, settings).await;
    let key = key(&node).await;
    let mut client = node.connect().await;
    subscribed(&mut client, &key).await;
    let idle = idle(node.ws(), &subscribe(&key)).await;
    let post = Post {
        topic: Topic(*b"chat"),
        payload: vec![0; 20_000],
        pow_target: 0.0,
        ..Post::new(Recipient::Symmetric(key.as_str().unwrap().parse().unwrap()))
    };
    let mut posted = 0;
    while node.whisper.stats().delivery.mailbox_full == 0 {
        posted += 1;
        assert!(posted < 2000, "what is queued for the idle client is bounded");
        let hash = node.whisper.post(post.clone()).await.unwrap();
        let pushed = notification(&mut client).await;
        assert_eq!(pushed["result"]["hash"], format!("0x{}", hex::encode(hash.hash())));
    }
    assert_eq!(node.result("shh_version", json!([])).await, "6.0");
    drop(idle);
}

#[tokio::test]
async fn subscriptions_of_one_connection_are_bounded() {
    let mut config = crate::support::node::config();
    config.limits.subscriptions = 2;
    let node = Node::start_with(config).await;
    let key = key(&node).await;
    let mut client = node.connect().await;
    let first = subscribed(&mut client, &key).await;
    subscribed(&mut client, &key).await;
    let refused: Value = serde_json::from_str(&client.ask(subscribe(&key)).await).unwrap();
    assert_eq!(refused["error"]["code"], -32006, "{refused}");
    client.ask(request("shh_unsubscribe", json!([first]))).await;
    subscribed(&mut client, &key).await;
}
