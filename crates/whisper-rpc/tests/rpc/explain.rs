//! The methods that go-ethereum does not have: receipts, explanations, and the list of drops.

use crate::support::node::{FREE, Node, config};
use serde_json::{Value, json};
use whisper_protocol::{Config, ReceiptSettings, Work};
use whisper_rpc::{HttpSettings, Namespace, RpcConfig};

/// A node without peers that requires no work and also serves `debug`.
async fn node() -> Node {
    let api = Namespace::ALL.to_vec();
    let http = Some(HttpSettings { addr: FREE, api, ..HttpSettings::default() });
    let receipts = ReceiptSettings::default();
    let settings = Config { min_work: Work::ZERO, receipts, ..Config::default() };
    Node::start_from(RpcConfig { http, ws: None, ..config() }, settings).await
}

async fn post(node: &Node) -> Value {
    let key = node.result("shh_newSymKey", json!([])).await;
    let message = json!({
        "symKeyID": key, "topic": "0x74657374", "payload": "0x68656c6c6f", "ttl": 20,
        "powTarget": 0.0, "powTime": 1,
    });
    node.result("shh_post", json!([message])).await
}

#[tokio::test]
async fn a_receipt_is_found_by_the_hash_of_a_post() {
    let node = node().await;
    let hash = post(&node).await;
    let receipt = node.result("shh_receipt", json!([hash])).await;
    assert_eq!(
        receipt,
        json!({
            "state": "pending", "handed": 0, "kept": 0, "acknowledged": 0,
            "nobody": { "bloom": 0, "work": 0, "size": 0, "pending": 0 },
        })
    );
    assert_eq!(node.result("shh_receipt", json!([format!("0x{:064}", 0)])).await, Value::Null);
    let short = node.call("shh_receipt", json!(["0x00"])).await;
    assert_eq!(short["error"]["message"], "invalid hash size: 1");
    node.stop().await;
}

#[tokio::test]
async fn a_call_can_wait_for_a_receipt() {
    let (a, b) = (node().await, node().await);
    let added = a.result("admin_addPeer", json!([b.enode().to_string()])).await;
    assert_eq!(added, true);
    let hash = post(&a).await;
    let receipt = a.result("shh_receipt", json!([hash, 60])).await;
    assert_eq!(receipt, json!({ "state": "delivered", "kept": 1, "acknowledged": 0 }));
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn an_envelope_is_explained() {
    let node = node().await;
    let hash = post(&node).await;
    let told = node.result("shh_explain", json!([hash])).await;
    assert_eq!((&told["hash"], &told["state"]), (&hash, &json!("pooled")));
    assert_eq!(told["arrival"]["from"], "here");
    assert_eq!(told["pooled"]["topic"], "0x74657374");
    assert_eq!(told["receipt"]["state"], "pending");
    node.stop().await;
}

#[tokio::test]
async fn drops_are_listed_if_debug_is_served() {
    let node = node().await;
    let drops = node.result("debug_drops", json!([])).await;
    let drops = drops.as_array().unwrap();
    assert_eq!(drops.len(), whisper_protocol::Reason::ALL.len());
    assert_eq!(drops[0], json!({ "reason": "rejected.zero_ttl", "count": 0, "last": [] }));
    let unserved = Node::start().await.call("debug_drops", json!([])).await;
    assert_eq!(unserved["error"]["code"], -32601);
    node.stop().await;
}
