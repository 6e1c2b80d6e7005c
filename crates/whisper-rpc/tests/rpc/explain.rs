//! The methods that go-ethereum does not have: receipts, explanations, and the list of drops.

use crate::support::client::Client;
use crate::support::eventually::eventually;
use crate::support::node::{FREE, Node, config, request};
use serde_json::{Value, json};
use whisper_protocol::{Config, ReceiptSettings, Work};
use whisper_rpc::{HttpSettings, Namespace, RpcConfig, WsSettings};

/// A node without peers that requires no work and also serves `debug`.
async fn node() -> Node {
    let api = Namespace::ALL.to_vec();
    let http = Some(HttpSettings { addr: FREE, api: api.clone(), ..HttpSettings::default() });
    let ws = Some(WsSettings { addr: FREE, api, ..WsSettings::default() });
    let receipts = ReceiptSettings::default();
    let settings = Config { min_work: Work::ZERO, receipts, ..Config::default() };
    Node::start_from(RpcConfig { http, ws, ..config() }, settings).await
}

async fn post(node: &Node) -> Value {
    let key = node.result("shh_newSymKey", json!([])).await;
    post_with(node, &key).await
}

async fn post_with(node: &Node, key: &Value) -> Value {
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

/// The result of a call over a connection without subscriptions.
async fn ask(client: &mut impl Client, method: &str, params: Value) -> Value {
    let answer: Value = serde_json::from_str(&client.ask(request(method, params)).await).unwrap();
    answer.get("result").unwrap_or_else(|| panic!("{method}: {answer}")).clone()
}

#[tokio::test]
async fn an_explanation_tells_only_ids_that_the_caller_has() {
    let node = node().await;
    let key = node.result("shh_newSymKey", json!([])).await;
    let criteria = json!([{ "symKeyID": key, "topics": ["0x74657374"] }]);
    let (mut first, mut second) = (node.connect().await, node.connect().await);
    let on_first = ask(&mut first, "shh_newMessageFilter", criteria.clone()).await;
    let over_http = node.result("shh_newMessageFilter", criteria).await;
    let hash = post_with(&node, &key).await;
    let listed = |told: &Value| {
        let pooled = &told["pooled"];
        let ids = pooled["filters"].as_array().unwrap().iter();
        (ids.map(|filter| filter["id"].clone()).collect::<Vec<_>>(), pooled["moreFilters"].clone())
    };
    let explain = json!([hash]);
    // HTTP requests do not show whether they are from the same client.
    let told = node.result("shh_explain", explain.clone()).await;
    assert_eq!(listed(&told), (vec![], json!(2)));
    let told = ask(&mut second, "shh_explain", explain.clone()).await;
    assert_eq!(listed(&told), (vec![], json!(2)));
    let told = ask(&mut first, "shh_explain", explain).await;
    assert_eq!(listed(&told), (vec![on_first], json!(1)));
    // An id that the caller gives is its own.
    let given = json!([hash, [over_http, "nonsense", "00".repeat(32)]]);
    let told = ask(&mut second, "shh_explain", given).await;
    assert_eq!(listed(&told), (vec![over_http], json!(1)));
    node.stop().await;
}

#[tokio::test]
async fn a_filter_gets_pooled_messages_on_request() {
    let node = node().await;
    let key = node.result("shh_newSymKey", json!([])).await;
    let hash = post_with(&node, &key).await;
    let criteria = |pooled: bool| {
        let topics = ["0x74657374"];
        json!({ "symKeyID": key, "topics": topics, "includePooled": pooled })
    };
    let filter = node.result("shh_newMessageFilter", json!([criteria(false)])).await;
    let mut client = node.connect().await;
    ask(&mut client, "shh_subscribe", json!(["messages", criteria(true)])).await;
    let message: Value = serde_json::from_str(&client.next().await.unwrap()).unwrap();
    assert_eq!(message["params"]["result"]["hash"], hash);
    let pooled = node.result("shh_newMessageFilter", json!([criteria(true)])).await;
    let found = eventually("message from the pool", async || {
        let messages = node.result("shh_getFilterMessages", json!([pooled])).await;
        messages.as_array().unwrap().first().map(|message| message["hash"].clone())
    });
    assert_eq!(found.await, hash);
    assert_eq!(node.result("shh_getFilterMessages", json!([filter])).await, json!([]));
    node.stop().await;
}

#[tokio::test]
async fn drops_are_listed_if_debug_is_served() {
    let node = node().await;
    let drops = node.result("debug_drops", json!([])).await;
    let drops = drops.as_array().unwrap();
    let reasons: Vec<_> = drops.iter().map(|dropped| dropped["reason"].as_str().unwrap()).collect();
    for reason in whisper_protocol::Reason::ALL {
        assert!(reasons.contains(&reason.name()), "{reason}");
    }
    for reason in p2p_server::RefuseReason::ALL {
        assert!(reasons.contains(&&*format!("refused.{}", reason.name())), "{reason}");
    }
    assert!(reasons.contains(&"rpc.token") && reasons.contains(&"rpc.connections"));
    assert_eq!(drops[0], json!({ "reason": "rejected.zero_ttl", "count": 0, "last": [] }));
    let unserved = Node::start().await.call("debug_drops", json!([])).await;
    assert_eq!(unserved["error"]["code"], -32601);
    node.stop().await;
}
