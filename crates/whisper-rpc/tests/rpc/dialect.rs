//! The field `dialect`: the same methods send messages to nodes that speak shh/5, and receive theirs.

use crate::support::client::Client;
use crate::support::eventually::eventually;
use crate::support::node::{Node, request};
use serde_json::{Value, json};
use whisper_protocol::Dialect;

/// Two connected nodes that speak shh/5.
async fn two_old_nodes() -> (Node, Node) {
    let (near, far) = (Node::speaking(Dialect::V5).await, Node::speaking(Dialect::V5).await);
    near.result("admin_addPeer", json!([far.enode().to_string()])).await;
    eventually("session", async || {
        let peers = far.result("admin_peers", json!([])).await;
        (peers[0]["protocols"]["shh"]["version"] == 5).then_some(())
    })
    .await;
    (near, far)
}

async fn key(node: &Node) -> Value {
    node.result("shh_generateSymKeyFromPassword", json!(["swordfish"])).await
}

async fn filter(node: &Node, criteria: Value) -> Value {
    let mut criteria = criteria;
    criteria["symKeyID"] = key(node).await;
    node.result("shh_newMessageFilter", json!([criteria])).await
}

/// Posts this payload, and returns the hash.
async fn post(node: &Node, payload: &str, dialect: Option<u64>) -> Value {
    let mut message = json!({
        "symKeyID": key(node).await, "topic": "0x63686174", "payload": payload, "ttl": 20,
        "powTarget": 0.25, "powTime": 5,
    });
    if let Some(dialect) = dialect {
        message["dialect"] = dialect.into();
    }
    node.result("shh_post", json!([message])).await
}

/// Waits until a filter has messages. Returns their hashes.
async fn collected(node: &Node, filter: &Value) -> Vec<Value> {
    eventually("message", async || {
        let messages = node.result("shh_getFilterMessages", json!([filter])).await;
        let messages = messages.as_array().unwrap();
        let hashes: Vec<_> = messages.iter().map(|message| message["hash"].clone()).collect();
        (!hashes.is_empty()).then_some(hashes)
    })
    .await
}

#[tokio::test]
async fn a_post_reaches_filters_of_its_dialect() {
    let (near, far) = two_old_nodes().await;
    assert_eq!(near.result("shh_version", json!([])).await, "6.0");
    let whole = filter(&far, json!({ "dialect": 5, "topics": ["0x63686174"] })).await;
    let beginning = filter(&far, json!({ "dialect": 5, "topics": ["0x63", "0xabcdef"] })).await;
    let other = filter(&far, json!({ "dialect": 5, "topics": ["0x6362"] })).await;
    let new = filter(&far, json!({})).await;
    let (new_here, old_here) =
        (filter(&near, json!({})).await, filter(&near, json!({ "dialect": 5 })).await);

    let of_new = post(&near, "0x06", None).await;
    let of_old = post(&near, "0x05", Some(5)).await;
    // Messages are opened in order, so a filter that has nothing after the second will get nothing.
    assert_eq!(collected(&far, &whole).await, std::slice::from_ref(&of_old));
    assert_eq!(collected(&far, &beginning).await, std::slice::from_ref(&of_old));
    for none in [&other, &new] {
        assert_eq!(far.result("shh_getFilterMessages", json!([none])).await, json!([]));
    }
    assert_eq!(collected(&near, &new_here).await, [of_new]);
    assert_eq!(collected(&near, &old_here).await, [of_old]);
    near.stop().await;
    far.stop().await;
}

#[tokio::test]
async fn a_subscription_is_for_a_dialect() {
    let (near, far) = two_old_nodes().await;
    let mut client = far.connect().await;
    let criteria = json!({ "symKeyID": key(&far).await, "dialect": 5, "topics": ["0x636861"] });
    client.ask(request("shh_subscribe", json!(["messages", criteria]))).await;
    let hash = post(&near, "0x05", Some(5)).await;
    let pushed: Value = serde_json::from_str(&client.next().await.unwrap()).unwrap();
    assert_eq!(pushed["params"]["result"]["hash"], hash);
    near.stop().await;
    far.stop().await;
}

#[tokio::test]
async fn an_invalid_dialect_or_topic_is_an_error() {
    let node = Node::start().await;
    let key = key(&node).await;
    let cases = [
        (json!({ "dialect": 7 }), "dialect: want 5 or 6, got 7"),
        (json!({ "dialect": "5" }), "dialect: want 5 or 6, got a string"),
        (json!({ "topics": ["0x6368"] }), "topics: [0]: hex string has length 4, want 8 for Topic"),
        (
            json!({ "dialect": 5, "topics": ["0x63", "0x"] }),
            "topics: [1]: hex string has length 0, want 2, 4, 6 or 8 for the beginning of a Topic",
        ),
        (
            json!({ "dialect": 5, "topics": ["0x6368617421"] }),
            "topics: [0]: hex string has length 10, want 2, 4, 6 or 8 for the beginning of a Topic",
        ),
    ];
    for (criteria, text) in cases {
        let mut criteria = criteria;
        criteria["symKeyID"] = key.clone();
        let answer = node.call("shh_newMessageFilter", json!([criteria])).await;
        assert_eq!(answer["error"]["code"], -32602);
        assert_eq!(answer["error"]["message"], format!("invalid argument 0: {text}"));
    }
    let message = json!({ "symKeyID": key, "topic": "0x6368", "dialect": 5 });
    let answer = node.call("shh_post", json!([message])).await;
    let text = "invalid argument 0: topic: hex string has length 4, want 8 for Topic";
    assert_eq!(answer["error"]["message"], text);
    node.stop().await;
}
